// From JSON values to what Go's types would hold and write again: members that a type does not have are dropped and reported, nulls
// and empty values are left out or written as Go's tags say, quantities, times and base64 take their canonical form.
//
// What is always written (structs that are no pointers, fields without omitempty) is there after decoding, so that what reads an
// object finds metadata, spec and a template's spec without asking. Two exceptions: an IntOrString that may be left out stays absent,
// because "not said" is what its default is decided by; and what Go writes as null (an empty list that must be written) stays absent
// until the object is stored (fillZeros), so that the rules of a kind need not tell null from absent.
import { type Decoded, DecodeError } from '../engines.ts'
import { canonicalQuantity, QuantityError } from '../quantity.ts'
import { schemaOf } from '../schema/schemas.ts'
import type { Schema, StructSchema } from '../schema/types.ts'
import type { KubeObject } from '../types.ts'
import { prune } from './structural.ts'
import { canonicalMicroTime, canonicalTime } from './time.ts'
import { type Plan, planOf, type StructPlan, zeroStruct } from './zero.ts'

type Members = Record<string, unknown>

/** @throws DecodeError */
export function decodeValue(value: unknown, schema: StructSchema, literals?: ReadonlyMap<string, string>): Decoded {
  const decoder = new Decoder(literals)
  if (!isObject(value)) {
    throw new DecodeError(`json: cannot unmarshal ${kindOf(value)} into Go value of type ${schema.goName}`)
  }
  const object = (schema.structural ? decoder.structural(value, schema) : decoder.struct(value, schema)) as unknown as KubeObject
  const { unknown, emptied } = decoder
  return { object, unknown, warnings: [], ...(emptied.size === 0 ? {} : { emptied }) }
}

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return value === null ? 'null' : typeof value
}

/** As many as upstream reports, which is more than anybody reads. */
const MOST_PROBLEMS = 100
const INT32_MAX = 2 ** 31 - 1
const INT64_MAX = 2 ** 63

class Decoder {
  readonly unknown: string[] = []
  readonly emptied = new Map<string, string>()
  readonly #literals: ReadonlyMap<string, string> | undefined
  /** Where we are, as paths are written: ".spec", "[0]", ".key". */
  readonly #path: string[] = []
  /** The structs we are in, and which of their fields: Go's errors name the innermost struct and all fields. */
  readonly #structs: StructSchema[] = []
  readonly #fields: string[] = []

  constructor(literals?: ReadonlyMap<string, string>) {
    this.#literals = literals
  }

  /** A custom resource: pruned, with Go's ObjectMeta. */
  structural(value: Members, schema: StructSchema): Members {
    const own: string[] = []
    const ofMetadata = this.unknown
    const pruned = prune(
      value,
      schema,
      path => own.push(path),
      (metadata, type, path) => {
        if (!isObject(metadata)) throw new DecodeError(`json: cannot unmarshal ${kindOf(metadata)} into Go value of type ${type.goName}`)
        this.#path.push(...path)
        // Upstream meets the members in the order of their names here.
        const decoded = this.struct(Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))), type)
        this.#path.length -= path.length
        return decoded
      },
    )
    pruned.metadata ??= {}
    const problems = own
      .sort()
      .slice(0, MOST_PROBLEMS)
      .map(path => `unknown field ${JSON.stringify(path)}`)
    ofMetadata.unshift(...problems)
    return pruned
  }

  struct(value: Members, schema: StructSchema): Members {
    const { fields, written } = planOf(schema)
    const members: Members = {}
    let last = -1
    let isOrdered = true
    const put = ({ field, position }: Plan, member: unknown) => {
      members[field.name] = member
      if (position < last) isOrdered = false
      else last = position
    }
    this.#structs.push(schema)
    for (const name in value) {
      const plan = fields.get(name)
      if (plan === undefined) {
        if (this.unknown.length < MOST_PROBLEMS)
          this.unknown.push(`unknown field ${JSON.stringify(`${this.#path.join('')}.${name}`.slice(1))}`)
        continue
      }
      const member = value[name]
      if (member === null || member === undefined) continue
      this.#path.push(`.${name}`)
      this.#fields.push(name)
      const decoded = this.value(member, plan.schema)
      this.#fields.pop()
      this.#path.pop()
      if (plan.omitEmpty && isEmpty(decoded, plan.schema)) {
        const { type } = plan.schema
        if (type === 'map' || type === 'list') this.emptied.set(`${this.#path.join('')}.${name}`.slice(1), type === 'map' ? '{}' : '[]')
        continue
      }
      put(plan, decoded)
    }
    this.#structs.pop()
    for (const plan of written) if (members[plan.field.name] === undefined) put(plan, plan.zero!())
    return isOrdered ? members : inOrder(members, fields)
  }

  value(value: unknown, schema: Schema): unknown {
    switch (schema.type) {
      case 'string':
        return typeof value === 'string' ? value : this.#mismatch(kindOf(value), schema.goName)
      case 'struct':
        return isObject(value) ? this.struct(value, schema) : this.#mismatch(kindOf(value), schema.goName)
      case 'list':
        return this.#list(value, schema)
      case 'map':
        return this.#map(value, schema)
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#mismatch(kindOf(value), schema.goName)
      case 'int32':
      case 'int64':
        return this.#integer(value, schema.goName, schema.type === 'int32' ? INT32_MAX : INT64_MAX)
      case 'double':
        return typeof value === 'number' ? value : this.#mismatch(kindOf(value), schema.goName)
      case 'quantity':
        return this.#quantity(value)
      case 'intOrString':
        return typeof value === 'string' ? value : this.#integer(value, 'int32', INT32_MAX)
      case 'time':
        return typeof value === 'string' ? canonicalTime(value) : this.#mismatch(kindOf(value), 'string')
      case 'microTime':
        return typeof value === 'string' ? canonicalMicroTime(value) : this.#mismatch(kindOf(value), 'string')
      case 'bytes':
        return typeof value === 'string' ? canonicalBase64(value) : this.#mismatch(kindOf(value), schema.goName)
      case 'duration':
        return typeof value === 'string' ? value : this.#mismatch(kindOf(value), 'string')
      case 'schemaOrArray':
        if (Array.isArray(value)) return value.map(item => this.#quietly(item, schema))
        return this.#quietly(value, schema)
      case 'schemaOrBool':
        return typeof value === 'boolean' ? value : this.#quietly(value, schema)
      case 'schemaOrStrings':
        return Array.isArray(value) ? value : this.#quietly(value, schema)
      default:
        return value
    }
  }

  #list(value: unknown, schema: Schema & { type: 'list' }): unknown[] {
    if (!Array.isArray(value)) this.#mismatch(kindOf(value), schema.goName)
    const { item } = schema
    const items = value as unknown[]
    for (let index = 0; index < items.length; index++) {
      this.#path.push(`[${index}]`)
      const one = items[index]
      items[index] = one === null ? zeroElement(item) : this.value(one, item)
      this.#path.pop()
    }
    return items
  }

  #map(value: unknown, schema: Schema & { type: 'map' }): Members {
    if (!isObject(value)) return this.#mismatch(kindOf(value), schema.goName)
    const { value: type } = schema
    const plain = type.type === 'string'
    for (const key in value) {
      const one = value[key]
      if (plain && typeof one === 'string') continue
      this.#path.push(`.${key}`)
      const decoded = one === null ? zeroElement(type) : this.value(one, type)
      this.#path.pop()
      if (decoded !== one) Object.defineProperty(value, key, { value: decoded, writable: true, enumerable: true, configurable: true })
    }
    return value
  }

  #integer(value: unknown, goName: string, limit: number): number {
    if (typeof value !== 'number') return this.#mismatch(kindOf(value), goName)
    const literal = this.#literals?.get(this.#path.join(''))
    if (literal !== undefined || !Number.isInteger(value) || value > limit || value < -limit - 1)
      return this.#mismatch(`number ${literal ?? value}`, goName)
    return value
  }

  #quantity(value: unknown): string {
    try {
      return canonicalQuantity(
        typeof value === 'string' ? value.trim() : (this.#literals?.get(this.#path.join('')) ?? JSON.stringify(value)),
      )
    } catch (error) {
      if (error instanceof QuantityError) throw new DecodeError(error.message)
      throw error
    }
  }

  /** A schema inside one of apiextensions' either-or types: upstream reads those without looking for unknown fields. */
  #quietly(value: unknown, schema: Schema): unknown {
    if (!isObject(value)) return this.#mismatch(kindOf(value), schema.goName)
    return new Decoder().struct(value, schemaOf('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps'))
  }

  #mismatch(what: string, goName: string): never {
    const struct = this.#structs.at(-1)!
    const name = struct.goName.slice(struct.goName.indexOf('.') + 1)
    throw new DecodeError(`json: cannot unmarshal ${what} into Go struct field ${name}.${this.#fields.join('.')} of type ${goName}`)
  }
}

/** As Go writes them, which is how messages show them. */
function inOrder(members: Members, fields: StructPlan['fields']): Members {
  const ordered: Members = {}
  for (const name of fields.keys()) if (members[name] !== undefined) ordered[name] = members[name]
  return ordered
}

/** What null becomes as an item or a map's value: Go leaves the zero value there. */
function zeroElement(schema: Schema): unknown {
  switch (schema.type) {
    case 'struct':
      return zeroStruct(schema)
    case 'string':
      return ''
    case 'boolean':
      return false
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0
    case 'quantity':
      return '0'
    default:
      return null
  }
}

/** What omitempty leaves out. Structs are never empty in Go's eyes. */
function isEmpty(value: unknown, schema: Schema): boolean {
  switch (schema.type) {
    case 'string':
    case 'bytes':
      return value === ''
    case 'boolean':
      return value === false
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return value === 0
    case 'list':
      return (value as unknown[]).length === 0
    case 'map':
      for (const _ in value as Members) return false
      return true
    case 'time':
    case 'microTime':
      return value === null
    default:
      return false
  }
}

const BASE64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/

function canonicalBase64(text: string): string {
  if (BASE64.test(text)) return text
  const joined = text.replaceAll(/[\r\n]/g, '')
  if (BASE64.test(joined)) return joined
  const good = /^[A-Za-z\d+/\r\n]*/.exec(text)![0].length
  throw new DecodeError(`illegal base64 data at input byte ${good}`)
}
