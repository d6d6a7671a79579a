// Failures as the API tells them: metav1.Status with upstream's reason, code, details and wording
// (k8s.io/apimachinery/pkg/api/errors). kubectl prints the message; client-go and controllers decide by the reason.
import { UnavailableError } from '../store/types.ts'
import type { FieldError } from './field-error.ts'
import { type GroupResource, groupResourceName } from './types.ts'

export type StatusReason =
  | ''
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'ServerTimeout'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'Expired'
  | 'ServiceUnavailable'

export interface StatusCause {
  reason?: string
  message?: string
  field?: string
}

export interface StatusDetails {
  name?: string
  group?: string
  kind?: string
  uid?: string
  causes?: StatusCause[]
  retryAfterSeconds?: number
}

export interface Status {
  kind: 'Status'
  apiVersion: 'v1'
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number }
  status: 'Success' | 'Failure'
  message?: string
  reason?: StatusReason
  details?: StatusDetails
  code?: number
}

export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: Status

  constructor(code: number, reason: StatusReason, message: string, details?: StatusDetails, metadata: Status['metadata'] = {}) {
    super(message)
    this.status = { kind: 'Status', apiVersion: 'v1', metadata, status: 'Failure', message }
    if (reason !== '') this.status.reason = reason
    if (details !== undefined) this.status.details = details
    this.status.code = code
  }

  get code(): number {
    return this.status.code ?? 500
  }

  get reason(): StatusReason {
    return this.status.reason ?? ''
  }
}

export const isStatus = (error: unknown, reason: StatusReason): error is StatusError =>
  error instanceof StatusError && error.reason === reason

/** details of a message about one object: its group appears only outside core. */
const about = ({ group, resource }: GroupResource, name: string): StatusDetails => ({
  ...(name === '' ? {} : { name }),
  ...(group === '' ? {} : { group }),
  ...(resource === '' ? {} : { kind: resource }),
})

export const notFound = (resource: GroupResource, name: string) =>
  new StatusError(404, 'NotFound', `${groupResourceName(resource)} ${JSON.stringify(name)} not found`, about(resource, name))

/** Nothing is served under this path. */
export const unknownPath = () => new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})

export const alreadyExists = (resource: GroupResource, name: string) =>
  new StatusError(409, 'AlreadyExists', `${groupResourceName(resource)} ${JSON.stringify(name)} already exists`, about(resource, name))

/** A name made from generateName was taken, each time it was tried. */
export const generateNameConflict = (resource: GroupResource, name: string) =>
  new StatusError(
    409,
    'AlreadyExists',
    `${groupResourceName(resource)} ${JSON.stringify(name)} already exists, the server was not able to generate a unique name for the object`,
    { ...about(resource, name), retryAfterSeconds: 1 },
  )

export const conflict = (resource: GroupResource, name: string, why: string) =>
  new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${groupResourceName(resource)} ${JSON.stringify(name)}: ${why}`,
    about(resource, name),
  )

export const modifiedConflict = (resource: GroupResource, name: string) =>
  conflict(resource, name, 'the object has been modified; please apply your changes to the latest version and try again')

/** `kind` is the kind, not the plural: upstream names the type here. */
export function invalid(group: string, kind: string, name: string, errors: readonly FieldError[]): StatusError {
  const texts = [...new Set(errors.map(error => `${error.field}: ${error.message}`))]
  const what = texts.length === 0 ? '' : texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`
  return new StatusError(
    422,
    'Invalid',
    `${group === '' ? kind : `${kind}.${group}`} ${JSON.stringify(name)} is invalid${what === '' ? '' : `: ${what}`}`,
    {
      ...(name === '' ? {} : { name }),
      ...(group === '' ? {} : { group }),
      ...(kind === '' ? {} : { kind }),
      ...(errors.length === 0 ? {} : { causes: errors.map(({ type, field, message }) => ({ reason: type, message, field })) }),
    },
  )
}

export const badRequest = (message: string, details?: StatusDetails) => new StatusError(400, 'BadRequest', message, details)

export const unauthorized = () => new StatusError(401, 'Unauthorized', 'Unauthorized')

/** An admission plugin or a rule of the kind refuses. */
export const forbidden = (resource: GroupResource, name: string, why: string, causes?: StatusCause[]) =>
  new StatusError(
    403,
    'Forbidden',
    name === ''
      ? `${groupResourceName(resource)} is forbidden: ${why}`
      : `${groupResourceName(resource)} ${JSON.stringify(name)} is forbidden: ${why}`,
    { ...about(resource, name), ...(causes === undefined ? {} : { causes }) },
  )

/** The path is served, but not with this HTTP method. */
export const badMethod = () =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})

export const methodNotAllowed = (resource: GroupResource, verb: string) =>
  new StatusError(
    405,
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind ${JSON.stringify(groupResourceName(resource))}`,
    about(resource, ''),
  )

export const notAcceptable = (supported: readonly string[]) =>
  new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${supported.join(', ')}`)

export const unsupportedMediaType = (supported: readonly string[]) =>
  new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')}`,
  )

export const tooLarge = (message: string) => new StatusError(413, 'RequestEntityTooLarge', message)

export const expired = (message: string, metadata?: Status['metadata']) => new StatusError(410, 'Expired', message, undefined, metadata)

export const tooManyRequests = (message: string, causes?: StatusCause[], retryAfterSeconds = 0) =>
  new StatusError(429, 'TooManyRequests', message, {
    ...(causes === undefined ? {} : { causes }),
    ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
  })

export const internalError = (why: string) =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] })

export const serviceUnavailable = (why: string) => new StatusError(503, 'ServiceUnavailable', why)

export const timeout = (message: string, details?: StatusDetails) => new StatusError(504, 'Timeout', message, details)

/** A list or watch from a revision that does not exist yet. */
export const resourceVersionTooLarge = (wanted: number, current: number) => {
  const message = `Too large resource version: ${wanted}, current: ${current}`
  return timeout(`Timeout: ${message}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })
}

/** Anything thrown, as a Status. What is not a StatusError, and not the store's trouble, is our own defect and says no more than its message. */
export const asStatusError = (error: unknown): StatusError => {
  if (error instanceof StatusError) return error
  // client-go tries again after so long.
  if (error instanceof UnavailableError) return new StatusError(503, 'ServiceUnavailable', error.message, { retryAfterSeconds: 1 })
  return internalError(error instanceof Error ? error.message : String(error))
}
