// What an object counts against a ResourceQuota (k8s.io/kubernetes/pkg/quota/v1/evaluator/core).
import type { PersistentVolumeClaim, Pod, PodSpec, Service } from '../api/core/v1.ts'
import type { Attributes } from '../apimachinery/admission.ts'
import { member } from '../apimachinery/objects.ts'
import { addQuantities, compareQuantities, formatQuantity, quantitySign } from '../apimachinery/quantity.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { qosOf } from '../resources/pod/qos.ts'
import { totalOf } from '../resources/pod-spec/totals.ts'
import type { Quantity } from '../resources/validation/checks.ts'

/** Amounts by resource name: "pods", "requests.cpu", "count/configmaps". */
export type Usage = Readonly<Record<string, string>>

export interface ScopeRequirement {
  readonly scopeName: string
  readonly operator: string
  readonly values?: readonly string[]
}

/** How one kind is counted. */
export interface Evaluator {
  /** Whether this request is counted. */
  handles(attributes: Attributes): boolean
  /** Whether the kind is counted under this name. */
  counts(resource: string): boolean
  /** `now` in milliseconds since the epoch. */
  usage(object: KubeObject, now: number): Usage
  /** What the object must say although it need not otherwise, for quotas on these resources. Undefined: all is said. */
  missing?(object: KubeObject, resources: readonly string[]): string | undefined
  matchesScope?(object: KubeObject, scope: ScopeRequirement): boolean
}

/** Kinds that are counted by their bare name too. */
const PLAIN_NAMES = ['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets']

export function evaluatorFor({ endpoint, subresource }: Pick<Attributes, 'endpoint' | 'subresource'>): Evaluator | undefined {
  const { group, resource } = endpoint.collection
  if (group === '' && resource === 'pods' && (subresource === '' || subresource === 'resize')) return pods
  if (subresource !== '') return undefined
  if (group === '' && resource === 'services') return services
  if (group === '' && resource === 'persistentvolumeclaims') return claims
  if (group === 'apiextensions.k8s.io' || !endpoint.definition.namespaced || endpoint.definition.virtual !== undefined) return undefined
  return counter(group, resource)
}

function counter(group: string, resource: string): Evaluator {
  const names = [`count/${group === '' ? resource : `${resource}.${group}`}`]
  if (group === '' && PLAIN_NAMES.includes(resource)) names.push(resource)
  const usage = Object.fromEntries(names.map(name => [name, '1']))
  return { handles: ({ operation }) => operation === 'CREATE', counts: name => names.includes(name), usage: () => usage }
}

const POD_NAMES = new Set([
  'count/pods',
  'pods',
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
])
const MUST_BE_SAID = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']

/** When a pod that was told to end, and did not in time, is not counted any more (ms since the epoch): its node may never say so. */
export function stuckAt({ metadata }: Pod): number | undefined {
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return undefined
  return Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000
}

const isOver = (pod: Pod, now: number): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed' || now > (stuckAt(pod) ?? Number.POSITIVE_INFINITY)

/** Resources that a pod may ask for as a whole. */
const isOfPods = (name: string) => name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')
const asksAsAWhole = ({ resources }: PodSpec): boolean =>
  [...Object.keys(resources?.requests ?? {}), ...Object.keys(resources?.limits ?? {})].some(isOfPods)

/** What the containers need together, or the pod says that it needs; and what running it takes. */
function amountsOf(spec: PodSpec, which: 'requests' | 'limits'): Record<string, string> {
  const amounts = { ...totalOf(spec, which) } as Record<string, string>
  for (const [name, amount] of Object.entries(spec.resources?.[which] ?? {})) if (isOfPods(name)) amounts[name] = String(amount)
  for (const [name, amount] of Object.entries(spec.overhead ?? {})) {
    const own = member(amounts, name)
    // No limit is not a limit of nothing.
    if (which === 'limits' && (own === undefined || quantitySign(own) === 0)) continue
    amounts[name] = own === undefined ? String(amount) : formatQuantity(addQuantities(own, String(amount)))
  }
  return amounts
}
const isExtended = (name: string) => name.includes('/') && !name.split('/')[0]?.endsWith('kubernetes.io')

const pods: Evaluator = {
  handles: ({ operation, subresource }) => operation === (subresource === 'resize' ? 'UPDATE' : 'CREATE'),
  counts: name =>
    POD_NAMES.has(name) ||
    /^(requests\.)?hugepages-/.test(name) ||
    (name.startsWith('requests.') && isExtended(name.slice('requests.'.length))),
  usage(object, now) {
    const pod = object as Pod
    if (isOver(pod, now)) return { 'count/pods': '1' }
    const usage: Record<string, string> = { 'count/pods': '1', pods: '1' }
    for (const [name, amount] of Object.entries(amountsOf(pod.spec as PodSpec, 'requests'))) {
      usage[`requests.${name}`] = String(amount)
      if (!isExtended(name)) usage[name] = String(amount)
    }
    for (const [name, amount] of Object.entries(amountsOf(pod.spec as PodSpec, 'limits'))) usage[`limits.${name}`] = String(amount)
    return usage
  },
  missing(object, resources) {
    const spec = (object as Pod).spec as PodSpec
    if (asksAsAWhole(spec)) return undefined
    const { containers, initContainers = [] } = spec
    const texts: string[] = []
    for (const name of resources.filter(resource => MUST_BE_SAID.includes(resource)).sort()) {
      const [kind, resource] = name.includes('.') ? (name.split('.') as ['requests' | 'limits', string]) : (['requests', name] as const)
      const silent = [...containers, ...initContainers].filter(container => container.resources?.[kind]?.[resource] === undefined)
      if (silent.length > 0) texts.push(`${name} for: ${[...new Set(silent.map(container => container.name))].sort().join(',')}`)
    }
    return texts.length === 0 ? undefined : `must specify ${texts.join('; ')}`
  },
  matchesScope(object, scope) {
    const pod = object as Pod
    switch (scope.scopeName) {
      case 'Terminating':
        return (pod.spec?.activeDeadlineSeconds ?? -1) >= 0
      case 'NotTerminating':
        return (pod.spec?.activeDeadlineSeconds ?? -1) < 0
      case 'BestEffort':
        return qosOf(pod) === 'BestEffort'
      case 'NotBestEffort':
        return qosOf(pod) !== 'BestEffort'
      case 'PriorityClass':
        return matchesNames([pod.spec?.priorityClassName ?? ''], scope)
      case 'CrossNamespacePodAffinity':
        return crossesNamespaces(pod.spec)
      default:
        return false
    }
  },
}

/** Whether one of the names is asked for; "" is none. */
function matchesNames(names: readonly string[], { operator, values = [] }: ScopeRequirement): boolean {
  const given = names.filter(Boolean)
  if (operator === 'Exists') return given.length > 0
  if (operator === 'DoesNotExist') return given.length === 0
  if (operator === 'In') return given.some(name => values.includes(name))
  return given.length === 0 || given.some(name => !values.includes(name))
}

function crossesNamespaces(spec: PodSpec | undefined): boolean {
  const terms = [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].flatMap(affinity => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted => weighted.podAffinityTerm),
  ])
  return terms.some(term => (term?.namespaces?.length ?? 0) > 0 || term?.namespaceSelector !== undefined)
}

const SERVICE_NAMES = ['count/services', 'services', 'services.nodeports', 'services.loadbalancers']

const services: Evaluator = {
  handles: ({ operation }) => operation === 'CREATE' || operation === 'UPDATE',
  counts: name => SERVICE_NAMES.includes(name),
  usage(object) {
    const { spec } = object as Service
    const usage: Record<string, string> = { 'count/services': '1', services: '1' }
    const ports = spec?.ports ?? []
    if (spec?.type === 'NodePort') usage['services.nodeports'] = String(ports.length)
    if (spec?.type === 'LoadBalancer') {
      usage['services.loadbalancers'] = '1'
      // The intent counts: ports may not be taken yet.
      usage['services.nodeports'] = String(
        spec.allocateLoadBalancerNodePorts === false ? ports.filter(port => port.nodePort).length : ports.length,
      )
    }
    return usage
  },
}

const CLASS_SUFFIX = '.storageclass.storage.k8s.io/'
const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class'

/** A claim that shrinks again has what was given to it already. */
function sizeOf({ spec, status }: PersistentVolumeClaim): Quantity | undefined {
  const wanted = spec?.resources?.requests?.storage
  const given = status?.allocatedResources?.storage
  return wanted !== undefined && given !== undefined && compareQuantities(given, wanted) > 0 ? given : wanted
}

const claims: Evaluator = {
  handles: ({ operation }) => operation === 'CREATE' || operation === 'UPDATE',
  counts: name =>
    ['count/persistentvolumeclaims', 'persistentvolumeclaims', 'requests.storage'].includes(name) || name.includes(CLASS_SUFFIX),
  usage(object) {
    const claim = object as PersistentVolumeClaim
    const storage = sizeOf(claim)
    const storageClass = claim.metadata.annotations?.[OLD_CLASS] ?? claim.spec?.storageClassName ?? ''
    const usage: Record<string, string> = { 'count/persistentvolumeclaims': '1', persistentvolumeclaims: '1' }
    if (storageClass !== '') usage[`${storageClass}${CLASS_SUFFIX}persistentvolumeclaims`] = '1'
    if (storage === undefined) return usage
    usage['requests.storage'] = String(storage)
    if (storageClass !== '') usage[`${storageClass}${CLASS_SUFFIX}requests.storage`] = String(storage)
    return usage
  },
  matchesScope(object, scope) {
    if (scope.scopeName !== 'VolumeAttributesClass') return false
    const { spec, status } = object as PersistentVolumeClaim
    const names = [
      spec?.volumeAttributesClassName,
      status?.currentVolumeAttributesClassName,
      status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
    ]
    return matchesNames(
      names.map(name => name ?? ''),
      scope,
    )
  },
}
