// Containers, init containers and ephemeral containers of a pod (pkg/apis/core/validation).
import type {
  Container,
  ContainerPort,
  ContainerResizePolicy,
  ContainerRestartRule,
  EphemeralContainer,
  PodSpec,
} from '../../api/core/v1.ts'
import { duplicate, forbidden, invalid, notFound, required, tooMany } from '../../apimachinery/field-error.ts'
import { addInvalid, dnsLabel, type Errors, isPortName, isPortNumber, oneOf, requiredOneOf } from '../validation/checks.ts'
import { resourceRequirements } from '../validation/resource-names.ts'
import { validateEnv, validateEnvFrom } from './env.ts'
import { validateDevices, validateMounts } from './mounts.ts'
import { type ProbeKind, validateLifecycle, validateProbe } from './probes.ts'
import { pullPolicy } from './pull-policy.ts'
import { containerSecurityContext } from './security.ts'
import type { VolumesByName } from './volumes.ts'

export const PROTOCOLS = ['SCTP', 'TCP', 'UDP']
const PROBES: readonly ProbeKind[] = ['livenessProbe', 'readinessProbe', 'startupProbe']

/** What the containers of one pod share. */
export interface PodParts {
  readonly spec: PodSpec
  readonly volumes: VolumesByName
  readonly claims: ReadonlySet<string>
  readonly gracePeriod: number | undefined
  readonly hostUsers: boolean
}

function ports(list: readonly ContainerPort[] | undefined, field: string, errors: Errors): void {
  if (list === undefined) return
  const names = new Set<string>()
  for (const [i, port] of list.entries()) {
    const at = `${field}[${i}]`
    if (port.name) {
      const wrong = isPortName(port.name)
      addInvalid(wrong, `${at}.name`, port.name, errors)
      if (wrong.length === 0 && names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name))
      names.add(port.name)
    }
    if (!port.containerPort) errors.push(required(`${at}.containerPort`))
    else addInvalid(isPortNumber(port.containerPort), `${at}.containerPort`, port.containerPort, errors)
    if (port.hostPort) addInvalid(isPortNumber(port.hostPort), `${at}.hostPort`, port.hostPort, errors)
    requiredOneOf(port.protocol, PROTOCOLS, `${at}.protocol`, errors)
  }
}

function resizePolicies(policies: readonly ContainerResizePolicy[] | undefined, spec: PodSpec, field: string, errors: Errors): void {
  const seen = new Set<string>()
  for (const [i, { resourceName, restartPolicy }] of (policies ?? []).entries()) {
    if (seen.has(resourceName)) errors.push(duplicate(`${field}[${i}]`, resourceName))
    seen.add(resourceName)
    requiredOneOf(resourceName, ['cpu', 'memory'], field, errors)
    requiredOneOf(restartPolicy, ['NotRequired', 'RestartContainer'], field, errors)
    if (spec.restartPolicy === 'Never' && restartPolicy !== 'NotRequired')
      errors.push(invalid(field, restartPolicy ?? '', "must be 'NotRequired' when pod `restartPolicy` is 'Never'"))
  }
}

function common(container: Container, parts: PodParts, at: string, errors: Errors): void {
  if (!container.name) errors.push(required(`${at}.name`))
  else dnsLabel(container.name, `${at}.name`, errors)
  if (!container.image) errors.push(required(`${at}.image`))
  const policyField = `${at}.terminationMessagePolicy`
  requiredOneOf(container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError'], policyField, errors)
  ports(container.ports, `${at}.ports`, errors)
  validateEnv(container.env, `${at}.env`, errors)
  validateEnvFrom(container.envFrom, `${at}.envFrom`, errors)
  validateMounts(container, parts.volumes, `${at}.volumeMounts`, errors)
  validateDevices(container, parts.volumes, `${at}.volumeDevices`, errors)
  pullPolicy(container.imagePullPolicy, `${at}.imagePullPolicy`, errors)
  resourceRequirements(container.resources, parts.claims, `${at}.resources`, errors)
  resizePolicies(container.resizePolicy, parts.spec, `${at}.resizePolicy`, errors)
  containerSecurityContext(container.securityContext, parts.hostUsers, `${at}.securityContext`, errors)
}

function lifecycleAndProbes(container: Container, { gracePeriod }: PodParts, at: string, errors: Errors): void {
  validateLifecycle(container.lifecycle, gracePeriod, `${at}.lifecycle`, errors)
  for (const kind of PROBES) validateProbe(kind, container[kind], gracePeriod, at, errors)
}

function hostPortConflicts(containers: readonly Container[], field: string, errors: Errors): void {
  const taken = new Set<string>()
  for (const [i, container] of containers.entries()) {
    for (const [j, { hostPort, hostIP, protocol }] of (container.ports ?? []).entries()) {
      if (!hostPort) continue
      const key = `${protocol ?? ''}/${hostIP ?? ''}/${hostPort}`
      if (taken.has(key)) errors.push(duplicate(`${field}[${i}].ports[${j}].hostPort`, key))
      taken.add(key)
    }
  }
}

export function validateContainers(parts: PodParts, field: string, errors: Errors): void {
  const containers = parts.spec.containers ?? []
  if (containers.length === 0) {
    errors.push(required(field))
    return
  }
  const names = new Set<string>()
  for (const [i, container] of containers.entries()) {
    const at = `${field}[${i}]`
    common(container, parts, at, errors)
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name))
    names.add(container.name)
    lifecycleAndProbes(container, parts, at, errors)
    restartPolicy(container, at, errors)
  }
  hostPortConflicts(containers, field, errors)
}

export function validateInitContainers(parts: PodParts, field: string, errors: Errors): void {
  const containers = parts.spec.initContainers
  if (containers === undefined) return
  const names = new Set((parts.spec.containers ?? []).map(container => container.name))
  for (const [i, container] of containers.entries()) {
    const at = `${field}[${i}]`
    common(container, parts, at, errors)
    restartPolicy(container, at, errors)
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name))
    else if (container.name) names.add(container.name)
    // Init containers run one after another: each only conflicts with itself. Upstream names it as if it were the first.
    hostPortConflicts([container], field, errors)
    if (container.restartPolicy === 'Always') {
      lifecycleAndProbes(container, parts, at, errors)
      continue
    }
    for (const member of ['lifecycle', ...PROBES] as const) {
      if (container[member] !== undefined)
        errors.push(forbidden(`${at}.${member}`, 'may not be set for init containers without restartPolicy=Always'))
    }
    for (const [j, policy] of (container.resizePolicy ?? []).entries()) {
      if (policy.restartPolicy !== 'RestartContainer') continue
      const why = "must not be set to 'RestartContainer' for non-sidecar initContainers"
      errors.push(invalid(`${at}.resizePolicy[${j}].restartPolicy`, policy.restartPolicy, why))
    }
  }
}

function restartPolicy({ restartPolicy: policy, restartPolicyRules: rules = [] }: Container, at: string, errors: Errors): void {
  if (policy === undefined) {
    if (rules.length === 0) return
    errors.push(required(`${at}.restartPolicy`, 'must specify restartPolicy when restart rules are used'))
  } else oneOf(policy, ['Always', 'Never', 'OnFailure'], `${at}.restartPolicy`, errors)
  if (rules.length > 20) errors.push(tooMany(`${at}.restartPolicyRules`, rules.length, 20))
  for (const [i, rule] of rules.entries()) restartRule(rule, `${at}.restartPolicyRules[${i}]`, errors)
}

function restartRule(rule: ContainerRestartRule, at: string, errors: Errors): void {
  oneOf(rule.action, ['Restart', 'RestartAllContainers'], `${at}.action`, errors)
  if (rule.exitCodes === undefined) {
    errors.push(required(`${at}.exitCodes`, 'must be specified'))
    return
  }
  oneOf(rule.exitCodes.operator, ['In', 'NotIn'], `${at}.exitCodes.operator`, errors)
  const count = rule.exitCodes.values?.length ?? 0
  if (count > 255) errors.push(tooMany(`${at}.exitCodes.values`, count, 255))
}

/** In the order of Go's Container. */
const NOT_EPHEMERAL = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const

const isEmpty = (value: unknown) => value === undefined || (typeof value === 'object' && Object.keys(value as object).length === 0)

export function validateEphemeralContainers(parts: PodParts, field: string, errors: Errors): void {
  const { spec } = parts
  if (!spec.ephemeralContainers?.length) return
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(container => container.name))
  const names = new Set(others)
  for (const [i, container] of spec.ephemeralContainers.entries()) {
    const at = `${field}[${i}]`
    common(container as Container, parts, at, errors)
    imageWhitespace(container, at, errors)
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name))
    names.add(container.name)
    const target = container.targetContainerName
    if (target && !others.has(target)) errors.push(notFound(`${at}.targetContainerName`, target))
    for (const member of NOT_EPHEMERAL) {
      if (!isEmpty((container as Container)[member])) errors.push(forbidden(`${at}.${member}`, 'cannot be set for an Ephemeral Container'))
    }
    for (const [j, mount] of (container.volumeMounts ?? []).entries()) {
      for (const member of ['subPath', 'subPathExpr'] as const)
        if (mount[member]) errors.push(forbidden(`${at}.volumeMounts[${j}].${member}`, 'cannot be set for an Ephemeral Container'))
    }
  }
}

/** Asked of pods only: templates may be wrong here, as they always could. */
export function imageWhitespace({ image = '' }: Container | EphemeralContainer, at: string, errors: Errors): void {
  if (image.trim() !== image) errors.push(invalid(`${at}.image`, image, 'must not have leading or trailing whitespace'))
}
