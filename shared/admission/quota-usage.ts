// What an object counts against a ResourceQuota (k8s.io/kubernetes/pkg/quota/v1/evaluator/core).
import type { PersistentVolumeClaim, Pod, PodSpec, Service } from '../api/core/v1.ts'
import type { Attributes } from '../apimachinery/admission.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { qosOf } from '../resources/pod/qos.ts'
import { totalOf } from '../resources/pod-spec/totals.ts'

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
  usage(object: KubeObject): Usage
  /** What the object must say although it need not otherwise, for quotas on these resources. Undefined: all is said. */
  missing?(object: KubeObject, resources: readonly string[]): string | undefined
  matchesScope?(object: KubeObject, scope: ScopeRequirement): boolean
}

/** Kinds that are counted by their bare name too. */
const PLAIN_NAMES = ['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets']

export function evaluatorFor({ endpoint, subresource }: Attributes): Evaluator | undefined {
  if (subresource !== '') return undefined
  const { group, resource } = endpoint.collection
  if (group === '' && resource === 'pods') return pods
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

const isTerminal = ({ status }: Pod) => status?.phase === 'Succeeded' || status?.phase === 'Failed'
const isExtended = (name: string) => name.includes('/') && !name.split('/')[0]?.endsWith('kubernetes.io')

const pods: Evaluator = {
  handles: ({ operation }) => operation === 'CREATE',
  counts: name =>
    POD_NAMES.has(name) ||
    /^(requests\.)?hugepages-/.test(name) ||
    (name.startsWith('requests.') && isExtended(name.slice('requests.'.length))),
  usage(object) {
    const pod = object as Pod
    if (isTerminal(pod)) return { 'count/pods': '1' }
    const usage: Record<string, string> = { 'count/pods': '1', pods: '1' }
    for (const [name, amount] of Object.entries(totalOf(pod.spec as PodSpec, 'requests'))) {
      usage[`requests.${name}`] = String(amount)
      if (!isExtended(name)) usage[name] = String(amount)
    }
    for (const [name, amount] of Object.entries(totalOf(pod.spec as PodSpec, 'limits'))) usage[`limits.${name}`] = String(amount)
    return usage
  },
  missing(object, resources) {
    const { containers, initContainers = [] } = (object as Pod).spec as PodSpec
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
        return matchesPriority(pod.spec?.priorityClassName ?? '', scope)
      case 'CrossNamespacePodAffinity':
        return crossesNamespaces(pod.spec)
      default:
        return false
    }
  },
}

function matchesPriority(name: string, { operator, values = [] }: ScopeRequirement): boolean {
  if (operator === 'Exists') return name !== ''
  if (operator === 'DoesNotExist') return name === ''
  return values.includes(name) === (operator === 'In')
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

const claims: Evaluator = {
  handles: ({ operation }) => operation === 'CREATE' || operation === 'UPDATE',
  counts: name =>
    ['count/persistentvolumeclaims', 'persistentvolumeclaims', 'requests.storage'].includes(name) || name.includes(CLASS_SUFFIX),
  usage(object) {
    const claim = object as PersistentVolumeClaim
    const storage = claim.spec?.resources?.requests?.storage
    const storageClass = claim.metadata.annotations?.[OLD_CLASS] ?? claim.spec?.storageClassName ?? ''
    const usage: Record<string, string> = { 'count/persistentvolumeclaims': '1', persistentvolumeclaims: '1' }
    if (storageClass !== '') usage[`${storageClass}${CLASS_SUFFIX}persistentvolumeclaims`] = '1'
    if (storage === undefined) return usage
    usage['requests.storage'] = String(storage)
    if (storageClass !== '') usage[`${storageClass}${CLASS_SUFFIX}requests.storage`] = String(storage)
    return usage
  },
}
