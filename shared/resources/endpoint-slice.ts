import type { Endpoint, EndpointHints, EndpointPort, EndpointSlice } from '../api/discovery/v1.ts'
import type { RequestContext } from '../apimachinery/context.ts'
import { duplicate, invalid, notSupported, required, tooMany } from '../apimachinery/field-error.ts'
import { isDNS1123Label, isDNS1123Subdomain, isLabelValue } from '../apimachinery/names.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { PROTOCOLS } from './pod-spec/containers.ts'
import { age, columns, UNSET } from './printers/text.ts'
import { collect } from './strategy.ts'
import { addInvalid, dnsLabel, dnsSubdomain, type Errors, immutable, labels, qualifiedName, requiredOneOf } from './validation/checks.ts'
import { canonicalIP, endpointIP, parseIP, validIP, warnAboutIP } from './validation/ip.ts'

const MAX_ADDRESSES = 100
const MAX_PORTS = 20000
const MAX_ENDPOINTS = 1000
const MAX_HINTS = 8
const MAX_TOPOLOGY = 16
const OUR_CONTROLLERS = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'

function address(value: string, type: string, field: string, at: string, errors: Errors): void {
  if (type === 'FQDN') {
    domainName(value, at, errors)
    return
  }
  if (type !== 'IPv4' && type !== 'IPv6') return
  const before = errors.length
  if (type === 'IPv4') validIP(value, at, errors)
  else canonicalIP(value, at, errors)
  if (errors.length > before) return
  if (parseIP(value)?.family !== (type === 'IPv4' ? 4 : 6)) errors.push(invalid(field, value, `must be an ${type} address`))
  endpointIP(value, at, errors)
}

function domainName(value: string, field: string, errors: Errors): void {
  if (value === '') {
    errors.push(required(field))
    return
  }
  const name = value.replace(/\.$/, '')
  const wrong = isDNS1123Subdomain(name)
  if (wrong.length > 0) errors.push(invalid(field, name, wrong.join(',')))
  else if (!name.includes('.')) errors.push(invalid(field, name, 'should be a domain with at least two segments separated by dots'))
  else {
    for (const label of name.split('.')) {
      const problems = isDNS1123Label(label)
      if (problems.length === 0) continue
      errors.push(invalid(field, label, problems.join(',')))
      return
    }
  }
}

function endpoint(item: Endpoint, type: string, at: string, errors: Errors): void {
  const { addresses = [], nodeName, deprecatedTopology: topology = {}, hostname, hints: hinted } = item
  const field = `${at}.addresses`
  if (addresses.length === 0) errors.push(required(field, 'must contain at least 1 address'))
  else if (addresses.length > MAX_ADDRESSES) errors.push(tooMany(field, addresses.length, MAX_ADDRESSES))
  for (const [i, value] of addresses.entries()) address(value, type, field, `${field}[${i}]`, errors)
  if (nodeName !== undefined) dnsSubdomain(nodeName, `${at}.nodeName`, errors)
  const count = Object.keys(topology).length
  if (count > MAX_TOPOLOGY) errors.push(tooMany(`${at}.deprecatedTopology`, count, MAX_TOPOLOGY))
  labels(topology, `${at}.deprecatedTopology`, errors)
  if (hostname !== undefined) dnsLabel(hostname, `${at}.hostname`, errors)
  if (hinted !== undefined) hints(hinted, `${at}.hints`, errors)
}

function hints({ forZones = [], forNodes = [] }: EndpointHints, field: string, errors: Errors): void {
  for (const [member, list, check] of [
    ['forZones', forZones, isLabelValue],
    ['forNodes', forNodes, isDNS1123Subdomain],
  ] as const) {
    if (list.length > MAX_HINTS) {
      errors.push(tooMany(`${field}.${member}`, list.length, MAX_HINTS))
      return
    }
    const seen = new Set<string>()
    for (const [i, { name = '' }] of list.entries()) {
      const at = `${field}.${member}[${i}].name`
      if (seen.has(name)) errors.push(duplicate(at, name))
      seen.add(name)
      addInvalid(check(name), at, name, errors)
    }
  }
}

function ports(list: readonly EndpointPort[], errors: Errors): void {
  if (list.length > MAX_PORTS) {
    errors.push(tooMany('ports', list.length, MAX_PORTS))
    return
  }
  const seen = new Set<string>()
  for (const [i, { name = '', protocol, appProtocol }] of list.entries()) {
    const at = `ports[${i}]`
    if (name !== '') dnsLabel(name, `${at}.name`, errors)
    if (seen.has(name)) errors.push(duplicate(`${at}.name`, name))
    seen.add(name)
    if (protocol === '') errors.push(notSupported(`${at}.protocol`, protocol, PROTOCOLS))
    else requiredOneOf(protocol, PROTOCOLS, `${at}.protocol`, errors)
    if (appProtocol !== undefined) qualifiedName(appProtocol, `${at}.appProtocol`, errors)
  }
}

function validate(slice: EndpointSlice, old: EndpointSlice | undefined, errors: Errors): void {
  requiredOneOf(slice.addressType, ['FQDN', 'IPv4', 'IPv6'], 'addressType', errors)
  ports(slice.ports ?? [], errors)
  const endpoints = slice.endpoints ?? []
  if (old !== undefined && equal(slice.endpoints, old.endpoints)) return
  if (endpoints.length > MAX_ENDPOINTS) errors.push(tooMany('endpoints', endpoints.length, MAX_ENDPOINTS))
  else for (const [i, item] of endpoints.entries()) endpoint(item, slice.addressType ?? '', `endpoints[${i}]`, errors)
}

/** Topology is of the version before, and who writes another cannot mean it; only its node's name lives on. In place. */
function dropTopology(slice: EndpointSlice, old: EndpointSlice | undefined, { apiVersion }: RequestContext): void {
  if (apiVersion === 'discovery.k8s.io/v1beta1') return
  if (old !== undefined && equal(slice.endpoints, old.endpoints)) return
  for (const item of slice.endpoints ?? []) delete item.deprecatedTopology
}

const SHOWN = 3

function shortList(list: readonly string[]): string {
  if (list.length === 0) return UNSET
  const shown = list.slice(0, SHOWN).join(',')
  return list.length > SHOWN ? `${shown} + ${list.length - SHOWN} more...` : shown
}

export default defineResource<EndpointSlice>({
  group: 'discovery.k8s.io',
  resource: 'endpointslices',
  singular: 'endpointslice',
  kind: 'EndpointSlice',
  namespaced: true,
  metadataOnUpdate: 'whole',
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.discovery.v1.EndpointSlice',
      defaults(object) {
        for (const port of (object as EndpointSlice).ports ?? []) {
          port.name ??= ''
          port.protocol ??= 'TCP'
        }
      },
    },
  ],
  generation(slice, old) {
    const rest = ({ metadata: _, ...members }: EndpointSlice) => members
    return !equal(rest(slice), rest(old)) || !equal(slice.metadata.labels ?? {}, old.metadata.labels ?? {})
  },
  prepareForCreate: (slice, context) => dropTopology(slice, undefined, context),
  prepareForUpdate: dropTopology,
  validate: slice => collect(errors => validate(slice, undefined, errors)),
  validateUpdate: (slice, old) =>
    collect(errors => {
      validate(slice, old, errors)
      immutable(slice.addressType, old.addressType, 'addressType', errors)
    }),
  warnings(slice, old) {
    const warnings = old === undefined && slice.addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : []
    if (OUR_CONTROLLERS.includes(slice.metadata.labels?.[MANAGED_BY] ?? '')) return warnings
    for (const [i, { addresses }] of (slice.endpoints ?? []).entries())
      for (const [j, value] of (addresses ?? []).entries()) warnAboutIP(value, `endpoints[${i}].addresses[${j}]`, warnings)
    return warnings
  },
  columns: columns('Name, AddressType, Ports, Endpoints, Age'),
  cells: (slice, now) => [
    slice.metadata.name,
    slice.addressType ?? '',
    shortList((slice.ports ?? []).map(({ port, name }) => (port === undefined ? (name ?? '*') : String(port)))),
    shortList((slice.endpoints ?? []).flatMap(({ addresses }) => addresses ?? [])),
    age(slice, now),
  ],
})
