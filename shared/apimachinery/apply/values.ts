// How server-side apply looks at values: which schema a value has, how a list's items are told apart, and when two values are equal.
import { member } from '../objects.ts'
import type { ListSchema, Schema } from '../schema/types.ts'

export type Members = Record<string, unknown>

export const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a schema is to apply: of values of which nothing is known, objects merge, and anything else is taken as a whole. */
export type Shape = 'leaf' | 'map' | 'list' | 'deduced'

export function shapeOf(schema: Schema): Shape {
  switch (schema.type) {
    case 'struct':
    case 'map':
      return schema.atomic ? 'leaf' : 'map'
    case 'list':
      return schema.listType === 'atomic' ? 'leaf' : 'list'
    case 'raw':
    case 'fieldsV1':
    case 'json':
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStrings':
    case 'any':
      return 'deduced'
    default:
      return 'leaf'
  }
}

const DEDUCED: Schema = { type: 'any', goName: 'interface {}', nullable: true }

/** The schema of a member; `declared` says whether the type names it. */
export function memberSchema(schema: Schema, name: string): { schema: Schema; declared: boolean } | undefined {
  if (schema.type === 'struct') {
    const field = schema.fields.get(name)
    if (field !== undefined) return { schema: field.schema, declared: true }
    return schema.open ? { schema: DEDUCED, declared: false } : undefined
  }
  if (schema.type === 'map') return { schema: schema.value, declared: false }
  return { schema: DEDUCED, declared: false }
}

/** The path element of an item ('k:{"name":"a"}', 'v:"x"'), or why it has none. */
export function itemElement(schema: ListSchema, item: unknown): { element: string } | { problem: string } {
  if (schema.listType === 'set') {
    if (item === null) return { problem: "associative list without keys has an element that's an explicit null" }
    if (Array.isArray(item)) return { problem: 'not supported: associative list with lists as elements' }
    if (typeof item === 'object') return { problem: "associative list without keys has an element that's a map type" }
    return { element: `v:${JSON.stringify(item)}` }
  }
  if (item === null) return { problem: 'associative list with keys may not have a null element' }
  if (!isObject(item)) return { problem: 'associative list with keys may not have non-map elements' }
  const { keys } = schema
  if (keys.length === 1 && typeof member(item, keys[0]!) === 'string')
    return { element: `k:{${JSON.stringify(keys[0])}:${JSON.stringify(item[keys[0]!])}}` }
  const values: string[] = []
  for (const key of [...keys].sort()) {
    const said = member(item, key)
    const value = said === undefined ? keyDefault(schema, key) : said
    if (value !== undefined) values.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`)
  }
  if (values.length === 0) {
    const names = `[${keys.map(key => JSON.stringify(key)).join(' ')}]`
    return {
      problem: `associative list with keys has an element that omits all key fields ${names} (and doesn't have default values for any key fields)`,
    }
  }
  return { element: `k:{${values.join(',')}}` }
}

function keyDefault({ item }: ListSchema, key: string): unknown {
  if (item.type !== 'struct') return undefined
  const field = item.fields.get(key)
  if (field === undefined) return undefined
  if (field.default !== undefined) return field.default
  // What Go writes although it is empty has its zero value as default in the published schema.
  if (!field.always || field.pointer) return undefined
  return field.schema.type === 'string' ? '' : field.schema.type === 'boolean' ? false : field.schema.type.startsWith('int') ? 0 : undefined
}

/** Items by path element, in order; those whose element cannot be told are left out. */
export function itemsByElement(schema: ListSchema, items: readonly unknown[]): Map<string, unknown[]> {
  const byElement = new Map<string, unknown[]>()
  for (const item of items) {
    const found = itemElement(schema, item)
    if (!('element' in found)) continue
    const same = byElement.get(found.element)
    if (same === undefined) byElement.set(found.element, [item])
    else same.push(item)
  }
  return byElement
}

/** Deep equality of JSON values. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let index = 0; index < a.length; index++) if (!sameValue(a[index], b[index])) return false
    return true
  }
  if (Array.isArray(b)) return false
  let count = 0
  for (const key in a) {
    if ((a as Members)[key] === undefined) continue
    if (!sameValue((a as Members)[key], member(b as Members, key))) return false
    count++
  }
  for (const key in b) if ((b as Members)[key] !== undefined) count--
  return count === 0
}
