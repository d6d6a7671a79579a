// A Service as it is created and updated (pkg/apis/core/validation).
import type { LoadBalancerStatus, Service, ServicePort, ServiceSpec } from '../../api/core/v1.ts'
import { duplicate, forbidden, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { PROTOCOLS } from '../pod-spec/containers.ts'
import {
  addInvalid,
  dnsLabel,
  dnsSubdomain,
  type Errors,
  isPortNumber,
  labels,
  oneOf,
  portNumberOrName,
  qualifiedName,
  requiredOneOf,
} from '../validation/checks.ts'
import { endpointIP, isDualStack, parseIP, validCIDR, validIP, warnAboutCIDR, warnAboutIP } from '../validation/ip.ts'
import { isExternallyAccessible, isHeadless, NONE_IP, needsHealthCheck, specOf } from './rules.ts'

const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode'
const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints'
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges'
const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const MAX_AFFINITY_SECONDS = 86400
const DISTRIBUTIONS = ['PreferClose', 'PreferSameZone', 'PreferSameNode']

export function validateService(service: Service, old: Service | undefined, errors: Errors): void {
  const spec = specOf(service)
  const { annotations = {} } = service.metadata
  const mode = annotations[TOPOLOGY_MODE]
  const hints = annotations[TOPOLOGY_HINTS]
  if (mode !== undefined && hints !== undefined && mode !== hints) {
    const why = `must match annotations[${TOPOLOGY_HINTS}] when both are specified`
    errors.push(invalid(`metadata.annotations[${TOPOLOGY_MODE}]`, mode, why))
  }
  typeRules(spec, errors)
  const names = new Set<string>()
  for (const [i, port] of (spec.ports ?? []).entries()) servicePort(port, (spec.ports?.length ?? 0) > 1, names, `spec.ports[${i}]`, errors)
  labels(spec.selector, 'spec.selector', errors)
  affinity(spec, errors)
  clusterIPs(spec, old, errors)
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) {
    const before = errors.length
    validIP(ip, `spec.externalIPs[${i}]`, errors, old?.spec?.externalIPs)
    if (errors.length === before) endpointIP(ip, `spec.externalIPs[${i}]`, errors)
  }
  requiredOneOf(spec.type, TYPES, 'spec.type', errors)
  portConflicts(spec, errors)
  sourceRanges(service, old, errors)
  const allocate = spec.allocateLoadBalancerNodePorts
  if (allocate !== undefined && spec.type !== 'LoadBalancer')
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'"))
  if (allocate === undefined && spec.type === 'LoadBalancer') errors.push(required('allocateLoadBalancerNodePorts'))
  loadBalancerClass(spec, undefined, errors)
  trafficPolicies(spec, errors)
}

function typeRules(spec: ServiceSpec, errors: Errors): void {
  const headless = isHeadless(spec)
  const { type } = spec
  if (!spec.ports?.length && !headless && type !== 'ExternalName') errors.push(required('spec.ports'))
  if ((type === 'LoadBalancer' || type === 'NodePort') && headless)
    errors.push(invalid('spec.clusterIPs[0]', NONE_IP, `may not be set to 'None' for ${type} services`))
  if (type !== 'ExternalName') return
  const why = 'may not be set for ExternalName services'
  if (spec.clusterIPs?.length) errors.push(forbidden('spec.clusterIPs', why))
  if (spec.ipFamilies?.length) errors.push(forbidden('spec.ipFamilies', why))
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden('spec.ipFamilyPolicy', why))
  const name = (spec.externalName ?? '').replace(/\.$/, '')
  if (name === '') errors.push(required('spec.externalName'))
  else dnsSubdomain(name, 'spec.externalName', errors)
}

function servicePort(port: ServicePort, several: boolean, names: Set<string>, at: string, errors: Errors): void {
  if (!port.name) {
    if (several) errors.push(required(`${at}.name`))
  } else {
    dnsLabel(port.name, `${at}.name`, errors)
    if (names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name))
    names.add(port.name)
  }
  addInvalid(isPortNumber(port.port ?? 0), `${at}.port`, port.port ?? 0, errors)
  requiredOneOf(port.protocol, PROTOCOLS, `${at}.protocol`, errors)
  portNumberOrName(port.targetPort, `${at}.targetPort`, errors)
  if (port.appProtocol !== undefined) qualifiedName(port.appProtocol, `${at}.appProtocol`, errors)
}

function affinity({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec, errors: Errors): void {
  requiredOneOf(sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity', errors)
  const field = 'spec.sessionAffinityConfig'
  if (sessionAffinity === 'None') {
    if (config !== undefined) errors.push(forbidden(field, 'must not be set when session affinity is None'))
    return
  }
  if (sessionAffinity !== 'ClientIP') return
  const why = 'when session affinity type is ClientIP'
  const seconds = config?.clientIP?.timeoutSeconds
  if (config === undefined) errors.push(required(field, why))
  else if (config.clientIP === undefined) errors.push(required(`${field}.clientIP`, why))
  else if (seconds === undefined) errors.push(required(`${field}.clientIP.timeoutSeconds`, why))
  else if (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS)
    errors.push(invalid(`${field}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`))
}

const FAMILIES = ['IPv4', 'IPv6']
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack']

/** Cluster IPs and families among each other. */
export function clusterIPs(spec: ServiceSpec, old: Service | undefined, errors: Errors): void {
  if (spec.type === 'ExternalName') return
  const { clusterIP = '', clusterIPs: ips = [], ipFamilies: families = [], ipFamilyPolicy: policy } = spec
  const field = 'spec.clusterIPs'
  if (clusterIP !== '') {
    if (ips.length === 0) errors.push(required(field))
    else if (ips[0] !== clusterIP) errors.push(invalid(field, ips, 'first value must match `clusterIP`'))
  } else if (ips.length > 0) errors.push(invalid(field, ips, 'must be empty when `clusterIP` is not specified'))
  const seen = new Set<string>()
  for (const [i, family] of families.entries()) {
    oneOf(family, FAMILIES, `spec.ipFamilies[${i}]`, errors)
    if (seen.has(family)) errors.push(duplicate(`spec.ipFamilies[${i}]`, family))
    seen.add(family)
  }
  if (policy !== undefined) oneOf(policy, POLICIES, 'spec.ipFamilyPolicy', errors)
  let wrong = false
  for (const [i, ip] of ips.entries()) {
    const before = errors.length
    if (i === 0 && ip === NONE_IP) {
      if (ips.length > 1) errors.push(invalid(field, ips, "'None' must be the first and only value"))
    } else validIP(ip, `${field}[${i}]`, errors, old?.spec?.clusterIPs)
    if (errors.length > before) wrong = true
  }
  if (ips.length > 2) errors.push(invalid(field, ips, 'may only hold up to 2 values'))
  if (wrong) return
  if (ips.length > 1 && !isDualStack(ips)) errors.push(invalid(field, ips, 'may specify no more than one IP for each IP family'))
  if (isHeadless(spec)) return
  for (const [i, ip] of ips.slice(0, families.length).entries()) {
    const six = parseIP(ip)?.family === 6
    if (families[i] === 'IPv4' && six)
      errors.push(invalid(`${field}[${i}]`, ip, `expected an IPv4 value as indicated by \`ipFamilies[${i}]\``))
    if (families[i] === 'IPv6' && !six)
      errors.push(invalid(`${field}[${i}]`, ip, `expected an IPv6 value as indicated by \`ipFamilies[${i}]\``))
  }
}

/** As Go prints the unversioned port that it compares by. */
const printedPort = ({ protocol, port }: ServicePort) => ({
  Name: '',
  Protocol: protocol ?? '',
  AppProtocol: null,
  Port: port ?? 0,
  TargetPort: 0,
  NodePort: 0,
})

function portConflicts({ type, ports = [] }: ServiceSpec, errors: Errors): void {
  if (type === 'ClusterIP') {
    for (const [i, { nodePort }] of ports.entries())
      if (nodePort) errors.push(forbidden(`spec.ports[${i}].nodePort`, "may not be used when `type` is 'ClusterIP'"))
  }
  const nodePorts = new Set<string>()
  for (const [i, { protocol, nodePort }] of ports.entries()) {
    if (!nodePort) continue
    if (nodePorts.has(`${protocol}/${nodePort}`)) errors.push(duplicate(`spec.ports[${i}].nodePort`, nodePort))
    nodePorts.add(`${protocol}/${nodePort}`)
  }
  const numbers = new Set<string>()
  for (const [i, port] of ports.entries()) {
    if (numbers.has(`${port.protocol}/${port.port}`)) errors.push(duplicate(`spec.ports[${i}]`, printedPort(port)))
    numbers.add(`${port.protocol}/${port.port}`)
  }
}

function sourceRanges({ metadata, spec = {} }: Service, old: Service | undefined, errors: Errors): void {
  const ranges = spec.loadBalancerSourceRanges ?? []
  const only = "may only be used when `type` is 'LoadBalancer'"
  if (ranges.length > 0) {
    const field = 'spec.LoadBalancerSourceRanges'
    if (spec.type !== 'LoadBalancer') errors.push(forbidden(field, only))
    const known = (old?.spec?.loadBalancerSourceRanges ?? []).map(range => range.trim())
    for (const [i, range] of ranges.entries()) validCIDR(range.trim(), `${field}[${i}]`, errors, known)
    return
  }
  const text = metadata.annotations?.[SOURCE_RANGES]
  if (text === undefined) return
  const field = `metadata.annotations[${SOURCE_RANGES}]`
  if (spec.type !== 'LoadBalancer') errors.push(forbidden(field, only))
  if (old?.metadata.annotations?.[SOURCE_RANGES] === text || text.trim() === '') return
  for (const range of text.split(',')) validCIDR(range.trim(), field, errors)
}

function loadBalancerClass(spec: ServiceSpec, old: ServiceSpec | undefined, errors: Errors): void {
  const field = 'spec.loadBalancerClass'
  const value = spec.loadBalancerClass
  if (old?.type === 'LoadBalancer' && spec.type === 'LoadBalancer' && old.loadBalancerClass !== value)
    errors.push(invalid(field, value, 'may not change once set'))
  if (value === undefined) return
  if (spec.type === 'LoadBalancer') qualifiedName(value, field, errors)
  else errors.push(forbidden(field, "may only be used when `type` is 'LoadBalancer'"))
}

function trafficPolicies(spec: ServiceSpec, errors: Errors): void {
  const { externalTrafficPolicy: external = '', internalTrafficPolicy: internal, healthCheckNodePort: port = 0, trafficDistribution } = spec
  if (isExternallyAccessible(spec)) requiredOneOf(external, ['Cluster', 'Local'], 'spec.externalTrafficPolicy', errors)
  else if (external !== '')
    errors.push(invalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'))
  if (needsHealthCheck(spec)) {
    if (port === 0) errors.push(required('spec.healthCheckNodePort'))
    else addInvalid(isPortNumber(port), 'spec.healthCheckNodePort', port, errors)
  } else if (port !== 0) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    errors.push(invalid('spec.healthCheckNodePort', port, why))
  }
  if (internal !== undefined) oneOf(internal, ['Cluster', 'Local'], 'spec.internalTrafficPolicy', errors)
  else if (spec.type !== 'ExternalName' && TYPES.includes(spec.type ?? '')) errors.push(required('spec.internalTrafficPolicy'))
  if (trafficDistribution !== undefined && !DISTRIBUTIONS.includes(trafficDistribution))
    errors.push(notSupported('spec.trafficDistribution', trafficDistribution, DISTRIBUTIONS))
}

export function validateServiceUpdate(service: Service, oldService: Service, errors: Errors): void {
  const spec = specOf(service)
  const old = specOf(oldService)
  if (spec.type !== 'ExternalName' && old.type !== 'ExternalName') {
    keptIPs(spec, old, errors)
    keptFamilies(spec, old, errors)
  }
  loadBalancerClass(spec, old, errors)
  if (needsHealthCheck(old) && needsHealthCheck(spec) && (old.healthCheckNodePort ?? 0) !== (spec.healthCheckNodePort ?? 0))
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'))
  validateService(service, oldService, errors)
}

const KEPT = 'may not change once set'

function keptIPs(spec: ServiceSpec, old: ServiceSpec, errors: Errors): void {
  if (isHeadless(spec) && isHeadless(old)) return
  const ips = spec.clusterIPs ?? []
  const before = old.clusterIPs ?? []
  const changed = (i: number) => errors.push(invalid(`spec.clusterIPs[${i}]`, spec.clusterIPs, KEPT))
  if (before.length === ips.length) {
    for (const [i, ip] of before.entries()) if (ip !== ips[i]) changed(i)
    return
  }
  if (before.length < ips.length) {
    if (before.length > 0 && ips[0] !== before[0]) changed(0)
    return
  }
  if (ips.length === 0) errors.push(invalid('spec.clusterIPs[0]', spec.clusterIPs, 'primary clusterIP can not be unset'))
  else if (ips[0] !== before[0]) changed(0)
  if (ips.length === 1 && spec.ipFamilyPolicy !== 'SingleStack')
    errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, "must be set to 'SingleStack' when releasing the secondary clusterIP"))
}

function keptFamilies(spec: ServiceSpec, old: ServiceSpec, errors: Errors): void {
  if (isHeadless(spec) || isHeadless(old)) return
  const families = spec.ipFamilies ?? []
  const before = old.ipFamilies ?? []
  const field = 'spec.ipFamilies[0]'
  if (before.length === families.length) {
    for (const [i, family] of before.entries()) if (family !== families[i]) errors.push(invalid(field, spec.ipFamilies, KEPT))
    return
  }
  if (before.length > families.length) {
    if (!spec.clusterIPs?.length) errors.push(invalid(field, spec.ipFamilies, 'primary ipFamily can not be unset'))
    if (families.length > 0 && families[0] !== before[0]) errors.push(invalid(field, spec.clusterIPs, KEPT))
    if (families.length === 1 && spec.ipFamilyPolicy !== 'SingleStack')
      errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, "must be set to 'SingleStack' when releasing the secondary ipFamily"))
  } else if (before.length > 0 && families[0] !== before[0]) errors.push(invalid(field, spec.clusterIPs, KEPT))
}

/** status.loadBalancer of a Service, and of an Ingress without `ipMode`. */
export function validateLoadBalancer(
  status: LoadBalancerStatus | undefined,
  old: LoadBalancerStatus | undefined,
  type: string,
  errors: Errors,
): void {
  const field = 'status.loadBalancer.ingress'
  const ingress = status?.ingress ?? []
  if (type !== 'LoadBalancer' && ingress.length > 0) {
    errors.push(forbidden(field, "may only be used when `spec.type` is 'LoadBalancer'"))
    return
  }
  const known = (old?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []))
  for (const [i, { ip, ipMode, hostname }] of ingress.entries()) {
    const at = `${field}[${i}]`
    if (ip) validIP(ip, `${at}.ip`, errors, known)
    if (ipMode === undefined) {
      if (ip) errors.push(required(`${at}.ipMode`, 'must be specified when `ip` is set'))
    } else if (!ip) errors.push(forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set'))
    else oneOf(ipMode, ['Proxy', 'VIP'], `${at}.ipMode`, errors)
    if (!hostname) continue
    addInvalid(isDNS1123Subdomain(hostname), `${at}.hostname`, hostname, errors)
    if (parseIP(hostname) !== undefined) errors.push(invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address'))
  }
}

export function serviceWarnings({ metadata, spec = {} }: Service): readonly string[] {
  const warnings: string[] = []
  if (metadata.annotations?.[TOPOLOGY_HINTS] !== undefined)
    warnings.push(`annotation ${TOPOLOGY_HINTS} is deprecated, please use ${TOPOLOGY_MODE} instead`)
  const headless = isHeadless(spec)
  if (spec.clusterIP && spec.clusterIP !== NONE_IP)
    for (const [i, ip] of (spec.clusterIPs ?? []).entries()) warnAboutIP(ip, `spec.clusterIPs[${i}]`, warnings)
  const external = (spec.externalIPs?.length ?? 0) > 0
  if (headless) {
    if (spec.loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored for headless services')
    if (external) warnings.push('spec.externalIPs is ignored for headless services')
    if (spec.sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services')
  }
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) warnAboutIP(ip, `spec.externalIPs[${i}]`, warnings)
  if (external && !headless && spec.type !== 'ExternalName')
    warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters')
  if (spec.loadBalancerIP) warnAboutIP(spec.loadBalancerIP, 'spec.loadBalancerIP', warnings)
  for (const [i, range] of (spec.loadBalancerSourceRanges ?? []).entries())
    warnAboutCIDR(range, `spec.loadBalancerSourceRanges[${i}]`, warnings)
  if (spec.type === 'ExternalName' && external) warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"')
  if (spec.type !== 'ExternalName' && spec.externalName) warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"')
  if (spec.trafficDistribution === 'PreferClose')
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
  return warnings
}
