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
    // Of a custom resource a null that means nothing is as if it had not been sent.
    if (schema.structural && members[field.name] === null && !field.schema.nullable) delete members[field.name]
    inside(members[field.name], field.schema, schema.structural)
  }
}

/** Go cannot tell zero from absent where it has no pointer. */
const isZero = (field: Field, value: unknown): boolean =>
  field.default !== undefined && !field.pointer && (value === '' || value === 0 || value === false)

function inside(value: unknown, schema: Schema, structural: boolean): void {
  if (typeof value !== 'object' || value === null) return
  if (schema.type === 'struct') applyDefaults(value, schema)
  else if (schema.type === 'list') {
    if (canHold(schema.item)) for (const item of value as unknown[]) inside(item, schema.item, structural)
  } else if (schema.type === 'map') {
    const members = value as Members
    if (structural && !schema.value.nullable) for (const key of Object.keys(members)) if (members[key] === null) delete members[key]
    if (canHold(schema.value)) for (const member of Object.values(members)) inside(member, schema.value, structural)
  }
}

const canHold = ({ type }: Schema): boolean => type === 'struct' || type === 'list' || type === 'map'
