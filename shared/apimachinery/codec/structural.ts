// Custom resources: what their schema does not name is pruned and reported; values stay as they were sent, for validation to judge.
// Metadata, also that of embedded objects, is ObjectMeta and decoded as such.
import { DecodeError } from '../engines.ts'
import type { Schema, StructSchema } from '../schema/types.ts'

type Members = Record<string, unknown>

/** Decodes a member of a type that Go knows (metadata). */
type Strict = (value: unknown, schema: StructSchema, path: readonly string[]) => unknown

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value without what its schema does not name. The argument is not changed. @throws DecodeError for metadata of a wrong type */
export function prune(value: Members, schema: StructSchema, report: (path: string) => void, strict: Strict): Members {
  return members(value, schema, [], report, strict)
}

const pathText = (path: readonly string[]) => path.join('').replace(/^\./, '')

function members(value: Members, schema: StructSchema, path: readonly string[], report: (path: string) => void, strict: Strict): Members {
  const kept: [string, unknown][] = []
  for (const [name, member] of Object.entries(value)) {
    const field = schema.fields.get(name)
    const at = [...path, `.${name}`]
    if (field === undefined) {
      if (schema.open) kept.push([name, member])
      else report(pathText(at))
    } else if (schema.embedded && name === 'metadata' && field.schema.type === 'struct') {
      if (member === null) continue
      kept.push([name, path.length === 0 ? strict(member, field.schema, at) : embedded(member, field.schema, at, strict)])
    } else kept.push([name, inside(member, field.schema, at, report, strict)])
  }
  return Object.fromEntries(kept)
}

function embedded(value: unknown, schema: StructSchema, at: readonly string[], strict: Strict): unknown {
  try {
    return strict(value, schema, at)
  } catch (error) {
    if (error instanceof DecodeError) throw new DecodeError(`${pathText(at)}: Invalid value: ${JSON.stringify(value)}: ${error.message}`)
    throw error
  }
}

function inside(value: unknown, schema: Schema, path: readonly string[], report: (path: string) => void, strict: Strict): unknown {
  if (Array.isArray(value)) {
    if (schema.type !== 'list') return value
    return value.map((item, index) => inside(item, schema.item, [...path, `[${index}]`], report, strict))
  }
  if (!isObject(value)) return value
  if (schema.type === 'struct') return members(value, schema, path, report, strict)
  if (schema.type !== 'map') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, inside(member, schema.value, [...path, `.${key}`], report, strict)]),
  )
}
