// Which IP families a Service has, and which fields carry over from its older self (pkg/registry/core/service/storage).
import type { Service } from '../../api/core/v1.ts'
import { type FieldError, invalid } from '../../apimachinery/field-error.ts'
import { invalid as invalidObject } from '../../apimachinery/status-error.ts'
import { parseIP } from '../validation/ip.ts'
import type { Family } from './ranges.ts'
import { hasNodePorts, NONE_IP, needsClusterIP, needsHealthCheck, needsNodePorts, nodePortsOf, sameList, specOf } from './rules.ts'
import { clusterIPs } from './validate.ts'

const familyOf = (ip: string): Family => (parseIP(ip)?.family === 6 ? 'IPv6' : 'IPv4')
const other = (family: string): Family => (family === 'IPv4' ? 'IPv6' : 'IPv4')
const PREFER = 'PreferDualStack'

function refuse(service: Service, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject('', 'Service', service.metadata.name ?? '', errors)
}

/** What was allocated stays where a PUT leaves it out. In place. */
export function keepAllocated(service: Service, oldService: Service): void {
  const spec = specOf(service)
  const old = specOf(oldService)
  if (needsClusterIP(old) && needsClusterIP(spec)) {
    spec.clusterIP ||= old.clusterIP
    if (!spec.clusterIPs?.length && old.clusterIPs?.length) spec.clusterIPs = [...old.clusterIPs]
  }
  if (needsNodePorts(old) && needsNodePorts(spec)) {
    const now = nodePortsOf(spec)
    const used = nodePortsOf(old).filter(port => now.includes(port))
    const byName = new Map((old.ports ?? []).map(({ name = '', nodePort }) => [name, nodePort]))
    for (const port of spec.ports ?? []) {
      const before = byName.get(port.name ?? '')
      if (!port.nodePort && before && !used.includes(before)) port.nodePort = before
    }
  }
  if (needsHealthCheck(old) && needsHealthCheck(spec)) spec.healthCheckNodePort ||= old.healthCheckNodePort
}

/** clusterIP and clusterIPs say the same; who changes only one of them means both. In place. */
export function normalizeClusterIPs(service: Service, oldService: Service | undefined): void {
  const spec = specOf(service)
  const ip = spec.clusterIP ?? ''
  if (oldService === undefined) {
    if (ip !== '' && !spec.clusterIPs?.length) spec.clusterIPs = [ip]
    return
  }
  const old = specOf(oldService)
  const before = old.clusterIP ?? ''
  if (old.clusterIPs?.length && !spec.clusterIPs?.length && before === ip) spec.clusterIPs = [...old.clusterIPs]
  if (before === ip || !sameList(old.clusterIPs, spec.clusterIPs)) return
  if (before !== '' && ip === '') delete spec.clusterIPs
  else spec.clusterIPs = [ip]
}

/** Whether a Service that prefers two families keeps what it has, although the cluster may have another family by now. */
export function keepsPreferred(service: Service, oldService: Service | undefined): boolean {
  const spec = specOf(service)
  const old = oldService?.spec
  return (
    old !== undefined &&
    spec.ipFamilyPolicy === PREFER &&
    old.type === spec.type &&
    (spec.type === 'ClusterIP' || hasNodePorts(spec)) &&
    (old.ipFamilyPolicy ?? PREFER) === PREFER &&
    sameList(old.clusterIPs, spec.clusterIPs) &&
    sameList(old.ipFamilies, spec.ipFamilies)
  )
}

/** Fills in policy and families. In place. @throws StatusError 422 */
export function initFamilies(service: Service, oldService: Service | undefined, families: readonly Family[]): void {
  const spec = specOf(service)
  if (spec.type === 'ExternalName' || keepsPreferred(service, oldService)) return
  const selectorless = spec.clusterIP === NONE_IP && Object.keys(spec.selector ?? {}).length === 0
  spec.ipFamilyPolicy ??= oldService?.spec?.ipFamilyPolicy ?? (selectorless ? 'RequireDualStack' : 'SingleStack')
  const errors: FieldError[] = []
  clusterIPs(spec, oldService, errors)
  refuse(service, errors)
  const single = spec.ipFamilyPolicy === 'SingleStack'
  releaseSecondary(service, oldService, single, errors)
  if (single) {
    const needs = (what: string) => `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`
    if (spec.clusterIPs?.length === 2) errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, needs('cluster IPs')))
    if (spec.ipFamilies?.length === 2) errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, needs('IP families')))
  }
  familiesOfIPs(service, families, errors)
  refuse(service, errors)
  if (selectorless) {
    // Whoever writes the endpoints may use either family, whatever the cluster's own Services have.
    const own = spec.ipFamilies?.length ? spec.ipFamilies : [families[0] as string]
    spec.ipFamilies = own.length < 2 && !single ? [...own, other(own[0] as string)] : own
    return
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && families.length < 2)
    errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'))
  for (const [i, family] of (spec.ipFamilies ?? []).entries())
    if (!families.includes(family as Family)) errors.push(invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster'))
  refuse(service, errors)
  if (!spec.ipFamilies?.length) spec.ipFamilies = [families[0] as string]
  if (!single && spec.ipFamilies.length === 1 && families.length === 2)
    spec.ipFamilies = [...spec.ipFamilies, other(spec.ipFamilies[0] as string)]
}

function releaseSecondary(service: Service, oldService: Service | undefined, single: boolean, errors: FieldError[]): void {
  if (oldService === undefined) return
  const spec = specOf(service)
  const old = specOf(oldService)
  for (const [member, what] of [
    ['clusterIPs', 'cluster IP'],
    ['ipFamilies', 'IP family'],
  ] as const) {
    const now = spec[member] ?? []
    const before = old[member] ?? []
    if (single) {
      if (sameList(before, now) && now.length > 1) spec[member] = now.slice(0, 1)
    } else if (now.length > 0 && now.length < before.length) {
      errors.push(invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`))
    }
  }
}

function familiesOfIPs(service: Service, families: readonly Family[], errors: FieldError[]): void {
  const spec = specOf(service)
  for (const [i, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip === NONE_IP) return
    if (i < (spec.ipFamilies?.length ?? 0)) continue
    const family = familyOf(ip)
    if (families.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family]
    else errors.push(invalid(`spec.clusterIPs[${i}]`, spec.clusterIPs, `${family} is not configured on this cluster`))
  }
}
