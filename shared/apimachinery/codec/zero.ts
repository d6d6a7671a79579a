// What a value of a type is when nothing was said about it, and which members are written all the same: Go's zero values and tags.
import type { Field, Schema, StructSchema } from '../schema/types.ts'

type Members = Record<string, unknown>

/** How one field is treated, worked out once per type. */
export interface Plan {
  readonly field: Field
  readonly schema: Schema
  /** Where the field stands among the type's. */
  readonly position: number
  /** Left out when it holds nothing. */
  readonly omitEmpty: boolean
  /** What stands there when nothing was said; undefined: nothing does. */
  readonly zero: (() => unknown) | undefined
  /** That is null: decoding leaves it to fillZeros. */
  readonly nullish: boolean
}

export interface StructPlan {
  readonly fields: ReadonlyMap<string, Plan>
  readonly written: readonly Plan[]
  readonly nullFields: readonly Field[]
}

const plans = new WeakMap<ReadonlyMap<string, Field>, StructPlan>()

export function planOf(schema: StructSchema): StructPlan {
  const known = plans.get(schema.fields)
  if (known !== undefined) return known
  const fields = new Map<string, Plan>()
  for (const field of schema.fields.values()) {
    const { schema: type, always, pointer } = field
    // Lists and maps that are written when empty are null then (fillZeros), whichever way they came.
    const omitEmpty = !pointer && (!always || (!schema.structural && (type.type === 'list' || type.type === 'map')))
    const zero = zeroMaker(field)
    fields.set(field.name, { field, schema: type, position: fields.size, omitEmpty, zero, nullish: zero?.() === null })
  }
  const all = [...fields.values()]
  const plan = {
    fields,
    written: all.filter(({ zero, nullish }) => zero !== undefined && !nullish),
    nullFields: all.filter(({ nullish }) => nullish).map(({ field }) => field),
  }
  plans.set(schema.fields, plan)
  return plan
}

/** Makes what stands in a field about which nothing was said; undefined where nothing does. */
export function zeroMaker(field: Field): (() => unknown) | undefined {
  if (field.omitZero) return undefined
  if (field.pointer) return field.always ? () => null : undefined
  const { schema } = field
  switch (schema.type) {
    case 'struct':
      return () => zeroStruct(schema)
    case 'quantity':
      return () => '0'
    case 'duration':
      return () => '0s'
    case 'time':
    case 'microTime':
    case 'raw':
    case 'json':
      return () => null
    default:
  }
  if (!field.always) return undefined
  switch (schema.type) {
    case 'string':
      return () => ''
    case 'boolean':
      return () => false
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return () => 0
    default:
      return () => null
  }
}

export function zeroStruct(schema: StructSchema): Members {
  const members: Members = {}
  for (const { field, zero } of planOf(schema).written) members[field.name] = zero!()
  return members
}

/** What is written as null when nothing was said about it. */
export const nullFields = (schema: StructSchema): readonly Field[] => planOf(schema).nullFields

/** Adds, in place, what is always written and is not there. For objects that were made otherwise than by decoding. */
export function fillZeros(object: Members, schema: StructSchema): void {
  for (const { field, schema: type, zero } of planOf(schema).fields.values()) {
    const value = object[field.name]
    if (value === undefined || value === null) {
      if (zero === undefined || value === null) continue
      object[field.name] = zero()
    }
    fillInside(object[field.name], type)
  }
}

function fillInside(value: unknown, schema: Schema): void {
  if (typeof value !== 'object' || value === null) return
  if (schema.type === 'struct') fillZeros(value as Members, schema)
  else if (schema.type === 'list') {
    if (holdsStructs(schema.item)) for (const item of value as unknown[]) fillInside(item, schema.item)
  } else if (schema.type === 'map' && holdsStructs(schema.value)) for (const item of Object.values(value)) fillInside(item, schema.value)
}

const holdsStructs = (schema: Schema): boolean => schema.type === 'struct' || schema.type === 'list' || schema.type === 'map'
