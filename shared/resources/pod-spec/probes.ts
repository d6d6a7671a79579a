// Probes and lifecycle hooks: each has one handler.
import type { Lifecycle, LifecycleHandler, Probe } from '../../api/core/v1.ts'
import { forbidden, invalid, required } from '../../apimachinery/field-error.ts'
import { addInvalid, type Errors, isHTTPHeaderName, nonNegative, oneOf, portNumberOrName, requireText } from '../validation/checks.ts'

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & LifecycleHandler
type HandlerCheck = (handler: Handler, field: string, errors: Errors, gracePeriod: number | undefined) => void

const HANDLERS: readonly (readonly [member: keyof Handler, check: HandlerCheck])[] = [
  [
    'exec',
    ({ exec }, field, errors) => {
      if (!exec?.command?.length) errors.push(required(`${field}.command`))
    },
  ],
  [
    'httpGet',
    ({ httpGet }, field, errors) => {
      requireText(httpGet?.path, `${field}.path`, errors)
      portNumberOrName(httpGet?.port, `${field}.port`, errors)
      oneOf(httpGet?.scheme, ['HTTP', 'HTTPS'], `${field}.scheme`, errors)
      for (const { name = '' } of httpGet?.httpHeaders ?? []) addInvalid(isHTTPHeaderName(name), `${field}.httpHeaders`, name, errors)
    },
  ],
  ['tcpSocket', ({ tcpSocket }, field, errors) => portNumberOrName(tcpSocket?.port, `${field}.port`, errors)],
  ['grpc', ({ grpc }, field, errors) => portNumberOrName(grpc?.port, `${field}.port`, errors)],
  [
    'sleep',
    ({ sleep }, field, errors, gracePeriod) => {
      const seconds = sleep?.seconds ?? 0
      if (gracePeriod !== undefined && (seconds < 0 || seconds > gracePeriod))
        errors.push(invalid(field, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriod})`))
    },
  ],
]

function validateHandler(handler: Handler, gracePeriod: number | undefined, field: string, errors: Errors): void {
  let found = 0
  for (const [member, check] of HANDLERS) {
    if (handler[member] === undefined) continue
    if (found++ > 0) errors.push(forbidden(`${field}.${member}`, 'may not specify more than 1 handler type'))
    else check(handler, `${field}.${member}`, errors, gracePeriod)
  }
  if (found === 0) errors.push(required(field, 'must specify a handler type'))
}

export type ProbeKind = 'livenessProbe' | 'readinessProbe' | 'startupProbe'

export function validateProbe(
  kind: ProbeKind,
  probe: Probe | undefined,
  gracePeriod: number | undefined,
  at: string,
  errors: Errors,
): void {
  if (probe === undefined) return
  const field = `${at}.${kind}`
  validateHandler(probe, gracePeriod, field, errors)
  for (const member of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const)
    nonNegative(probe[member], `${field}.${member}`, errors)
  const own = probe.terminationGracePeriodSeconds
  if (own !== undefined && own <= 0) errors.push(invalid(`${field}.terminationGracePeriodSeconds`, own, 'must be greater than 0'))
  if (kind === 'readinessProbe') {
    if (own !== undefined) errors.push(invalid(`${field}.terminationGracePeriodSeconds`, own, 'must not be set for readinessProbes'))
  } else if (probe.successThreshold !== 1) errors.push(invalid(`${field}.successThreshold`, probe.successThreshold ?? 0, 'must be 1'))
}

export function validateLifecycle(lifecycle: Lifecycle | undefined, gracePeriod: number | undefined, field: string, errors: Errors): void {
  if (lifecycle?.postStart !== undefined) validateHandler(lifecycle.postStart, gracePeriod, `${field}.postStart`, errors)
  if (lifecycle?.preStop !== undefined) validateHandler(lifecycle.preStop, gracePeriod, `${field}.preStop`, errors)
}
