// Everything that a pod's mounts depend on, looked up: claims and their volumes, variables in paths, access points of subPaths.
import { createHash } from 'node:crypto'
import type { Container, PersistentVolume, PersistentVolumeClaim, Pod } from '../api/core/v1.ts'
import type { Reader } from '../apimachinery/context.ts'
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES } from '../controllers/collections.ts'
import { AccessPointError, type AccessPoints } from '../controllers/volumes/access-points.ts'
import { podContainers } from './containers.ts'
import { ConfigError } from './environment.ts'
import { MountProblem, setUpFailed } from './mount-problem.ts'
import { type Mount, type MountInput, subPointKey } from './mounts.ts'
import { environmentOf } from './plan.ts'
import { claimNameOf, type VolumeSource, volumeSource } from './volume-source.ts'
import { plainPath } from './volumes.ts'

export interface LookupOptions {
  readonly read: Reader
  readonly accessPoints: () => Promise<AccessPoints>
}

/** @throws MountProblem that says what is in the way */
export async function lookUpMounts(pod: Pod, { read, accessPoints }: LookupOptions): Promise<Omit<MountInput, 'onInstance'>> {
  const [claims, mounts] = await Promise.all([claimsOf(pod, read), mountsOf(pod, read)])
  const sources = new Map((pod.spec.volumes ?? []).map(volume => [volume.name, volumeSource(pod, volume, claims)]))
  return { mounts, sources, subPoints: await subPointsOf(mounts, sources, accessPoints) }
}

async function claimsOf(pod: Pod, read: Reader) {
  const { namespace } = pod.metadata
  const claims = new Map<string, PersistentVolumeClaim | undefined>()
  const volumes = new Map<string, PersistentVolume | undefined>()
  await Promise.all(
    (pod.spec.volumes ?? []).map(async volume => {
      const name = claimNameOf(pod, volume)
      if (name === undefined) return
      const claim = await read.get<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, namespace, name)
      claims.set(name, claim)
      const bound = claim?.spec?.volumeName
      if (bound) volumes.set(bound, await read.get<PersistentVolume>(PERSISTENT_VOLUMES, undefined, bound))
    }),
  )
  return { claim: (name: string) => claims.get(name), volume: (name: string) => volumes.get(name) }
}

async function mountsOf(pod: Pod, read: Reader): Promise<Mount[]> {
  const all = await Promise.all(
    podContainers(pod).map(async ({ container }) => {
      const mounts = container.volumeMounts ?? []
      const variables = mounts.some(({ subPathExpr }) => subPathExpr) ? await variablesOf(pod, container, read) : new Map<string, string>()
      return mounts.map(({ name, mountPath, subPath = '', subPathExpr, readOnly = false }) => ({
        container: container.name,
        volume: name,
        mountPath,
        subPath: plainPath(subPathExpr ? expanded(subPathExpr, variables, name) : subPath),
        readOnly,
      }))
    }),
  )
  return all.flat()
}

async function variablesOf(pod: Pod, container: Container, read: Reader): Promise<ReadonlyMap<string, string>> {
  try {
    return new Map((await environmentOf(pod, container, read)).map(({ name, value }) => [name, value]))
  } catch (error) {
    if (error instanceof ConfigError)
      throw new MountProblem(`failed to resolve subPathExpr of container ${container.name}: ${error.message}`)
    throw error
  }
}

/** Unlike in commands, an unknown name is an error, and nothing may lead out of the volume. */
function expanded(text: string, variables: ReadonlyMap<string, string>, volume: string): string {
  const path = text.replace(/\$(?:\$|\(([^)]*)\))/g, (_, name: string | undefined) => {
    if (name === undefined) return '$'
    const value = variables.get(name)
    if (value === undefined)
      throw new MountProblem(setUpFailed(volume, `subPathExpr ${JSON.stringify(text)}: missing value for ${JSON.stringify(name)}`))
    return value
  })
  if (path.startsWith('/') || path.split('/').includes('..'))
    throw new MountProblem(
      setUpFailed(volume, `subPathExpr ${JSON.stringify(text)} is ${JSON.stringify(path)}, which leads out of the volume`),
    )
  return path
}

/** An access point shows one folder: a subPath of it needs one of its own, which is made once and goes with the volume. */
async function subPointsOf(
  mounts: readonly Mount[],
  sources: ReadonlyMap<string, VolumeSource>,
  accessPoints: () => Promise<AccessPoints>,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const { volume, subPath } of mounts) {
    const source = sources.get(volume)
    if (subPath === '' || source?.kind !== 'efs' || source.accessPointId === undefined) continue
    const key = subPointKey(volume, subPath)
    if (!found.has(key)) found.set(key, await subPoint(volume, source.fileSystemId, source.accessPointId, subPath, await accessPoints()))
  }
  return found
}

async function subPoint(volume: string, fileSystemId: string, parentId: string, subPath: string, points: AccessPoints): Promise<string> {
  try {
    const parent = await points.find(parentId)
    if (!parent) throw new AccessPointError(`access point ${parentId} does not exist`)
    const path = `${parent.path.replace(/\/$/, '')}/${subPath}`
    const token = createHash('sha256').update(`${parentId}/${subPath}`).digest('hex').slice(0, 40)
    const tags = { [PARENT_TAG]: parentId }
    return (await points.ensure({ fileSystemId, token, path, owner: { uid: 0, gid: 0, permissions: '0777' }, tags })).id
  } catch (error) {
    if (error instanceof AccessPointError)
      throw new MountProblem(setUpFailed(volume, `subPath ${JSON.stringify(subPath)}: ${error.message}`))
    throw error
  }
}

/** The access point of which another one is a part. */
const PARENT_TAG = 'zeroplane.dev/access-point'
