// What stands in the volumes that an agent writes (configMap, secret, projected, downwardAPI): kubelet's plugins of these names,
// as far as they say what is in a file. Pure: the sources are given, as they are now.
import { createHash } from 'node:crypto'
import type { ConfigMap, KeyToPath, Pod, Secret, Volume, VolumeProjection } from '../api/core/v1.ts'
import type { VolumeFile, WrittenVolume } from './agent-protocol.ts'
import { podContainers } from './containers.ts'
import { fieldValue, type NodeFacts, resourceValue } from './downward.ts'
import { isFolderOf, plainPath, subFolder, taskVolumeName } from './volumes.ts'

export interface VolumeSources {
  configMap(name: string): ConfigMap | undefined
  secret(name: string): Secret | undefined
  /** The token of a serviceAccountToken source. @throws Error when there can be none. */
  token(source: NonNullable<VolumeProjection['serviceAccountToken']>): string
  readonly node: NodeFacts
}

type Files = Map<string, VolumeFile>

/** Of a source that does not say. */
const DEFAULT_MODE = 0o644

export function writtenVolume(pod: Pod, volume: Volume, sources: VolumeSources): WrittenVolume {
  const files: Files = new Map()
  const problems: string[] = []
  for (const source of sourcesOf(volume)) {
    try {
      for (const file of filesOf(pod, source, modeOf(volume), sources)) files.set(file.path, file)
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error))
    }
  }
  const problem = problems.length > 1 ? `[${problems.join(', ')}]` : problems[0]
  const about = { name: volume.name, folder: taskVolumeName(pod, volume.name) }
  return problem === undefined ? { ...about, files: owned([...files.values()], pod) } : { ...about, files: [], problem }
}

/** A container may have a group other than fsGroup, and no more than one: where the pod has one user, the files are that user's. */
function owned(files: readonly VolumeFile[], pod: Pod): readonly VolumeFile[] {
  const user = pod.spec.securityContext?.fsGroup === undefined ? undefined : onlyUser(pod)
  return user === undefined ? files : files.map(file => ({ ...file, user }))
}

/** The folders of a written volume that are mounted on their own, each as a volume. Only plain subPaths: what is in a variable is a file. */
export function foldersOf(pod: Pod, volume: Volume, all: WrittenVolume): WrittenVolume[] {
  const mounts = podContainers(pod).flatMap(({ container }) => container.volumeMounts ?? [])
  const paths = new Set(mounts.filter(({ name }) => name === volume.name).map(({ subPath = '' }) => plainPath(subPath)))
  return [...paths]
    .filter(path => path !== '' && isFolderOf(volume, path))
    .map(path => ({
      ...all,
      folder: subFolder(all.folder, path),
      files: all.files.flatMap(file => {
        const inside = plainPath(file.path)
        return inside.startsWith(`${path}/`) ? [{ ...file, path: inside.slice(path.length + 1) }] : []
      }),
    }))
}

const modeOf = ({ configMap, secret, projected, downwardAPI }: Volume) =>
  (configMap ?? secret ?? projected ?? downwardAPI)?.defaultMode ?? DEFAULT_MODE

/** Every kind as the projection that it is one of. */
export function sourcesOf({ configMap, secret, projected, downwardAPI }: Volume): readonly VolumeProjection[] {
  if (configMap) return [{ configMap }]
  if (secret) return [{ secret: { name: secret.secretName, items: secret.items, optional: secret.optional } }]
  if (downwardAPI) return [{ downwardAPI }]
  return projected?.sources ?? []
}

function filesOf(pod: Pod, source: VolumeProjection, mode: number, sources: VolumeSources): VolumeFile[] {
  if (source.configMap) {
    const { name = '', items, optional } = source.configMap
    const found = sources.configMap(name)
    if (!found && !optional) throw new Error(`configmap ${JSON.stringify(name)} not found`)
    return picked(contentOf(found), items, mode, optional, key => `configmap references non-existent config key: ${key}`)
  }
  if (source.secret) {
    const { name = '', items, optional } = source.secret
    const found = sources.secret(name)
    if (!found && !optional) throw new Error(`secret ${JSON.stringify(name)} not found`)
    return picked(new Map(Object.entries(found?.data ?? {})), items, mode, optional, key => `references non-existent secret key: ${key}`)
  }
  if (source.downwardAPI) return downward(pod, source.downwardAPI, mode, sources)
  if (source.serviceAccountToken) return [tokenFile(pod, source.serviceAccountToken, mode, sources)]
  throw new Error(`projected volumes from ${Object.keys(source).join(', ') || 'nothing'} are not supported`)
}

/** By key, in base64. */
const contentOf = ({ data = {}, binaryData = {} }: Partial<ConfigMap> = {}) =>
  new Map([...Object.entries(data).map(([key, text]) => [key, base64(text)] as const), ...Object.entries(binaryData)])

const base64 = (text: string) => Buffer.from(text).toString('base64')

/** All keys under their own names, or those that are named. */
function picked(
  content: ReadonlyMap<string, string>,
  items: readonly KeyToPath[] | undefined,
  mode: number,
  optional: boolean | undefined,
  missing: (key: string) => string,
): VolumeFile[] {
  if (!items?.length) return [...content].map(([path, text]) => ({ path, content: text, mode }))
  return items.flatMap(({ key, path, mode: own }) => {
    const text = content.get(key)
    if (text !== undefined) return [{ path, content: text, mode: own ?? mode }]
    if (optional) return []
    throw new Error(missing(key))
  })
}

function downward(pod: Pod, { items = [] }: NonNullable<Volume['downwardAPI']>, mode: number, { node }: VolumeSources): VolumeFile[] {
  return items.map(({ path, fieldRef, resourceFieldRef, mode: own }) => {
    const value = fieldRef
      ? fieldValue(pod, fieldRef.fieldPath, node, [])
      : resourceFieldRef
        ? resourceValue(pod, pod.spec.containers[0]!, resourceFieldRef, node)
        : ''
    return { path, content: base64(value), mode: own ?? mode }
  })
}

/** For its owner alone where everything in the pod runs as one user, or fsGroup lets others read it. */
function tokenFile(
  pod: Pod,
  source: NonNullable<VolumeProjection['serviceAccountToken']>,
  mode: number,
  sources: VolumeSources,
): VolumeFile {
  const user = onlyUser(pod)
  const hidden = user !== undefined || pod.spec.securityContext?.fsGroup !== undefined
  return { path: source.path, content: base64(sources.token(source)), mode: hidden ? 0o600 : mode, user }
}

/** The user of all containers, where they have one and the same. */
function onlyUser({ spec }: Pod): number | undefined {
  const users = [...(spec.initContainers ?? []), ...spec.containers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  )
  return users.every(user => user === users[0]) ? users[0] : undefined
}

/** Changes with every file but those that hold tokens. */
export function versionOf(volumes: readonly WrittenVolume[], tokenPaths: ReadonlySet<string>): string {
  const told = volumes.map(({ name, files, problem }) => [
    name,
    problem,
    files.map(({ path, content, mode, user }) => [path, tokenPaths.has(`${name}/${path}`) ? '' : content, mode, user]),
  ])
  return createHash('sha256').update(JSON.stringify(told)).digest('base64url').slice(0, 16)
}
