// What the expressions of MutatingAdmissionPolicies make, put on an object (k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch).
import { Optional } from '@marcbachmann/cel-js'
import { merge } from '../../apimachinery/apply/merge.ts'
import { configurationProblems, problemsText } from '../../apimachinery/apply/validate.ts'
import { memberSchema, shapeOf } from '../../apimachinery/apply/values.ts'
import { JsonPatchMessage, ObjectMessage } from '../../apimachinery/cel/libraries/patches.ts'
import { PatchError } from '../../apimachinery/engines.ts'
import { quote } from '../../apimachinery/field-error.ts'
import { setMember } from '../../apimachinery/objects.ts'
import { jsonPatch } from '../../apimachinery/patch/json-patch.ts'
import type { Schema } from '../../apimachinery/schema/types.ts'
import type { KubeObject } from '../../apimachinery/types.ts'

/** What an expression made cannot be put on the object. */
export class MutationError extends Error {
  override readonly name = 'MutationError'
}

/** The object with an apply configuration over it, not decoded; parts are shared with both. @throws MutationError */
export function applyObject(object: KubeObject, made: unknown, schema: Schema): unknown {
  if (!(made instanceof ObjectMessage)) throw new MutationError('unsupported return type from ApplyConfiguration expression')
  checkTypeNames(made, made.typeName)
  const configuration = { ...(toJson(made) as object), apiVersion: object.apiVersion, kind: object.kind }
  const problems = configurationProblems(configuration, schema)
  if (problems.length > 0)
    throw new MutationError(`error applying patch: failed to convert patch object to typed object: ${problemsText(problems)}`)
  const atomics = atomicsIn(configuration, schema, '')
  if (atomics.length > 0) {
    const what = `may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`
    throw new MutationError(`error applying patch: invalid ApplyConfiguration: ${what}`)
  }
  return merge(object, configuration, schema)
}

/** The object after the operations; undefined when one of them is a test that fails: then none counts. @throws MutationError */
export function patchObject(object: KubeObject, made: unknown): unknown {
  const operations = (Array.isArray(made) ? made : made instanceof Set ? [...made] : []).map(operationOf)
  try {
    return jsonPatch(object, operations)
  } catch (error) {
    if (!(error instanceof PatchError)) throw error
    if (error.message.endsWith(': test failed')) return undefined
    throw new MutationError(`JSON Patch: ${error.message}`)
  }
}

function operationOf(made: unknown): object {
  if (!(made instanceof JsonPatchMessage))
    throw new MutationError('type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch')
  const from = made.get('from')
  const value = made.get('value')
  if (value instanceof ObjectMessage) checkTypeNames(value, value.typeName)
  return {
    op: made.get('op') ?? '',
    path: made.get('path') ?? '',
    ...(from ? { from } : {}),
    ...(value === undefined ? {} : { value: toJson(value) }),
  }
}

/** A message must stand where its name says: Object.spec below spec. */
function checkTypeNames(value: unknown, path: string): void {
  const problems: string[] = []
  walk(value, path)
  if (problems.length > 0) throw new MutationError(`type mismatch: ${problems.join('\n')}`)

  function walk(one: unknown, at: string): void {
    if (one instanceof ObjectMessage) {
      if (one.typeName !== at) {
        const expected = `expected ${quote(at)}, which matches field name path from root Object type`
        problems.push(`unexpected type name ${quote(one.typeName)}, ${expected}`)
      }
      for (const [name, member] of one) walk(member, `${at}.${name}`)
    } else if (Array.isArray(one)) for (const item of one) walk(item, at)
    else if (one instanceof Map) for (const item of one.values()) walk(item, at)
    else if (isPlain(one)) for (const item of Object.values(one)) walk(item, at)
  }
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** A value of the interpreter as JSON has it. @throws MutationError */
function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Optional) return value.hasValue() ? toJson(value.value()) : null
  if (Array.isArray(value) || value instanceof Set) return [...value].map(toJson)
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z')
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (!(value instanceof Map) && !isPlain(value)) {
    // Unsigned numbers are objects that say what they are worth.
    const worth: unknown = value.valueOf()
    if (typeof worth === 'bigint') return Number(worth)
    throw new MutationError(`the expression evaluated to a type that could not marshal to JSON: ${value.constructor.name}`)
  }
  const object: Record<string, unknown> = {}
  for (const [key, one] of value instanceof Map ? value : Object.entries(value)) setMember(object, String(key), toJson(one))
  return object
}

/** Places that would be replaced as a whole, and lose what the expression does not say. */
function atomicsIn(value: unknown, schema: Schema, path: string): string[] {
  if (typeof value !== 'object' || value === null) return []
  const isDeduced = shapeOf(schema) === 'deduced'
  if (Array.isArray(value)) {
    if (isDeduced) return [path]
    if (schema.type !== 'list') return []
    const own = schema.listType === 'atomic' ? [path] : []
    return [...own, ...value.flatMap((item, i) => atomicsIn(item, schema.item, `${path}[${i}]`))]
  }
  if (isDeduced || (schema.type !== 'struct' && schema.type !== 'map')) return []
  const own = schema.atomic ? [path] : []
  if (schema.type === 'map') return own
  return [
    ...own,
    ...Object.entries(value).flatMap(([name, member]) => {
      const found = memberSchema(schema, name)
      return found?.declared ? atomicsIn(member, found.schema, `${path}.${name}`) : []
    }),
  ]
}
