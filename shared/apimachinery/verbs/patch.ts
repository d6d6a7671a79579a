// PATCH: JSON patch, merge patch, strategic merge patch and server-side apply
// (k8s.io/apiserver/pkg/endpoints/handlers, patchResource).

import { warningsOf } from '../codec/warnings.ts'
import type { RequestContext } from '../context.ts'
import { ApplyConflictError, type ApplyOptions, DecodeError, type Engines, PatchError } from '../engines.ts'
import { printValue } from '../field-error.ts'
import type { Machinery, Target } from '../machinery.ts'
import { clone } from '../objects.ts'
import type { PatchContentType } from '../request/negotiation.ts'
import * as status from '../status-error.ts'
import { StatusError } from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { decodeValue, type Expected, expectedOf, goKind } from './decode.ts'
import { managedFieldsOptions } from './managed-fields.ts'
import { checkName, type Updated, updateObject } from './update.ts'

export interface Patch {
  readonly type: PatchContentType
  /** Operations of a JSON patch, otherwise an object. */
  readonly body: unknown
  /** Fields that the body names twice, for warnings. */
  readonly duplicates: readonly string[]
  /** Numbers that Go reads as no integers, by where they stand in the patched object. */
  readonly literals?: ReadonlyMap<string, string> | undefined
  /** Apply only. */
  readonly force: boolean
}

const MAX_OPERATIONS = 10_000
const RETRIES = 5

/** Bytes of a patch. @throws StatusError 400, 413 */
export function parsePatch(engines: Engines, type: PatchContentType, body: Uint8Array, force: boolean): Patch {
  let parsed: ReturnType<Engines['parse']>
  try {
    parsed = engines.parse(body, type === 'apply' ? 'yaml' : 'json')
  } catch (error) {
    if (error instanceof DecodeError) throw status.badRequest(type === 'apply' ? `error decoding YAML: ${error.message}` : error.message)
    throw error
  }
  const { value } = parsed
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  // null is a patch that changes nothing, but no merge patch and no configuration.
  const nothing = value === null && (type === 'json' || type === 'strategic')
  if (!nothing && (type === 'json' ? !Array.isArray(value) : !isObject)) {
    throw status.badRequest(
      `json: cannot unmarshal ${value === null ? 'null' : goKind(value)} into Go value of type ${type === 'json' ? 'jsonpatch.Patch' : 'map[string]interface {}'}`,
    )
  }
  if (Array.isArray(parsed.value) && parsed.value.length > MAX_OPERATIONS) {
    throw status.tooLarge(
      `Request entity too large: The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${parsed.value.length}`,
    )
  }
  if (type === 'json') {
    const literals = parsed.literals && placedLiterals((value ?? []) as unknown[], parsed.literals)
    return { type, body: value, duplicates: operationProblems(value, parsed.duplicates), literals, force }
  }
  // Upstream merges strategically by numbers, not by their text.
  return { type, body: value, duplicates: parsed.duplicates, literals: type === 'merge' ? parsed.literals : undefined, force }
}

/** Where the numbers of operations end up. An index of a list may be another one by then, and "-" is none. */
function placedLiterals(operations: readonly unknown[], literals: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const placed = new Map<string, string>()
  for (const [at, text] of literals) {
    const [, index = '', inside = ''] = /^\[(\d+)\]\.value(.*)$/.exec(at) ?? []
    const { path } = (operations[Number(index)] ?? {}) as { path?: unknown }
    if (index === '' || typeof path !== 'string') continue
    const segments = path
      .split('/')
      .slice(1)
      .map(segment => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
    placed.set(`${segments.map(segment => (/^\d+$/.test(segment) ? `[${segment}]` : `.${segment}`)).join('')}${inside}`, text)
  }
  return placed
}

/** What stands twice in an operation, or is no member of one. */
function operationProblems(operations: unknown, duplicates: readonly string[]): string[] {
  const problems = duplicates.map(duplicate => `json patch ${duplicate}`)
  for (const [index, operation] of ((operations ?? []) as unknown[]).entries()) {
    if (typeof operation !== 'object' || operation === null) continue
    for (const member of Object.keys(operation)) {
      if (!['op', 'path', 'from', 'value'].includes(member))
        problems.push(`json patch unknown field ${JSON.stringify(`[${index}].${member}`)}`)
    }
  }
  return problems
}

export async function patchObject(
  machinery: Machinery,
  target: Target,
  part: string | undefined,
  patch: Patch,
  context: RequestContext,
): Promise<Updated> {
  if (patch.type === 'apply') return applyObject(machinery, target, part, patch, context)
  const expected = expectedOf(target.endpoint)
  return updateObject(
    machinery,
    target,
    {
      part,
      retries: RETRIES,
      onlyExisting: true,
      desired: current => {
        const object = patched(machinery.engines, current as KubeObject, patch, expected, context)
        target.endpoint.version.defaults?.(object, context.emptied)
        checkName(object, target)
        return object
      },
    },
    context,
  )
}

/** The current object (shared) with the patch, decoded and with the schema's defaults. @throws StatusError */
export function patched(engines: Engines, current: KubeObject, patch: Patch, expected: Expected, context: RequestContext): KubeObject {
  const value = applyTo(engines, current, patch, expected)
  const invalid = (why: string) =>
    status.invalid('', '', '', [
      { type: 'FieldValueInvalid', field: 'patch', message: `Invalid value: ${printValue(JSON.stringify(byName(value)))}: ${why}` },
    ])
  let object: KubeObject
  try {
    object = decodeValue(
      engines,
      { value: clone(value), duplicates: patch.duplicates, literals: patch.literals, patched: true },
      expected,
      context,
    )
  } catch (error) {
    // The answer names the patch, not the body that came of it.
    if (error instanceof StatusError && error.code === 400)
      throw invalid(/strict decoding error.*|: (.*)$/s.exec(error.message)?.[0].replace(/^: /, '') ?? error.message)
    throw error
  }
  engines.applyDefaults(object, expected.schema)
  return object
}

/** What a patch went through has its members by name. */
const byName = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value

function applyTo(engines: Engines, current: KubeObject, { type, body }: Patch, { schema, custom }: Expected): unknown {
  try {
    if (type === 'json') return engines.jsonPatch(current, body)
    if (type === 'merge') return engines.mergePatch(current, body)
    return engines.strategicMergePatch(current, body, schema)
  } catch (error) {
    if (!(error instanceof PatchError)) throw error
    if (error.code === 400) throw status.badRequest(error.message)
    if (error.code === 422 && custom)
      throw new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
    if (error.code === 422) throw new StatusError(422, 'Invalid', error.message, {})
    throw new StatusError(error.code, '', error.message)
  }
}

async function applyObject(
  machinery: Machinery,
  target: Target,
  part: string | undefined,
  patch: Patch,
  context: RequestContext,
): Promise<Updated> {
  const { engines } = machinery
  const { endpoint } = target
  const configuration = checkConfiguration(patch, expectedOf(endpoint), context)
  return updateObject(
    machinery,
    target,
    {
      part,
      tracked: true,
      createAbsent: part === undefined,
      retries: RETRIES,
      desired: current => {
        const { uid } = configuration.metadata
        if (current === undefined && uid) {
          const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`
          throw status.conflict(endpoint.collection, target.name, why)
        }
        const options = { ...managedFieldsOptions(endpoint, part ?? '', context), force: patch.force }
        const object = applied(engines, current, clone(configuration), options)
        engines.applyDefaults(object, endpoint.version.schema)
        endpoint.version.defaults?.(object)
        checkName(object, target)
        return object
      },
    },
    context,
  )
}

/** @throws StatusError 409 for fields of other managers */
export function applied(engines: Engines, live: KubeObject | undefined, configuration: KubeObject, options: ApplyOptions): KubeObject {
  try {
    return engines.applyConfiguration(live, configuration, options)
  } catch (error) {
    if (error instanceof ApplyConflictError) {
      throw new StatusError(409, 'Conflict', error.message, {
        causes: error.conflicts.map(({ message, field }) => ({ reason: 'FieldManagerConflict', message, field })),
      })
    }
    if (error instanceof PatchError) throw new StatusError(error.code, error.code === 400 ? 'BadRequest' : '', error.message)
    if (error instanceof DecodeError) throw new StatusError(500, '', error.message)
    throw error
  }
}

/** What may be applied: an object of this kind without managed fields. @throws StatusError 400 */
export function checkConfiguration(patch: Patch, expected: Expected, context: RequestContext): KubeObject {
  const configuration = clone(patch.body) as KubeObject
  if (patch.duplicates.length > 0 && context.fieldValidation !== 'Ignore') {
    if (context.fieldValidation === 'Strict') {
      throw status.badRequest(`error strict decoding YAML: error converting YAML to JSON: ${patch.duplicates.join(', ')}`)
    }
    for (const duplicate of patch.duplicates) for (const warning of warningsOf(duplicate)) context.warn(warning)
  }
  const { apiVersion = '', kind = '' } = configuration
  if (apiVersion !== expected.apiVersion || kind !== expected.kind) {
    const version = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`
    throw status.badRequest(`invalid object type: ${version}, Kind=${kind}`)
  }
  configuration.metadata ??= {} as KubeObject['metadata']
  const { managedFields } = configuration.metadata as { managedFields?: unknown }
  if (managedFields !== undefined && managedFields !== null) throw status.badRequest('metadata.managedFields must be nil')
  return configuration
}
