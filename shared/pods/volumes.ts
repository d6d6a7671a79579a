// Volumes of a pod as its author named them.
import { createHash } from 'node:crypto'
import type { Pod, Volume } from '../api/core/v1.ts'
import { podContainers } from './containers.ts'

/** The service account's token and the cluster's CA, which admission puts into every pod. */
export const isApiAccess = ({ name, projected }: Volume) => projected !== undefined && name.startsWith('kube-api-access-')

/**
 * What the volume is called in the task. The one that admission made has another name in each pod; replicas that share a task definition
 * call it alike (no volume of a pod can have an underscore in its name).
 */
export function taskVolumeName(pod: Pod, volume: string): string {
  return pod.spec.volumes?.find(isApiAccess)?.name === volume ? 'kube_api_access' : volume
}

/** What a subPath of a volume is called, as a volume of its own. */
export const subFolder = (name: string, subPath: string) => `${name}_${createHash('sha256').update(subPath).digest('hex').slice(0, 12)}`

const WRITTEN: readonly string[] = ['configMap', 'secret', 'projected', 'downwardAPI']

/** "configMap", "hostPath" ... A volume without a source is an emptyDir. */
export const kindOf = (volume: Volume): string =>
  Object.keys(volume).find(key => key !== 'name' && volume[key as keyof Volume] !== undefined) ?? 'emptyDir'

/** The agent writes what is in it, and nobody else. */
export const isWritten = (volume: Volume) => WRITTEN.includes(kindOf(volume))

/** "a//b/" and "./a/b" are "a/b"; "" is the whole volume. */
export const plainPath = (path: string) =>
  path
    .split('/')
    .filter(part => part !== '' && part !== '.')
    .join('/')

/** Whether a folder of a written volume is meant, and not a single file: what the pod's author says of its files shows it. */
export function isFolderOf(volume: Volume, subPath: string): boolean {
  const below = `${subPath}/`
  return pathsOf(volume).some(path => path.startsWith(below))
}

/** What of an emptyDir a task has, by plain subPaths; those in variables are not counted. */
export function emptyDirFolders(pod: Pod, name: string): string[] {
  const mounts = podContainers(pod).flatMap(({ container }) => container.volumeMounts ?? [])
  const paths = [
    ...new Set(mounts.filter(mount => mount.name === name && !mount.subPathExpr).map(({ subPath = '' }) => plainPath(subPath))),
  ]
  // Its parts are mounted inside the whole.
  return paths.length === 0 || paths.includes('') ? [name] : paths.map(path => subFolder(name, path))
}

function pathsOf({ configMap, secret, downwardAPI, projected }: Volume): string[] {
  const items = (configMap ?? secret ?? downwardAPI)?.items ?? []
  const projections = (projected?.sources ?? []).flatMap(source => [
    ...((source.configMap ?? source.secret ?? source.downwardAPI)?.items ?? []),
    ...(source.serviceAccountToken ? [source.serviceAccountToken] : []),
  ])
  return [...items, ...projections].map(({ path }) => plainPath(path))
}
