// What kubelets and schedulers may say about a pod (pkg/apis/core/validation, ValidatePodStatusUpdate).

import type { Container, ContainerStatus, Pod, PodSpec } from '../../api/core/v1.ts'
import { duplicate, forbidden, invalid, required, tooLong } from '../../apimachinery/field-error.ts'
import { isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { member } from '../../apimachinery/objects.ts'
import { fixedAnnotations, podAnnotations } from '../pod-spec/annotations.ts'
import { keep } from '../strategy.ts'
import { accountId, addInvalid, bytes, dnsLabel, dnsSubdomain, type Errors, immutable, oneOf, qualifiedName } from '../validation/checks.ts'
import { isDualStack, validIP, warnAboutIP } from '../validation/ip.ts'

/** Takes back what a status writer may not change. In place. */
export function preparePodStatus(pod: Pod, old: Pod): void {
  keep(pod, old, 'spec')
  keep(pod.metadata, old.metadata, 'deletionTimestamp', 'ownerReferences')
  pod.status ??= {}
  const { status } = pod
  status.qosClass ||= old.status?.qosClass
  status.observedGeneration ||= old.status?.observedGeneration
  // Writers that know nothing of generations must not lose what others observed.
  const seen = new Map<string, (number | undefined)[]>()
  for (const { type, observedGeneration } of old.status?.conditions ?? []) seen.set(type, [...(seen.get(type) ?? []), observedGeneration])
  for (const condition of status.conditions ?? []) {
    const before = seen.get(condition.type)?.shift()
    if (!condition.observedGeneration && before) condition.observedGeneration = before
  }
  normalizePodIPs(pod)
}

/** podIP and podIPs say the same; the older one wins. In place. */
export function normalizePodIPs({ status }: Pod): void {
  if (status === undefined) return
  if (status.podIP) {
    if (status.podIPs?.[0]?.ip !== status.podIP) status.podIPs = [{ ip: status.podIP }]
  } else if (status.podIPs?.[0]?.ip) status.podIP = status.podIPs[0].ip
}

const SYSTEM_CONDITIONS = ['PodScheduled', 'Ready', 'Initialized']

export function validatePodStatus(pod: Pod, oldPod: Pod, errors: Errors): void {
  const spec = pod.spec ?? ({} as PodSpec)
  const status = pod.status ?? {}
  const old = oldPod.status ?? {}
  fixedAnnotations(pod.metadata.annotations, oldPod.metadata.annotations, 'metadata.annotations', errors)
  podAnnotations(pod.metadata.annotations, spec, 'metadata.annotations', errors)
  for (const [i, condition] of (status.conditions ?? []).entries()) {
    if ((condition.observedGeneration ?? 0) < 0)
      notNegative(`status.conditions[${i}].observedGeneration`, condition.observedGeneration, errors)
    if (!SYSTEM_CONDITIONS.includes(condition.type)) qualifiedName(condition.type ?? '', `status.conditions[${i}].Type`, errors)
  }
  const nominated = status.nominatedNodeName
  if (nominated && nominated !== old.nominatedNodeName) {
    addInvalid(isDNS1123Subdomain(nominated), 'status.nominatedNodeName', nominated, errors)
    if (oldPod.spec?.nodeName) errors.push(forbidden('status.nominatedNodeName', 'may not be set on pods that are already bound to a node'))
  }
  if ((status.observedGeneration ?? 0) < 0) notNegative('status.observedGeneration', status.observedGeneration, errors)
  immutable(status.qosClass ?? '', old.qosClass ?? '', 'status.qosClass', errors)
  if (!restartsAll(spec)) {
    transitions(status.containerStatuses, old.containerStatuses, 'containerStatuses', spec, spec.containers, errors)
    transitions(status.initContainerStatuses, old.initContainerStatuses, 'initContainerStatuses', spec, spec.initContainers, errors)
  }
  transitions(status.ephemeralContainerStatuses, old.ephemeralContainerStatuses, 'ephemeralContainerStatuses', spec, undefined, errors)
  claims(pod, errors)
  addresses(status.podIPs, old.podIPs, 'status.podIPs', errors)
  const hosts = status.hostIPs
  if (hosts?.length) {
    if (hosts[0]?.ip !== (status.hostIP ?? '')) errors.push(invalid('status.hostIPs[0].ip', hosts[0]?.ip, 'must be equal to `hostIP`'))
    addresses(hosts, old.hostIPs, 'status.hostIPs', errors)
  }
  for (const list of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const)
    for (const [i, container] of (status[list] ?? []).entries()) user(container, spec.os?.name, `status.${list}[${i}].user.linux`, errors)
  allocated(status.containerStatuses, spec.containers, 'containerStatuses', errors)
  allocated(status.initContainerStatuses, spec.initContainers, 'initContainerStatuses', errors)
  for (const [i, container] of (status.ephemeralContainerStatuses ?? []).entries()) {
    if (container.allocatedResourcesStatus?.length)
      errors.push(
        forbidden(`status.ephemeralContainerStatuses[${i}].allocatedResourcesStatus`, 'must not be specified in container status'),
      )
  }
}

const notNegative = (field: string, value: number | undefined, errors: Errors) =>
  errors.push(invalid(field, value, 'must be a non-negative integer'))

/** A rule that restarts all containers lets any of them come back. */
const restartsAll = (spec: PodSpec) =>
  [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some(container =>
    container.restartPolicyRules?.some(rule => rule.action === 'RestartAllContainers'),
  )

function mayRestart(container: Container | undefined, spec: PodSpec, exitCode: number): boolean {
  if (container === undefined) return false
  if (container.restartPolicy !== undefined) {
    for (const { exitCodes } of container.restartPolicyRules ?? []) {
      if (exitCodes !== undefined && (exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === 'In')) return true
    }
  }
  const policy = container.restartPolicy ?? spec.restartPolicy
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
}

/** What has ended stays ended, unless it may be restarted. `containers` undefined: never. */
function transitions(
  statuses: readonly ContainerStatus[] = [],
  old: readonly ContainerStatus[] = [],
  list: string,
  spec: PodSpec,
  containers: readonly Container[] | undefined,
  errors: Errors,
): void {
  for (const [i, before] of old.entries()) {
    const ended = before.state?.terminated
    if (ended === undefined) continue
    const now = statuses.find(status => status.name === before.name)
    if (now === undefined || now.state?.terminated !== undefined) continue
    if (
      !mayRestart(
        containers?.find(container => container.name === before.name),
        spec,
        ended.exitCode ?? 0,
      )
    )
      errors.push(forbidden(`status.${list}[${i}].state`, 'may not be transitioned to non-terminated state'))
  }
}

function claims({ spec, status }: Pod, errors: Errors): void {
  const seen = new Set<string>()
  for (const [i, claim] of (status?.resourceClaimStatuses ?? []).entries()) {
    const at = `status.resourceClaimStatuses[${i}]`
    if (!spec?.resourceClaims?.some(own => own.name === claim.name))
      errors.push(invalid(`${at}.name`, claim.name, 'must match the name of an entry in `spec.resourceClaims`'))
    if (seen.has(claim.name)) errors.push(duplicate(`${at}.name`, claim.name))
    seen.add(claim.name)
    if (claim.resourceClaimName !== undefined) dnsSubdomain(claim.resourceClaimName, `${at}.resourceClaimName`, errors)
  }
  const extended = status?.extendedResourceClaimStatus
  if (extended === undefined) return
  const field = 'status.extendedResourceClaimStatus'
  if (!extended.requestMappings?.length) errors.push(required(`${field}.requestMappings`, 'at least one request mapping is required'))
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]
  const mapped = new Set<string>()
  for (const [i, mapping] of (extended.requestMappings ?? []).entries()) {
    const at = `${field}.requestMappings[${i}]`
    const container = containers.findLast(candidate => candidate.name === mapping.containerName)
    if (container === undefined)
      errors.push(
        invalid(
          `${at}.containerName`,
          mapping.containerName,
          'must match the name of an entry in spec.initContainers.name or spec.containers.name',
        ),
      )
    else if (member(container.resources?.requests, mapping.resourceName) === undefined)
      errors.push(
        invalid(
          `${at}.resourceName`,
          mapping.resourceName,
          'must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests',
        ),
      )
    dnsLabel(mapping.requestName ?? '', `${field}.requestName`, errors)
    const key = `${mapping.containerName}/${mapping.resourceName}/${mapping.requestName}`
    if (mapped.has(key))
      for (const member of ['containerName', 'resourceName', 'requestName'] as const)
        errors.push(duplicate(`${at}.${member}`, mapping[member]))
    mapped.add(key)
  }
  if (!extended.resourceClaimName) errors.push(required(`${field}.resourceClaimName`))
  else dnsSubdomain(extended.resourceClaimName, `${field}.resourceClaimName`, errors)
}

interface IP {
  readonly ip?: string
}

/** One of each family at most. */
function addresses(list: readonly IP[] | undefined, old: readonly IP[] | undefined, field: string, errors: Errors): void {
  const known = (old ?? []).map(({ ip = '' }) => ip)
  for (const [i, { ip = '' }] of (list ?? []).entries()) validIP(ip, `${field}[${i}]`, errors, known)
  const values = (list ?? []).map(({ ip = '' }) => ip)
  if (values.length > 1 && (values.length > 2 || !isDualStack(values)))
    errors.push(
      invalid(
        field,
        values.map(ip => ({ IP: ip })),
        'may specify no more than one IP for each IP family',
      ),
    )
}

function user({ user: account }: ContainerStatus, os: string | undefined, field: string, errors: Errors): void {
  const linux = account?.linux
  if (linux === undefined) return
  if (os === 'windows') {
    errors.push(forbidden(field, 'cannot be set for a windows pod'))
    return
  }
  accountId(linux.uid, `${field}.uid`, errors)
  accountId(linux.gid, `${field}.gid`, errors)
  for (const [i, group] of (linux.supplementalGroups ?? []).entries()) accountId(group, `${field}.supplementalGroups[${i}]`, errors)
}

const HEALTH = ['Healthy', 'Unhealthy', 'Unknown']
const MAX_HEALTH_MESSAGE = 1024

function allocated(
  statuses: readonly ContainerStatus[] | undefined,
  containers: readonly Container[] | undefined,
  list: string,
  errors: Errors,
): void {
  for (const [i, status] of (statuses ?? []).entries()) {
    const container = containers?.find(candidate => candidate.name === status.name)
    for (const [j, resource] of (status.allocatedResourcesStatus ?? []).entries()) {
      const at = `status.${list}[${i}].allocatedResourcesStatus[${j}]`
      if (container !== undefined) {
        const claim = resource.name.startsWith('claim:')
        const found = claim
          ? container.resources?.claims?.some(({ name, request }) => resource.name === `claim:${name}${request ? `/${request}` : ''}`)
          : member(container.resources?.requests, resource.name) !== undefined
        const why = claim
          ? "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
          : "must match one of the container's resource requests"
        if (!found) errors.push(invalid(`${at}.name`, resource.name, why))
      }
      const ids = new Set<string>()
      for (const [k, { health, message, resourceID }] of (resource.resources ?? []).entries()) {
        const where = `${at}.resources[${k}]`
        oneOf(health, HEALTH, `${where}.health`, errors)
        if (message === '') errors.push(required(`${where}.message`, 'must be non-empty if specified'))
        else if (message !== undefined && bytes(message) > MAX_HEALTH_MESSAGE) errors.push(tooLong(`${where}.message`, MAX_HEALTH_MESSAGE))
        if (ids.has(resourceID)) errors.push(duplicate(`${where}.resourceID`, resourceID))
        ids.add(resourceID)
      }
    }
  }
}

export function podStatusWarnings({ status }: Pod): readonly string[] {
  const warnings: string[] = []
  for (const [i, { ip }] of (status?.podIPs ?? []).entries()) warnAboutIP(ip ?? '', `status.podIPs[${i}].ip`, warnings)
  for (const [i, { ip }] of (status?.hostIPs ?? []).entries()) warnAboutIP(ip ?? '', `status.hostIPs[${i}].ip`, warnings)
  return warnings
}
