// A request body as an object of the kind that the path names.

import { warningsOf } from '../codec/warnings.ts'
import type { FieldValidation, RequestContext } from '../context.ts'
import { DecodeError, type Engines, type Parsed, type Serialization } from '../engines.ts'
import { invalid } from '../field-error.ts'
import type { Endpoint } from '../registry.ts'
import { findKind } from '../schema/schemas.ts'
import { badRequest, invalid as invalidStatus, type StatusError } from '../status-error.ts'
import type { KubeObject } from '../types.ts'

/** What a body must be. */
export interface Expected {
  readonly apiVersion: string
  readonly kind: string
  readonly schema: string
  /** A custom resource: its kind is looked at by validation, and it must say what it is. */
  readonly custom?: boolean
  /** All versions of a custom resource, "example.com/v1". */
  readonly versions?: readonly string[]
  /** Other types that the same path takes (policy/v1beta1 Eviction beside v1). */
  readonly alternatives?: readonly { readonly apiVersion: string; readonly kind: string; readonly schema: string }[]
}

export const expectedOf = ({ apiVersion, kind, version, definition }: Endpoint): Expected => ({
  apiVersion,
  kind,
  schema: version.schema,
  ...(definition.custom ? { custom: true, versions: definition.versions.map(({ version: name }) => `${definition.group}/${name}`) } : {}),
})

const SUMMARY_BYTES = 30
// The name that this build of the scheme goes by in messages; upstream prints a source line.
const SCHEME = 'in scheme "pkg/api/legacyscheme/scheme.go:30"'

function summary(body: Uint8Array): string {
  if (body.length === 0) return '<empty>'
  const head = body.subarray(0, SUMMARY_BYTES)
  const text = body[0] === 0x7b ? Buffer.from(head).toString() : Buffer.from(head).toString('hex')
  return body.length > SUMMARY_BYTES ? `${text} ...` : text
}

/** The Go package of a group's internal types: "networking.k8s.io" -> "networking", "" -> "core". */
const internalPackage = (apiVersion: string) => (apiVersion.includes('/') ? ((apiVersion.split('/')[0] ?? '').split('.')[0] ?? '') : 'core')
const versionOf = (apiVersion: string) => apiVersion.split('/').at(-1) ?? ''
const groupOf = (apiVersion: string) => (apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '')

/**
 * Bytes -> object of the endpoint's version, with defaults. Unknown and duplicate fields become warnings or, with Strict, an error.
 * @throws StatusError 400
 */
export function decodeBody(
  engines: Engines,
  body: Uint8Array,
  format: Serialization,
  expected: Expected,
  context: RequestContext,
): KubeObject {
  const unrecognized = (why: string) =>
    badRequest(`the object provided is unrecognized (must be of type ${expected.kind}): ${why} (${summary(body)})`)
  let parsed: ReturnType<Engines['parse']>
  try {
    parsed = engines.parse(body, format, expected)
  } catch (error) {
    if (error instanceof DecodeError)
      throw unrecognized(format === 'protobuf' ? error.message : `couldn't get version/kind; json parse error: ${error.message}`)
    throw error
  }
  return decodeValue(engines, parsed, expected, context, unrecognized)
}

/** The same for a body that is parsed already (a patched object, an in-process call). */
export function decodeValue(
  engines: Engines,
  parsed: Parsed,
  expected: Expected,
  context: RequestContext,
  unrecognized: (why: string) => StatusError = why => badRequest(why),
): KubeObject {
  let { value } = parsed
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    if (value !== null && value !== undefined)
      throw unrecognized(
        `couldn't get version/kind; json parse error: json: cannot unmarshal ${goKind(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
      )
    value = {}
  }
  const sent = value as Record<string, unknown>
  for (const member of ['apiVersion', 'kind'] as const) {
    if (sent[member] !== undefined && sent[member] !== null && typeof sent[member] !== 'string') {
      throw unrecognized(
        `couldn't get version/kind; json parse error: json: cannot unmarshal ${goKind(sent[member])} into Go struct field .${member} of type string`,
      )
    }
  }
  if (expected.custom) {
    if (parsed.patched && sent.apiVersion !== expected.apiVersion) warnOfOtherVersion(sent, expected, context)
    checkIdentity(sent, expected, parsed.patched === true, unrecognized)
  }
  const apiVersion = (sent.apiVersion as string | null | undefined) || expected.apiVersion
  const kind = (sent.kind as string | null | undefined) || expected.kind
  if (apiVersion.split('/').length > 2) throw unrecognized(`unexpected GroupVersion string: ${apiVersion}`)
  const target = [expected, ...(expected.alternatives ?? [])].find(one => one.apiVersion === apiVersion && one.kind === kind)
  if (target === undefined) throw mismatch(apiVersion, kind, expected)
  sent.apiVersion = apiVersion
  sent.kind = kind
  // An empty list is left out of objects, but here it means something: the client gives up all that is known about owners.
  const { managedFields } = (sent.metadata ?? {}) as { managedFields?: unknown }
  const forgetsOwners = Array.isArray(managedFields) && managedFields.length === 0
  let decoded: ReturnType<Engines['decode']>
  try {
    decoded = engines.decode(sent, target.schema, parsed)
  } catch (error) {
    if (error instanceof DecodeError)
      throw badRequest(
        `${kind} in version ${JSON.stringify(versionOf(apiVersion))} cannot be handled as a ${expected.kind}: ${error.message}`,
      )
    throw error
  }
  context.emptied?.clear()
  for (const [path, text] of decoded.emptied ?? []) context.emptied?.set(path, text)
  if (forgetsOwners) decoded.object.metadata.managedFields = [{}]
  reportProblems(decoded.unknown, decoded.warnings, context.fieldValidation, context, kind, apiVersion, expected)
  return decoded.object
}

/** A version that is none has no schema, and so nothing is known of the object but its metadata. */
function warnOfOtherVersion(sent: Record<string, unknown>, { versions = [] }: Expected, { fieldValidation, warn }: RequestContext): void {
  if (fieldValidation !== 'Warn' || versions.includes(String(sent.apiVersion))) return
  for (const name of Object.keys(sent).sort())
    if (!['apiVersion', 'kind', 'metadata'].includes(name)) warn(`unknown field ${JSON.stringify(name)}`)
}

/** A custom resource says what it is, and what it says must be right. @throws StatusError 400, 422 */
function checkIdentity(
  sent: Record<string, unknown>,
  expected: Expected,
  patched: boolean,
  unrecognized: (why: string) => StatusError,
): void {
  const { apiVersion = '', kind = '' } = sent as { apiVersion?: string; kind?: string }
  if (kind === '') throw unrecognized(`Object 'Kind' is missing in '${JSON.stringify(sent)}'`)
  const name = (sent.metadata as { name?: string } | undefined)?.name ?? ''
  const wrong = (field: string, value: string, wanted: string) =>
    invalidStatus(groupOf(expected.apiVersion), kind, name, [invalid(field, value, `must be ${wanted}`)])
  if (apiVersion !== expected.apiVersion) {
    if (patched) throw wrong('apiVersion', apiVersion, expected.apiVersion)
    throw badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`)
  }
  if (kind !== expected.kind) throw wrong('kind', kind, expected.kind)
}

function reportProblems(
  problems: readonly string[],
  warnings: readonly string[],
  validation: FieldValidation,
  context: RequestContext,
  kind: string,
  apiVersion: string,
  expected: Expected,
): void {
  for (const warning of warnings) context.warn(warning)
  if (problems.length === 0 || validation === 'Ignore') return
  if (validation === 'Strict') {
    throw badRequest(
      `${kind} in version ${JSON.stringify(versionOf(apiVersion))} cannot be handled as a ${expected.kind}: strict decoding error: ${[...new Set(problems)].join(', ')}`,
    )
  }
  for (const problem of problems) for (const warning of warningsOf(problem)) context.warn(warning)
}

function mismatch(apiVersion: string, kind: string, expected: Expected): StatusError {
  const version = JSON.stringify(versionOf(apiVersion))
  const handled = `${kind} in version ${version} cannot be handled as a ${expected.kind}`
  // Other versions of the kind are known to upstream's scheme, also those that are served no more.
  const relatives = [isOlderGroup, isOtherVersion, isEventOfOtherGroup]
  if (kind === expected.kind && relatives.some(related => related(apiVersion, expected.apiVersion, kind))) {
    return badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`)
  }
  if (findKind(apiVersion, kind) === undefined && !isListOfKnown(apiVersion, kind)) {
    return badRequest(`${handled}: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} ${SCHEME}`)
  }
  const from = `${versionOf(apiVersion)}.${kind}`
  const into = `${internalPackage(expected.apiVersion)}.${expected.kind}`
  return badRequest(`${handled}: converting (${from}) to (${into}): unknown conversion`)
}

const isListOfKnown = (apiVersion: string, kind: string) => kind.endsWith('List') && findKind(apiVersion, kind.slice(0, -4)) !== undefined
/** Kinds that began in the group "extensions". */
const isOlderGroup = (apiVersion: string, expected: string) =>
  apiVersion === 'extensions/v1beta1' && ['apps', 'networking.k8s.io', 'policy', 'autoscaling'].includes(groupOf(expected))
const isOtherVersion = (apiVersion: string, expected: string, kind: string) =>
  groupOf(apiVersion) === groupOf(expected) &&
  (findKind(apiVersion, kind) !== undefined || /^v\d+(alpha|beta)\d+$/.test(versionOf(apiVersion)))

/** Events of both groups are one internal type. */
const isEventOfOtherGroup = (apiVersion: string, expected: string, kind: string) =>
  kind === 'Event' && [apiVersion, expected].sort().join(' ') === 'events.k8s.io/v1 v1'

export function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}
