// Defaults that the schema itself says ("TCP"), and what is always written. What a kind defaults in code is the kind's (resources).
import type { Field, Schema, StructSchema } from '../schema/types.ts'
import { zeroMaker } from './zero.ts'

type Members = Record<string, unknown>

/** Adds, in place, what is missing. */
export function applyDefaults(object: object, schema: StructSchema): void {
  const members = object as Members
  for (const field of schema.fields.values()) {
    const value = members[field.name]
    if (value === undefined || (value === null && field.default !== undefined && !field.schema.nullable) || isZero(field, value)) {
      const missing = field.default !== undefined ? structuredClone(field.default) : value === undefined ? zeroMaker(field)?.() : undefined
      if (missing !== undefined && missing !== null) members[field.name] = missing
    }
    inside(members[field.name], field.schema)
  }
}

/** Go cannot tell zero from absent where it has no pointer. */
const isZero = (field: Field, value: unknown): boolean =>
  field.default !== undefined && !field.pointer && (value === '' || value === 0 || value === false)

function inside(value: unknown, schema: Schema): void {
  if (typeof value !== 'object' || value === null) return
  if (schema.type === 'struct') applyDefaults(value, schema)
  else if (schema.type === 'list') {
    if (canHold(schema.item)) for (const item of value as unknown[]) inside(item, schema.item)
  } else if (schema.type === 'map' && canHold(schema.value)) for (const member of Object.values(value)) inside(member, schema.value)
}

const canHold = ({ type }: Schema): boolean => type === 'struct' || type === 'list' || type === 'map'
