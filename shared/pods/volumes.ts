// Volumes of a pod as far as a task can have them.
import type { Pod, Volume, VolumeMount } from '../api/core/v1.ts'
import { podContainers } from './containers.ts'

/** The service account's token and the cluster's CA, which admission puts into every pod. */
export const isApiAccess = ({ name, projected }: Volume) => projected !== undefined && name.startsWith('kube-api-access-')

/**
 * What the volume is called in the task. The one that admission made has another name in each pod; replicas that share a task definition
 * call it alike (no volume of a pod can have an underscore in its name).
 */
export function taskVolumeName(pod: Pod, volume: Pick<Volume, 'name'>): string {
  return pod.spec.volumes?.find(isApiAccess)?.name === volume.name ? 'kube_api_access' : volume.name
}

const WRITTEN: readonly string[] = ['configMap', 'secret', 'projected', 'downwardAPI']
const SUPPORTED: readonly string[] = ['emptyDir', ...WRITTEN]

/** Kind of a volume's source: "configMap", "hostPath" ... A volume without a source is an emptyDir. */
const sourceOf = (volume: Volume) =>
  Object.keys(volume).find(key => key !== 'name' && volume[key as keyof Volume] !== undefined) ?? 'emptyDir'

/** The agent writes what is in it, and nobody else. */
export const isWritten = (volume: Volume) => WRITTEN.includes(sourceOf(volume))

/** What is in the way of starting the pod, as a FailedMount event tells it; nothing when all can be mounted. */
export function volumeProblems(pod: Pod): string[] {
  const used = new Set(podContainers(pod).flatMap(({ container }) => (container.volumeMounts ?? []).map(({ name }) => name)))
  const sources = (pod.spec.volumes ?? [])
    .filter(volume => used.has(volume.name) && !SUPPORTED.includes(sourceOf(volume)))
    .map(
      volume =>
        `MountVolume.SetUp failed for volume ${JSON.stringify(volume.name)} : volumes of type ${sourceOf(volume)} are not supported yet`,
    )
  const mounts = podContainers(pod).flatMap(({ container }) =>
    mountsOf(pod, container.volumeMounts)
      .filter(({ subPath, subPathExpr }) => subPath || subPathExpr)
      .map(
        ({ name }) =>
          `MountVolume.SetUp failed for volume ${JSON.stringify(name)} : subPath is not supported yet (container ${container.name})`,
      ),
  )
  return [...sources, ...mounts]
}

/** Volumes that the task has. */
export function taskVolumes(pod: Pod): Volume[] {
  return (pod.spec.volumes ?? []).filter(volume => SUPPORTED.includes(sourceOf(volume)))
}

/** A container's mounts of volumes that the task has. Nobody but the agent writes into what it writes. */
export function mountsOf(pod: Pod, mounts: readonly VolumeMount[] = []): VolumeMount[] {
  const volumes = new Map(taskVolumes(pod).map(volume => [volume.name, volume]))
  return mounts
    .filter(({ name }) => volumes.has(name))
    .map(mount => (isWritten(volumes.get(mount.name)!) ? { ...mount, readOnly: true } : mount))
}
