// What the scheduler must know of a pod, worked out once for each version of it.

import type { ContainerPort, Pod, PodAffinityTerm } from '../api/core/v1.ts'
import { member } from '../apimachinery/objects.ts'
import type { LabelSelector } from '../apimachinery/types.ts'
import { matches } from '../controllers/selectors.ts'
import { type Amounts, nominalRequests, podRequests } from './resources.ts'

export interface HostPort {
  readonly ip: string
  readonly protocol: string
  readonly port: number
}

/** A term of pod (anti-)affinity, ready to be asked. Equal terms have equal ids. */
export interface Term {
  readonly id: string
  readonly topologyKey: string
  readonly weight: number
  matches(pod: Pod, namespaceLabels: NamespaceLabels): boolean
}

export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined

export interface PodInfo {
  readonly pod: Pod
  readonly key: string
  readonly priority: number
  readonly requests: Amounts
  readonly nominal: Amounts
  readonly hostPorts: readonly HostPort[]
  readonly claims: readonly string[]
  readonly requiredAffinity: readonly Term[]
  readonly requiredAntiAffinity: readonly Term[]
  readonly preferredAffinity: readonly Term[]
  readonly preferredAntiAffinity: readonly Term[]
}

const known = new WeakMap<Pod, PodInfo>()

export function podInfo(pod: Pod): PodInfo {
  let info = known.get(pod)
  if (info === undefined) {
    info = analyse(pod)
    known.set(pod, info)
  }
  return info
}

function analyse(pod: Pod): PodInfo {
  const { spec, metadata } = pod
  const affinity = spec.affinity?.podAffinity
  const anti = spec.affinity?.podAntiAffinity
  const term = (from: PodAffinityTerm) => termOf(pod, from, 0)
  const weighted = ({ weight, podAffinityTerm }: { weight: number; podAffinityTerm: PodAffinityTerm }) =>
    termOf(pod, podAffinityTerm, weight)
  return {
    pod,
    key: `${metadata.namespace ?? ''}/${metadata.name}`,
    priority: spec.priority ?? 0,
    requests: podRequests(pod),
    nominal: nominalRequests(pod),
    hostPorts: hostPorts(pod),
    claims: claimsOf(pod),
    requiredAffinity: (affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    requiredAntiAffinity: (anti?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    preferredAffinity: (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted),
    preferredAntiAffinity: (anti?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted),
  }
}

/** Names of the claims that the pod uses: "<pod>-<volume>" for an ephemeral volume. */
export function claimsOf({ spec, metadata }: Pod): string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) =>
    persistentVolumeClaim !== undefined ? [persistentVolumeClaim.claimName] : ephemeral !== undefined ? [`${metadata.name}-${name}`] : [],
  )
}

function hostPorts({ spec }: Pod): HostPort[] {
  const containers = [...spec.containers, ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')]
  return containers
    .flatMap(({ ports = [] }): readonly ContainerPort[] => ports)
    .filter(({ hostPort }) => (hostPort ?? 0) > 0)
    .map(({ hostIP, protocol, hostPort }) => ({ ip: hostIP || '0.0.0.0', protocol: protocol ?? 'TCP', port: hostPort! }))
}

export const portsClash = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0')

function termOf(pod: Pod, from: PodAffinityTerm, weight: number): Term {
  const { topologyKey, namespaceSelector } = from
  const selector = withLabelKeys(pod, from.labelSelector, from.matchLabelKeys, from.mismatchLabelKeys)
  const own = pod.metadata.namespace ?? ''
  const namespaces = new Set(from.namespaces?.length || namespaceSelector !== undefined ? from.namespaces : [own])
  return {
    id: JSON.stringify([topologyKey, weight, [...namespaces], selector, namespaceSelector]),
    topologyKey,
    weight,
    matches(other, namespaceLabels) {
      const namespace = other.metadata.namespace ?? ''
      if (
        !namespaces.has(namespace) &&
        !(namespaceSelector !== undefined && matches(namespaceSelector, namespaceLabels(namespace) ?? {}))
      ) {
        return false
      }
      return matches(selector, other.metadata.labels)
    },
  }
}

/** A selector that is narrowed to pods with the same values (or other ones) of some of the pod's own labels. */
export function withLabelKeys(
  { metadata }: Pod,
  selector: LabelSelector | undefined,
  same: readonly string[] | undefined,
  other: readonly string[] = [],
): LabelSelector | undefined {
  if (selector === undefined || (!same?.length && other.length === 0)) return selector
  const narrowed = (keys: readonly string[], operator: string) =>
    keys
      .filter(key => member(metadata.labels, key) !== undefined)
      .map(key => ({ key, operator, values: [metadata.labels![key]!] }))
      .filter(
        ({ key, operator, values }) =>
          !selector.matchExpressions?.some(e => e.key === key && e.operator === operator && e.values?.[0] === values[0]),
      )
  return {
    ...selector,
    matchExpressions: [...(selector.matchExpressions ?? []), ...narrowed(same ?? [], 'In'), ...narrowed(other, 'NotIn')],
  }
}
