import type { Node } from '../api/core/v1.ts'
import { duplicate, forbidden, invalid } from '../apimachinery/field-error.ts'
import { type Action, defineResource } from '../apimachinery/resource.ts'
import { badRequest, notFound, serviceUnavailable } from '../apimachinery/status-error.ts'
import { parseProxyName } from './pod/streams.ts'
import { validateTaints } from './pod-spec/affinity.ts'
import { age, columns, NONE, UNKNOWN } from './printers/text.ts'
import { collect, keep, statusPart } from './strategy.ts'
import { roundUpToMilli } from './validation/amounts.ts'
import { bytes, type Errors, positive } from './validation/checks.ts'
import { isDualStack, validCIDR, warnAboutCIDR } from './validation/ip.ts'
import { resourceAmount } from './validation/resource-names.ts'

const ROLE_PREFIX = 'node-role.kubernetes.io/'
const ROLE = 'kubernetes.io/role'

function defaults(node: Node): void {
  node.spec ??= {}
  const { spec, status } = node
  // The older field says the same as the first of the newer ones; where they differ, the older one is right.
  if (spec.podCIDR) {
    if (spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR]
  } else if (spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0]
  roundUpToMilli(status?.capacity)
  roundUpToMilli(status?.allocatable)
  if (status?.capacity !== undefined && status.allocatable === undefined) status.allocatable = { ...status.capacity }
}

const FEATURE = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/

function declaredFeatures(features: readonly string[] | undefined, errors: Errors): void {
  const field = 'status.declaredFeatures'
  for (const [i, feature] of (features ?? []).entries()) {
    const name = JSON.stringify(feature)
    if (bytes(feature) > 253)
      errors.push(invalid(`${field}[${i}]`, feature, `invalid feature name ${name}: must be no more than 253 characters`))
    else if (!FEATURE.test(feature)) {
      const why =
        "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"
      errors.push(invalid(`${field}[${i}]`, feature, `invalid feature name ${name}: ${why}`))
    }
    const next = features?.[i + 1]
    if (next === undefined) continue
    if (next === feature) errors.push(duplicate(`${field}[${i + 1}]`, next))
    else if (feature > next) errors.push(invalid(`${field}[${i + 1}]`, next, 'list must be sorted alphabetically'))
  }
}

function amounts({ status }: Node, errors: Errors): void {
  for (const list of ['capacity', 'allocatable'] as const)
    for (const [name, value] of Object.entries(status?.[list] ?? {})) resourceAmount(name, value, `status.${list}.${name}`, errors)
}

function validate(node: Node, errors: Errors): void {
  const { spec, status } = node
  validateTaints(spec?.taints, 'metadata.taints', errors)
  amounts(node, errors)
  const swap = status?.nodeInfo?.swap?.capacity
  if (swap !== undefined) positive(swap, 'metadata.nodeSwapStatus.capacity', errors)
  declaredFeatures(status?.declaredFeatures, errors)
  const ranges = spec?.podCIDRs ?? []
  for (const [i, range] of ranges.entries()) validCIDR(range, `spec.podCIDRs[${i}]`, errors)
  if (ranges.length > 1 && (ranges.length > 2 || !isDualStack(ranges.map(range => range.split('/')[0] ?? ''))))
    errors.push(invalid('spec.podCIDRs', ranges, 'may specify no more than one CIDR for each IP family'))
}

const ONCE = (what: string) => `node updates may not change ${what} except from "" to valid`

function validateUpdate(node: Node, old: Node, errors: Errors): void {
  amounts(node, errors)
  declaredFeatures(node.status?.declaredFeatures, errors)
  const seen = new Set<string>()
  for (const [i, { address, type }] of (node.status?.addresses ?? []).entries()) {
    const key = `${type}/${address}`
    if (seen.has(key)) errors.push(duplicate(`status.addresses[${i}]`, { Type: type ?? '', Address: address ?? '' }))
    seen.add(key)
  }
  const before = old.spec?.podCIDRs ?? []
  const now = node.spec?.podCIDRs ?? []
  if (before.length > 0) {
    const changes = before.length === now.length ? before.filter((range, i) => range !== now[i]).length : 1
    for (let i = 0; i < changes; i++) errors.push(forbidden('spec.podCIDRs', ONCE('podCIDR')))
  }
  if (old.spec?.providerID && old.spec.providerID !== node.spec?.providerID) errors.push(forbidden('spec.providerID', ONCE('providerID')))
  validateTaints(node.spec?.taints, 'metadata.taints', errors)
  if ((node.spec?.externalID ?? '') !== (old.spec?.externalID ?? '')) errors.push(forbidden('spec.externalID', 'may not be updated'))
}

function roles({ metadata }: Node): string {
  const found = new Set<string>()
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) found.add(key.slice(ROLE_PREFIX.length))
    else if (key === ROLE && value !== '') found.add(value)
  }
  return [...found].sort().join(',') || NONE
}

function cells(node: Node, now: number): readonly unknown[] {
  const { status, spec } = node
  const ready = status?.conditions?.find(condition => condition.type === 'Ready')
  const state = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  const info = status?.nodeInfo
  const address = (type: string) => status?.addresses?.find(candidate => candidate.type === type)?.address ?? NONE
  const kernel = info?.kernelVersion || UNKNOWN
  return [
    node.metadata.name,
    spec?.unschedulable ? `${state},SchedulingDisabled` : state,
    roles(node),
    age(node, now),
    info?.kubeletVersion ?? '',
    address('InternalIP'),
    address('ExternalIP'),
    info?.osImage || UNKNOWN,
    info?.architecture ? `${kernel} (${info.architecture})` : kernel,
    info?.containerRuntimeVersion || UNKNOWN,
  ]
}

const proxy: Action = {
  kind: { group: '', version: 'v1', kind: 'NodeProxyOptions' },
  verbs: ['create', 'delete', 'get', 'patch', 'update'],
  anyPath: true,
  async connect({ name }, _, context) {
    const target = parseProxyName(name)
    if (target === undefined) throw badRequest(`invalid node request ${JSON.stringify(name)}`)
    const node = await context.read.get<Node>({ group: '', resource: 'nodes' }, undefined, target.name)
    if (node === undefined) throw notFound({ group: '', resource: 'nodes' }, target.name)
    throw serviceUnavailable('no kubelet listens on this node')
  },
}

export default defineResource<Node>({
  group: '',
  resource: 'nodes',
  singular: 'node',
  kind: 'Node',
  namespaced: false,
  shortNames: ['no'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.Node', defaults: object => defaults(object as Node) }],
  prepareForCreate(object) {
    // A kubelet registers its node with its status: it stays. Its configuration from the API is of the past.
    delete object.spec?.configSource
    if (object.status !== undefined) delete object.status.config
  },
  prepareForUpdate(object, old) {
    keep(object, old, 'status')
    if (old.spec?.configSource === undefined) delete object.spec?.configSource
  },
  validate: object => collect(errors => validate(object, errors)),
  validateUpdate: (object, old) => collect(errors => validateUpdate(object, old, errors)),
  warnings({ spec }) {
    const warnings: string[] = []
    if (spec?.configSource !== undefined) warnings.push('spec.configSource: the feature is removed')
    if (spec?.externalID) warnings.push('spec.externalID: this field is deprecated, and is unused by Kubernetes')
    for (const [i, cidr] of (spec?.podCIDRs ?? []).entries()) warnAboutCIDR(cidr, `spec.podCIDRs[${i}]`, warnings)
    return warnings
  },
  parts: {
    status: statusPart<Node>({ check: validateUpdate }),
  },
  actions: { proxy },
  columns: columns('Name, Status, Roles, Age, Version, Internal-IP+, External-IP+, OS-Image+, Kernel-Version+, Container-Runtime+'),
  cells,
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
})
