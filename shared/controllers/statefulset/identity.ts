// Who a StatefulSet's pods are: names, ordinals, labels and claims.
import type { StatefulSet } from '../../api/apps/v1.ts'
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, Volume } from '../../api/core/v1.ts'
import { podFrom } from '../pods.ts'

export const POD_NAME = 'statefulset.kubernetes.io/pod-name'
export const POD_INDEX = 'apps.kubernetes.io/pod-index'
export const REVISION = 'controller-revision-hash'

export const replicasOf = (set: StatefulSet): number => set.spec?.replicas ?? 1
export const firstOrdinal = (set: StatefulSet): number => set.spec?.ordinals?.start ?? 0

export const podName = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`

/** The set and the ordinal in a name that a pod of a set may have; undefined for any other name. */
export function parseName(name: string): { readonly set: string; readonly ordinal: number } | undefined {
  const [, set, ordinal] = /^(.+)-(0|[1-9]\d*)$/.exec(name) ?? []
  return set === undefined ? undefined : { set, ordinal: Number(ordinal) }
}

/** The ordinal in the name of a pod of this set; undefined for any other name. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const parsed = parseName(pod.metadata.name)
  return parsed?.set === set.metadata.name ? parsed.ordinal : undefined
}

export function isWanted(set: StatefulSet, ordinal: number): boolean {
  const first = firstOrdinal(set)
  return ordinal >= first && ordinal < first + replicasOf(set)
}

export const claimName = (set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string =>
  `${template.metadata.name}-${podName(set, ordinal)}`

const claimVolumes = (set: StatefulSet, ordinal: number): Volume[] =>
  (set.spec?.volumeClaimTemplates ?? []).map(template => ({
    name: template.metadata.name,
    persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
  }))

/** The volumes of the set's claims take the place of those of the same name. */
function withClaims(volumes: readonly Volume[] | undefined, claims: readonly Volume[]): Volume[] | undefined {
  if (claims.length === 0) return volumes === undefined ? undefined : [...volumes]
  const names = new Set(claims.map(({ name }) => name))
  return [...claims, ...(volumes ?? []).filter(({ name }) => !names.has(name))]
}

export function newPod(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): Pod {
  const pod = podFrom(template, set)
  const name = podName(set, ordinal)
  pod.metadata.name = name
  pod.metadata.labels = { ...pod.metadata.labels, [POD_NAME]: name, [POD_INDEX]: String(ordinal), [REVISION]: revision }
  pod.spec.hostname = name
  if (set.spec?.serviceName) pod.spec.subdomain = set.spec.serviceName
  const volumes = withClaims(pod.spec.volumes, claimVolumes(set, ordinal))
  if (volumes !== undefined) pod.spec.volumes = volumes
  return pod
}

/** Upstream goes by this label alone; when it is wrong, the index is put right with it. */
export const hasIdentity = ({ metadata }: Pod): boolean => metadata.labels?.[POD_NAME] === metadata.name

/** Whether the pod mounts the claims of its ordinal. One that was adopted may not, and cannot be made to. */
export function hasStorage(set: StatefulSet, pod: Pod, ordinal: number): boolean {
  return claimVolumes(set, ordinal).every(({ name, persistentVolumeClaim }) =>
    pod.spec.volumes?.some(volume => volume.name === name && volume.persistentVolumeClaim?.claimName === persistentVolumeClaim?.claimName),
  )
}

/** The pod with the labels and volumes that its ordinal asks for. */
export function identified(set: StatefulSet, pod: Pod, ordinal: number): Pod {
  const { metadata, spec } = pod
  const labels = { ...metadata.labels, [POD_NAME]: metadata.name, [POD_INDEX]: String(ordinal) }
  return {
    ...pod,
    metadata: hasIdentity(pod) ? metadata : { ...metadata, labels },
    spec: hasStorage(set, pod, ordinal) ? spec : { ...spec, volumes: withClaims(spec.volumes, claimVolumes(set, ordinal)) },
  }
}
