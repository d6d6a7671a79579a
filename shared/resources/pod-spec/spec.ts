// A pod's spec as a whole (pkg/apis/core/validation).
import type { Container, PodDNSConfig, PodResourceClaim, PodSpec, PodTemplateSpec } from '../../api/core/v1.ts'
import type { ObjectMeta } from '../../api/meta/v1.ts'
import { duplicate, forbidden, invalid, notFound, notSupported, required, tooLong } from '../../apimachinery/field-error.ts'
import { isDNS1123Subdomain, isQualifiedName } from '../../apimachinery/names.ts'
import {
  addInvalid,
  annotations,
  bytes,
  dnsLabel,
  dnsSubdomain,
  type Errors,
  inRange,
  isSubdomainWithUnderscore,
  labels,
  MAX_INT32,
  moreThan,
  type Quantity,
  qualifiedName,
} from '../validation/checks.ts'
import { validIP } from '../validation/ip.ts'
import { isHugePage, resourceRequirements } from '../validation/resource-names.ts'
import { validateAffinity, validateSpread, validateTolerations } from './affinity.ts'
import { annotationsMatchFields, MIRROR, podAnnotations } from './annotations.ts'
import { type PodParts, validateContainers, validateEphemeralContainers, validateInitContainers } from './containers.ts'
import { operatingSystem, ownUsers, podSecurityContext, windowsHostProcess } from './security.ts'
import { totalOf } from './totals.ts'
import { visitContainers } from './visit.ts'
import { validateVolumes } from './volumes.ts'

export interface PodSpecOptions {
  /** A pod itself and not a template of one: some things are only asked of pods. */
  readonly isPod?: boolean
  /** Of the pod, for names that are made from its own. */
  readonly metadata?: Partial<ObjectMeta>
}

const PRIORITIES = ['PreemptLowerPriority', 'Never']
const RESTARTS = ['Always', 'OnFailure', 'Never']
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']

export function validatePodSpec(spec: PodSpec, field: string, errors: Errors, options: PodSpecOptions = {}): void {
  const isPod = options.isPod === true
  const gracePeriod = spec.terminationGracePeriodSeconds
  if (gracePeriod === undefined) errors.push(required(`${field}.terminationGracePeriodSeconds`))
  const volumes = validateVolumes(spec.volumes, options.metadata, isPod, `${field}.volumes`, errors)
  const claims = validateClaims(spec.resourceClaims, options.metadata, `${field}.resourceClaims`, errors)
  const parts: PodParts = { spec, volumes, claims, gracePeriod, hostUsers: spec.hostUsers !== false }
  validateContainers(parts, `${field}.containers`, errors)
  validateInitContainers(parts, `${field}.initContainers`, errors)
  validateEphemeralContainers(parts, `${field}.ephemeralContainers`, errors)
  podResources(spec, claims, field, errors)
  if (spec.hostNetwork) hostNetworkPorts(spec, isPod, field, errors)
  choice(spec.restartPolicy, RESTARTS, `${field}.restartPolicy`, errors)
  choice(spec.dnsPolicy, DNS_POLICIES, `${field}.dnsPolicy`, errors)
  labels(spec.nodeSelector, `${field}.nodeSelector`, errors)
  podSecurityContext(spec, `${field}.securityContext`, errors)
  validateAffinity(spec.affinity, `${field}.affinity`, errors)
  dnsConfig(spec.dnsConfig, spec.dnsPolicy, `${field}.dnsConfig`, errors)
  for (const [i, gate] of (spec.readinessGates ?? []).entries())
    qualifiedName(gate.conditionType ?? '', `${field}.readinessGates[${i}].conditionType`, errors)
  schedulingGates(spec, `${field}.schedulingGates`, errors)
  validateSpread(spec.topologySpreadConstraints, `${field}.topologySpreadConstraints`, errors)
  windowsHostProcess(spec, field, errors)
  ownUsers(spec, field, errors)
  hostnameOverride(spec, `${field}.hostnameOverride`, errors)
  for (const member of ['serviceAccountName', 'nodeName'] as const) name(spec[member], `${field}.${member}`, errors)
  const deadline = spec.activeDeadlineSeconds
  if (deadline !== undefined && (deadline < 1 || deadline > MAX_INT32))
    errors.push(invalid(`${field}.activeDeadlineSeconds`, deadline, inRange(1, MAX_INT32)))
  for (const member of ['hostname', 'subdomain'] as const) {
    const value = spec[member]
    if (value) dnsLabel(value, `${field}.${member}`, errors)
  }
  validateTolerations(spec.tolerations, `${field}.tolerations`, errors)
  for (const [i, alias] of (spec.hostAliases ?? []).entries()) {
    validIP(alias.ip ?? '', `${field}.hostAliases[${i}].ip`, errors)
    for (const [j, host] of (alias.hostnames ?? []).entries()) dnsSubdomain(host, `${field}.hostAliases[${i}].hostnames[${j}]`, errors)
  }
  name(spec.priorityClassName, `${field}.priorityClassName`, errors)
  if (spec.runtimeClassName !== undefined) dnsSubdomain(spec.runtimeClassName, `${field}.runtimeClassName`, errors)
  if (spec.preemptionPolicy !== undefined) choice(spec.preemptionPolicy, PRIORITIES, `${field}.preemptionPolicy`, errors)
  if (spec.overhead !== undefined) resourceRequirements({ limits: spec.overhead }, new Set(), `${field}.overhead`, errors)
  operatingSystem(spec, field, errors)
  fileKeyVolumes(spec, field, errors)
}

/** A template in a workload. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, field: string, errors: Errors): void {
  const metadata = template?.metadata
  const spec = template?.spec ?? ({} as PodSpec)
  labels(metadata?.labels, `${field}.labels`, errors)
  annotations(metadata?.annotations, `${field}.annotations`, errors)
  podAnnotations(metadata?.annotations, spec, `${field}.annotations`, errors)
  validatePodSpec(spec, `${field}.spec`, errors)
  annotationsMatchFields(metadata, spec, `${field}.spec`, errors)
  if (spec.ephemeralContainers?.length)
    errors.push(forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'))
}

/** Values in upstream's own order, not sorted. */
function choice(value: string | undefined, values: readonly string[], field: string, errors: Errors): void {
  if (!value) errors.push(required(field))
  else if (!values.includes(value)) errors.push(notSupported(field, value, values))
}

function name(value: string | undefined, field: string, errors: Errors): void {
  if (value) addInvalid(isDNS1123Subdomain(value), field, value, errors)
}

function validateClaims(
  claims: readonly PodResourceClaim[] | undefined,
  metadata: Partial<ObjectMeta> | undefined,
  field: string,
  errors: Errors,
): ReadonlySet<string> {
  const seen = new Set<string>()
  for (const [i, claim] of (claims ?? []).entries()) {
    const at = `${field}[${i}]`
    if (metadata?.annotations?.[MIRROR] !== undefined) {
      errors.push(forbidden('[]', 'static pods do not support resource claims'))
      continue
    }
    if (!claim.name) errors.push(required(`${at}.name`))
    else if (seen.has(claim.name)) errors.push(duplicate(`${at}.name`, claim.name))
    else dnsLabel(claim.name, `${at}.name`, errors)
    seen.add(claim.name)
    const { resourceClaimName: own, resourceClaimTemplateName: template } = claim
    const printed = { Name: claim.name ?? '', ResourceClaimName: own ?? null, ResourceClaimTemplateName: template ?? null }
    if (own !== undefined && template !== undefined)
      errors.push(invalid(at, printed, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'))
    if (own === undefined && template === undefined)
      errors.push(invalid(at, printed, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'))
    if (own !== undefined) dnsSubdomain(own, `${at}.resourceClaimName`, errors)
    if (template !== undefined) dnsSubdomain(template, `${at}.resourceClaimTemplateName`, errors)
  }
  return seen
}

function podResources(spec: PodSpec, claims: ReadonlySet<string>, at: string, errors: Errors): void {
  const resources = spec.resources
  if (resources === undefined) return
  const field = `${at}.resources`
  if (spec.os?.name === 'windows') {
    errors.push(forbidden(field, 'may not be set for a windows pod'))
    return
  }
  if (resources.claims !== undefined) errors.push(forbidden(`${field}.claims`, 'claims may not be set for Resources at pod-level'))
  resourceRequirements(resources, claims, field, errors, true)
  const { requests = {}, limits = {} } = resources
  for (const [resource, sum] of Object.entries(totalOf(spec, 'requests'))) {
    const own = requests[resource]
    if (own !== undefined && moreThan(sum, own))
      errors.push(
        invalid(`${field}.requests[${resource}]`, String(own), `must be greater than or equal to aggregate container requests of ${sum}`),
      )
  }
  for (const [resource, sum] of Object.entries(totalOf(spec, 'limits'))) {
    const own = limits[resource]
    if (isHugePage(resource) && own !== undefined && moreThan(sum, own))
      errors.push(
        invalid(`${field}.limits[${resource}]`, String(own), `must be greater than or equal to aggregate container limits of ${sum}`),
      )
  }
  for (const [i, container] of (spec.containers ?? []).entries()) {
    for (const [resource, limit] of Object.entries(container.resources?.limits ?? {})) {
      const own = limits[resource] as Quantity | undefined
      if (own !== undefined && moreThan(limit, own)) {
        const where = `${field}.containers[${i}][${resource}].limits`
        errors.push(invalid(where, String(limit), `must be less than or equal to pod limits of ${own}`))
      }
    }
  }
}

/** A pod on the node's network has no ports but the node's. */
function hostNetworkPorts(spec: PodSpec, isPod: boolean, field: string, errors: Errors): void {
  for (const [i, container] of (spec.containers ?? []).entries()) {
    for (const [j, { hostPort = 0, containerPort = 0 }] of (container.ports ?? []).entries()) {
      if ((isPod || hostPort !== 0) && hostPort !== containerPort) {
        const at = `${field}.containers[${i}].ports[${j}].hostPort`
        errors.push(invalid(at, hostPort, 'must match `containerPort` when `hostNetwork` is true'))
      }
    }
  }
}

const MAX_NAMESERVERS = 3
const MAX_SEARCHES = 32
const MAX_SEARCH_CHARS = 2048

function dnsConfig(config: PodDNSConfig | undefined, policy: string | undefined, field: string, errors: Errors): void {
  if (policy === 'None') {
    if (config === undefined) {
      errors.push(required(field, 'must provide `dnsConfig` when `dnsPolicy` is None'))
      return
    }
    if (!config.nameservers?.length) {
      errors.push(required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'))
      return
    }
  }
  if (config === undefined) return
  const { nameservers = [], searches = [], options = [] } = config
  if (nameservers.length > MAX_NAMESERVERS)
    errors.push(invalid(`${field}.nameservers`, nameservers, `must not have more than ${MAX_NAMESERVERS} nameservers`))
  for (const [i, server] of nameservers.entries()) validIP(server, `${field}.nameservers[${i}]`, errors)
  if (searches.length > MAX_SEARCHES)
    errors.push(invalid(`${field}.searches`, searches, `must not have more than ${MAX_SEARCHES} search paths`))
  if (bytes(searches.join(' ')) > MAX_SEARCH_CHARS)
    errors.push(
      invalid(
        `${field}.searches`,
        searches,
        `must not have more than ${MAX_SEARCH_CHARS} characters (including spaces) in the search list`,
      ),
    )
  for (const [i, search] of searches.entries()) {
    if (search === '.') continue
    const path = search.replace(/\.$/, '')
    addInvalid(isSubdomainWithUnderscore(path), `${field}.searches[${i}]`, path, errors)
  }
  for (const [i, option] of options.entries()) if (!option.name) errors.push(required(`${field}.options[${i}]`, 'must not be empty'))
}

function schedulingGates(spec: PodSpec, field: string, errors: Errors): void {
  const seen = new Set<string>()
  for (const [i, gate] of (spec.schedulingGates ?? []).entries()) {
    const gateName = gate.name ?? ''
    addInvalid(isQualifiedName(gateName), `${field}[${i}]`, gateName, errors)
    if (seen.has(gateName)) errors.push(duplicate(`${field}[${i}]`, gateName))
    seen.add(gateName)
  }
}

function hostnameOverride(spec: PodSpec, field: string, errors: Errors): void {
  const override = spec.hostnameOverride
  if (override === undefined) return
  if (spec.setHostnameAsFQDN) errors.push(forbidden(field, 'may not be specified when setHostnameAsFQDN is true'))
  if (spec.hostNetwork) errors.push(forbidden(field, 'may not be specified when hostNetwork is true'))
  if (bytes(override) > 64) errors.push(tooLong(field, 64))
  dnsSubdomain(override, field, errors)
}

/** Variables read from a file: the file lies in an emptyDir that an init container filled. */
function fileKeyVolumes(spec: PodSpec, field: string, errors: Errors): void {
  visitContainers(spec, field, (container: Container, at) => {
    for (const [i, variable] of (container.env ?? []).entries()) {
      const reference = variable.valueFrom?.fileKeyRef
      if (reference === undefined) continue
      const where = `${at}.env[${i}].valueFrom.fileKeyRef.volumeName`
      const volume = spec.volumes?.findLast(candidate => candidate.name === reference.volumeName)
      if (volume === undefined) errors.push(notFound(where, reference.volumeName))
      else if (volume.emptyDir === undefined)
        errors.push(invalid(where, reference.volumeName, 'referenced volume must be of type emptyDir'))
    }
  })
}
