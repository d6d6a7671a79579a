// PATCH: JSON patch, merge patch, strategic merge patch and server-side apply
// (k8s.io/apiserver/pkg/endpoints/handlers, patchResource).
import type { RequestContext } from '../context.ts'
import { ApplyConflictError, DecodeError, type Engines, PatchError } from '../engines.ts'
import { printValue } from '../field-error.ts'
import type { Machinery, Target } from '../machinery.ts'
import { clone } from '../objects.ts'
import type { PatchContentType } from '../request/negotiation.ts'
import * as status from '../status-error.ts'
import { StatusError } from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { decodeValue, type Expected, expectedOf } from './decode.ts'
import { managedFieldsOptions } from './managed-fields.ts'
import { checkName, type Updated, updateObject } from './update.ts'

export interface Patch {
  readonly type: PatchContentType
  /** Operations of a JSON patch, otherwise an object. */
  readonly body: unknown
  /** Fields that the body names twice, for warnings. */
  readonly duplicates: readonly string[]
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
  const isObject = typeof parsed.value === 'object' && parsed.value !== null && !Array.isArray(parsed.value)
  if (type === 'json' ? !Array.isArray(parsed.value) : !isObject) {
    throw status.badRequest(
      `json: cannot unmarshal ${parsed.value === null ? 'null' : typeof parsed.value} into Go value of type ${type === 'json' ? 'jsonpatch.Patch' : 'map[string]interface {}'}`,
    )
  }
  if (Array.isArray(parsed.value) && parsed.value.length > MAX_OPERATIONS) {
    throw status.tooLarge(
      `Request entity too large: The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${parsed.value.length}`,
    )
  }
  return { type, body: parsed.value, duplicates: parsed.duplicates, force }
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
        target.endpoint.version.defaults?.(object)
        checkName(object, target)
        return object
      },
    },
    context,
  )
}

/** The current object (shared) with the patch, decoded and with the schema's defaults. @throws StatusError */
export function patched(engines: Engines, current: KubeObject, patch: Patch, expected: Expected, context: RequestContext): KubeObject {
  const value = applyTo(engines, current, patch, expected.schema)
  const invalid = (why: string) =>
    status.invalid('', '', '', [
      { type: 'FieldValueInvalid', field: 'patch', message: `Invalid value: ${printValue(JSON.stringify(value))}: ${why}` },
    ])
  let object: KubeObject
  try {
    object = decodeValue(engines, { value: clone(value), duplicates: patch.duplicates }, expected, context)
  } catch (error) {
    // The answer names the patch, not the body that came of it.
    if (error instanceof StatusError && error.code === 400)
      throw invalid(/strict decoding error.*|: (.*)$/s.exec(error.message)?.[0].replace(/^: /, '') ?? error.message)
    throw error
  }
  engines.applyDefaults(object, expected.schema)
  return object
}

function applyTo(engines: Engines, current: KubeObject, { type, body }: Patch, schema: string): unknown {
  try {
    if (type === 'json') return engines.jsonPatch(current, body)
    if (type === 'merge') return engines.mergePatch(current, body)
    return engines.strategicMergePatch(current, body, schema)
  } catch (error) {
    if (!(error instanceof PatchError)) throw error
    if (error.code === 400) throw status.badRequest(error.message)
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
  const configuration = checkConfiguration(patch, expectedOf(endpoint), target, context)
  return updateObject(
    machinery,
    target,
    {
      part,
      tracked: true,
      createAbsent: part === undefined,
      retries: RETRIES,
      uid: configuration.metadata.uid,
      desired: current => {
        if (current === undefined && configuration.metadata.resourceVersion) throw status.notFound(endpoint.collection, target.name)
        const object = applied(engines, current, clone(configuration), patch.force, target, part ?? '', context)
        engines.applyDefaults(object, endpoint.version.schema)
        endpoint.version.defaults?.(object)
        return object
      },
    },
    context,
  )
}

function applied(
  engines: Engines,
  live: KubeObject | undefined,
  configuration: KubeObject,
  force: boolean,
  target: Target,
  part: string,
  context: RequestContext,
): KubeObject {
  try {
    return engines.applyConfiguration(live, configuration, { ...managedFieldsOptions(target.endpoint, part, context), force })
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

/** What may be applied: an object of this kind and name without managed fields. @throws StatusError 400 */
export function checkConfiguration(patch: Patch, expected: Expected, target: Target, context: RequestContext): KubeObject {
  const configuration = clone(patch.body) as KubeObject
  if (patch.duplicates.length > 0 && context.fieldValidation !== 'Ignore') {
    if (context.fieldValidation === 'Strict') throw status.badRequest(`error strict decoding YAML: ${patch.duplicates.join(', ')}`)
    for (const duplicate of patch.duplicates) context.warn(duplicate)
  }
  if (!configuration.kind) throw status.badRequest("Object 'Kind' is missing")
  if (!configuration.apiVersion) throw status.badRequest("Object 'apiVersion' is missing")
  if (configuration.apiVersion !== expected.apiVersion || configuration.kind !== expected.kind) {
    throw status.badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${configuration.apiVersion}, expected: ${expected.apiVersion}`,
    )
  }
  configuration.metadata ??= {} as KubeObject['metadata']
  if (configuration.metadata.managedFields?.length) throw status.badRequest('metadata.managedFields must be nil')
  configuration.metadata.name ||= target.name
  if (target.endpoint.definition.namespaced) configuration.metadata.namespace ||= target.namespace
  if (configuration.metadata.name !== target.name) checkName(configuration, target)
  return configuration
}
