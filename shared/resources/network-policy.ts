import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from '../api/networking/v1.ts'
import { forbidden, invalid, notSupported, required } from '../apimachinery/field-error.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { age, columns, selectorText } from './printers/text.ts'
import { collect, specChanged } from './strategy.ts'
import { addInvalid, type Errors, isPortName, isPortNumber } from './validation/checks.ts'
import { containsRange, parseCIDR, validCIDR, warnAboutCIDR } from './validation/ip.ts'
import { isUsableSelector, labelSelector } from './validation/label-selector.ts'

const TYPES = ['Ingress', 'Egress']
const PROTOCOLS = ['TCP', 'UDP', 'SCTP']

interface Rule {
  readonly field: string
  readonly ports: readonly NetworkPolicyPort[]
  readonly peers: readonly NetworkPolicyPeer[]
  readonly peersField: string
}

function rulesOf({ ingress, egress }: NetworkPolicySpec): Rule[] {
  const rule = (field: string, member: string, ports: NetworkPolicyPort[] = [], peers: NetworkPolicyPeer[] = []) => ({
    field,
    ports,
    peers,
    peersField: `${field}.${member}`,
  })
  return [
    ...(ingress ?? []).map(({ ports, from }, i) => rule(`spec.ingress[${i}]`, 'from', ports, from)),
    ...(egress ?? []).map(({ ports, to }, i) => rule(`spec.egress[${i}]`, 'to', ports, to)),
  ]
}

const specOf = ({ spec }: NetworkPolicy) => spec ?? ({} as NetworkPolicySpec)

function defaults(object: KubeObject): void {
  const policy = object as NetworkPolicy
  policy.spec ??= {} as NetworkPolicySpec
  const { spec } = policy
  for (const { ports } of rulesOf(spec)) for (const port of ports) port.protocol ??= 'TCP'
  if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? [...TYPES] : ['Ingress']
}

function port({ protocol, port: number, endPort }: NetworkPolicyPort, at: string, errors: Errors): void {
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, PROTOCOLS))
  if (typeof number === 'number') {
    addInvalid(isPortNumber(number), `${at}.port`, number, errors)
    if (endPort === undefined) return
    if (endPort < number) errors.push(invalid(`${at}.endPort`, number, 'must be greater than or equal to `port`'))
    addInvalid(isPortNumber(endPort), `${at}.endPort`, endPort, errors)
    return
  }
  const why = number === undefined ? 'is not specified' : 'is non-numeric'
  if (endPort !== undefined) errors.push(invalid(`${at}.endPort`, endPort, `may not be specified when \`port\` ${why}`))
  if (number !== undefined) addInvalid(isPortName(number), `${at}.port`, number, errors)
}

function block({ cidr, except }: IPBlock, at: string, known: readonly string[], errors: Errors): void {
  if (!cidr) {
    errors.push(required(`${at}.cidr`))
    return
  }
  validCIDR(cidr, `${at}.cidr`, errors, known)
  const range = parseCIDR(cidr)
  if (range === undefined) return
  for (const [i, text] of (except ?? []).entries()) {
    validCIDR(text, `${at}.except[${i}]`, errors, known)
    const part = parseCIDR(text)
    if (part !== undefined && !containsRange(range, part))
      errors.push(invalid(`${at}.except[${i}]`, text, 'must be a strict subset of `cidr`'))
  }
}

function peer(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  at: string,
  known: readonly string[],
  anyValue: boolean,
  errors: Errors,
): void {
  labelSelector(podSelector, `${at}.podSelector`, errors, anyValue)
  labelSelector(namespaceSelector, `${at}.namespaceSelector`, errors, anyValue)
  if (ipBlock !== undefined) block(ipBlock, `${at}.ipBlock`, known, errors)
  const selected = podSelector !== undefined || namespaceSelector !== undefined
  if (ipBlock === undefined && !selected) errors.push(required(at, 'must specify a peer'))
  else if (ipBlock !== undefined && selected) errors.push(forbidden(at, 'may not specify both ipBlock and another peer'))
}

function validate(policy: NetworkPolicy, old: NetworkPolicy | undefined, errors: Errors): void {
  const spec = specOf(policy)
  const blocks = old === undefined ? [] : rulesOf(specOf(old)).flatMap(({ peers }) => peers.flatMap(({ ipBlock }) => ipBlock ?? []))
  const known = blocks.flatMap(({ cidr, except }) => [cidr, ...(except ?? [])])
  const anyValue = old !== undefined && !isUsableSelector(specOf(old).podSelector)
  labelSelector(spec.podSelector, 'spec.podSelector', errors, anyValue)
  for (const { field, ports, peers, peersField } of rulesOf(spec)) {
    for (const [i, item] of ports.entries()) port(item, `${field}.ports[${i}]`, errors)
    for (const [i, item] of peers.entries()) peer(item, `${peersField}[${i}]`, known, anyValue, errors)
  }
  const types = spec.policyTypes ?? []
  if (types.length > TYPES.length) errors.push(invalid('spec.policyTypes', types, 'may not specify more than two policyTypes'))
  else for (const [i, type] of types.entries()) if (!TYPES.includes(type)) errors.push(notSupported(`spec.policyTypes[${i}]`, type, TYPES))
}

function warnings(policy: NetworkPolicy): string[] {
  const found: string[] = []
  for (const { peers, peersField } of rulesOf(specOf(policy))) {
    for (const [i, { ipBlock }] of peers.entries()) {
      if (ipBlock === undefined) continue
      const at = `${peersField}[${i}].ipBlock`
      warnAboutCIDR(ipBlock.cidr, `${at}.cidr`, found)
      for (const [j, text] of (ipBlock.except ?? []).entries()) warnAboutCIDR(text, `${at}.except[${j}]`, found)
    }
  }
  return found
}

export default defineResource<NetworkPolicy>({
  group: 'networking.k8s.io',
  resource: 'networkpolicies',
  singular: 'networkpolicy',
  kind: 'NetworkPolicy',
  namespaced: true,
  shortNames: ['netpol'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.networking.v1.NetworkPolicy', defaults }],
  generation: specChanged,
  validate: policy => collect(errors => validate(policy, undefined, errors)),
  validateUpdate: (policy, old) => collect(errors => validate(policy, old, errors)),
  warnings,
  columns: columns('Name, Pod-Selector, Age'),
  cells: (policy, now) => [policy.metadata.name, selectorText(specOf(policy).podSelector), age(policy, now)],
})
