// Lists that are sets or maps hold nothing twice.
import { duplicate, type FieldError } from '../field-error.ts'
import { member } from '../objects.ts'
import type { JsonSchema } from '../schema/structural.ts'

type Members = Record<string, unknown>

/** The same text for items with the same keys; an absent key is as good as null. */
export const mapKey = (item: unknown, keys: readonly string[]): string =>
  JSON.stringify(keys.map(key => (typeof item === 'object' && item !== null ? (member(item as Members, key) ?? null) : null)))

export function listTypeErrors(value: unknown, schema: JsonSchema, field: string): FieldError[] {
  if (Array.isArray(value)) {
    const errors = [...duplicates(value, schema, field)]
    if (schema.items !== undefined)
      for (const [i, item] of value.entries()) errors.push(...listTypeErrors(item, schema.items, `${field}[${i}]`))
    return errors
  }
  if (typeof value !== 'object' || value === null) return []
  const { properties, additionalProperties } = schema
  return Object.entries(value).flatMap(([name, one]) => {
    const type = member(properties, name) ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
    return type === undefined ? [] : listTypeErrors(one, type, field === '' ? name : `${field}.${name}`)
  })
}

/** Each value that stands more than once is told once, where it stands again. */
function* duplicates(items: readonly unknown[], schema: JsonSchema, field: string): Generator<FieldError> {
  const type = schema['x-kubernetes-list-type']
  if (type !== 'set' && type !== 'map') return
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const counts = new Map<string, number>()
  for (const [i, item] of items.entries()) {
    const key = type === 'set' ? JSON.stringify(item) : mapKey(item, keys)
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    if (count !== 2) continue
    const value =
      type === 'set'
        ? item
        : Object.fromEntries(keys.flatMap(one => (Object.hasOwn(item as Members, one) ? [[one, (item as Members)[one]]] : [])))
    yield duplicate(`${field}[${i}]`, value)
  }
}
