// Which pods stand behind a Service, and under which addresses and ports. Pure.
import type { Pod, Service, ServicePort } from '../../api/core/v1.ts'
import type { Change } from '../../store/types.ts'
import { equal } from '../equality.ts'
import { isFinished, isReady, podCondition } from '../pods.ts'
import { labelsKey } from '../watches.ts'

export type Family = 'IPv4' | 'IPv6'

export const familyOf = (address: string): Family => (address.includes(':') ? 'IPv6' : 'IPv4')

/** The families that the Service has addresses of. */
export function familiesOf({ spec }: Service): Family[] {
  const families = (spec?.ipFamilies ?? []) as Family[]
  if (families.length > 0) return families
  const address = spec?.clusterIP
  return [address && address !== 'None' ? familyOf(address) : 'IPv4']
}

export function addressesOf({ status }: Pod): string[] {
  const addresses = (status?.podIPs ?? []).map(({ ip }) => ip).filter(ip => ip !== undefined)
  return addresses.length > 0 || !status?.podIP ? addresses : [status.podIP]
}

/** Whether a Service is served by what its selector selects. */
export const isSelecting = ({ spec }: Service): boolean => spec?.type !== 'ExternalName' && Object.keys(spec?.selector ?? {}).length > 0

export const isHeadless = ({ spec }: Service): boolean => spec?.clusterIP === 'None'

/** Pods with an address; those that are going only if asked for. */
export function serves(pod: Pod, { terminating }: { readonly terminating: boolean }): boolean {
  if (isFinished(pod) || addressesOf(pod).length === 0) return false
  return terminating || pod.metadata.deletionTimestamp === undefined
}

/** The pod's own name in the Service's domain. */
export function hostnameIn(service: Service, { spec, metadata }: Pod): string | undefined {
  const { name, namespace } = service.metadata
  return spec.hostname && spec.subdomain === name && metadata.namespace === namespace ? spec.hostname : undefined
}

/** The number behind a port of the Service on this pod; undefined when the pod has no port of that name. */
export function targetPort(pod: Pod, { targetPort, port, protocol = 'TCP' }: ServicePort): number | undefined {
  if (typeof targetPort === 'number') return targetPort === 0 ? port : targetPort
  if (targetPort === undefined || targetPort === '') return port
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  for (const { ports = [] } of [...pod.spec.containers, ...sidecars]) {
    for (const candidate of ports)
      if (candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol) return candidate.containerPort
  }
  return undefined
}

/** What of a pod its endpoints show. That it has finished is no news beside that it is not ready: it goes with the next change. */
const shown = (pod: Pod) => [
  addressesOf(pod),
  pod.spec.nodeName,
  pod.metadata.labels,
  isReady(pod),
  pod.metadata.deletionTimestamp !== undefined,
  pod.spec.hostname,
  pod.spec.subdomain,
]

/** The Services that select (or selected) the pod are concerned. */
export function* labelKeys({ type, object, previous }: Change): Iterable<string> {
  const pod = object as Pod
  const before = previous as Pod | undefined
  if (type === 'updated' && before !== undefined && equal(shown(before), shown(pod))) return
  if (before !== undefined && !equal(before.metadata.labels, pod.metadata.labels)) yield labelsKey(before)
  yield labelsKey(pod)
}

/** What is written about pods, by UID: whether they were ready, undefined where that cannot be told. */
export type Known = ReadonlyMap<string, boolean | undefined>

/**
 * When the first of what is news beside `known` happened, for those who measure how long it takes: pods that came or whose readiness
 * changed, and the Service where nothing is written yet. Nothing for changes that have no time.
 */
export function triggerTime(service: Service, pods: readonly Pod[], known: Known | undefined): string | undefined {
  const isNews = (pod: Pod): boolean => {
    const uid = pod.metadata.uid ?? ''
    if (!known?.has(uid)) return serves(pod, { terminating: true })
    const before = known.get(uid)
    return before !== undefined && before !== isReady(pod)
  }
  const times = pods.filter(isNews).map(pod => podCondition(pod, 'Ready')?.lastTransitionTime)
  if (known === undefined) times.push(service.metadata.creationTimestamp)
  // A condition that somebody wrote without a time has null.
  return times.filter(time => typeof time === 'string').sort()[0]
}

export const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time'
export const HEADLESS = 'service.kubernetes.io/headless'
