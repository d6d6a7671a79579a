// The types of kinds, built-in and custom, as CEL sees them (k8s.io/apiserver/pkg/cel/common/schemas.go): what has no type in the
// description of the API has none here either and cannot be named. Quantities are an exception: nothing is said of what is done with one.
import type { Environment } from '@marcbachmann/cel-js'
import type { JsonSchema } from '../schema/structural.ts'
import type { ScalarType, Schema, StructSchema } from '../schema/types.ts'
import { declareType, escapeName, TypeNames } from './types.ts'

const SCALARS: Partial<Record<ScalarType, string>> = {
  string: 'string',
  boolean: 'bool',
  int32: 'int',
  int64: 'int',
  double: 'double',
  bytes: 'bytes',
  time: 'google.protobuf.Timestamp',
  microTime: 'google.protobuf.Timestamp',
  duration: 'string',
  quantity: 'dyn',
  intOrString: 'dyn',
}
const IDENTITY = ['apiVersion', 'kind', 'metadata']

/** Declares types of kinds to one environment. */
export class KindTypes {
  readonly #environment: Environment
  readonly #custom: TypeNames
  readonly #names = new Map<StructSchema, string>()
  #count = 0
  #empty: string | undefined

  constructor(environment: Environment) {
    this.#environment = environment
    this.#custom = new TypeNames(environment)
  }

  /** The name of the kind's type. */
  of(kind: StructSchema): string {
    return this.#struct(kind)
  }

  #type(schema: Schema): string | undefined {
    switch (schema.type) {
      case 'struct':
        return this.#struct(schema)
      case 'map': {
        const value = this.#type(schema.value)
        return value === undefined ? undefined : `map<string, ${value}>`
      }
      case 'list': {
        const item = this.#type(schema.item)
        return item === undefined ? undefined : `list<${item}>`
      }
      case 'raw':
      case 'fieldsV1':
        return this.#nothing()
      default:
        return SCALARS[schema.type]
    }
  }

  #struct(schema: StructSchema): string {
    const known = this.#names.get(schema)
    if (known !== undefined) return known
    // What a type holds of itself is an object without members.
    this.#names.set(schema, this.#nothing())
    const published = schema.published?.('v3') as JsonSchema | undefined
    const fields = published === undefined ? this.#builtIn(schema) : this.#customMembers(schema, published)
    const name = declareType(this.#environment, `Kind${this.#count++}`, fields)
    this.#names.set(schema, name)
    return name
  }

  #nothing(): string {
    this.#empty ??= declareType(this.#environment, 'Nothing', {})
    return this.#empty
  }

  #builtIn({ fields }: StructSchema): Record<string, string> {
    const members: Record<string, string> = {}
    for (const { name, schema } of fields.values()) {
      const escaped = escapeName(name)
      const type = escaped === undefined ? undefined : this.#type(schema)
      if (escaped !== undefined && type !== undefined) members[escaped] = type
    }
    return members
  }

  #customMembers(kind: StructSchema, { properties = {} }: JsonSchema): Record<string, string> {
    const members = this.#builtIn({ ...kind, fields: new Map([...kind.fields].filter(([name]) => IDENTITY.includes(name))) })
    for (const [name, one] of Object.entries(properties)) {
      const escaped = escapeName(name)
      if (escaped !== undefined && !IDENTITY.includes(name)) members[escaped] = this.#custom.of(one)
    }
    return members
  }
}
