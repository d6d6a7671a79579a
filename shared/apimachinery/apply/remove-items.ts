// Takes the paths of a set out of a value.
import type { Schema } from '../schema/types.ts'
import { below, type FieldSet, has, hasBelow, isEmpty } from './field-set.ts'
import { isObject, itemElement, type Members, memberSchema, shapeOf } from './values.ts'

/** The value is not changed. An element goes with all that is below it; what is left empty becomes null, as upstream has it. */
export function removeItems(value: object, set: FieldSet, schema: Schema): object {
  return isEmpty(set) ? value : ((remove(value, set, schema) ?? {}) as object)
}

function remove(value: unknown, set: FieldSet, schema: Schema): unknown {
  const shape = shapeOf(schema)
  if (Array.isArray(value)) {
    if (shape !== 'list' || schema.type !== 'list') return null
    const kept: unknown[] = []
    for (const item of value) {
      const found = itemElement(schema, item)
      const element = 'element' in found ? found.element : ''
      if (has(set, element)) continue
      kept.push(hasBelow(set, element) ? remove(item, below(set, element), schema.item) : item)
    }
    return kept.length === 0 ? null : kept
  }
  if (!isObject(value)) return value
  if (shape === 'leaf') return null
  const kept: Members = {}
  for (const [name, member] of Object.entries(value)) {
    const element = `f:${name}`
    if (has(set, element)) continue
    const found = memberSchema(schema, name)
    const left = hasBelow(set, element) && found !== undefined ? remove(member, below(set, element), found.schema) : member
    Object.defineProperty(kept, name, { value: left, writable: true, enumerable: true, configurable: true })
  }
  return isEmpty(kept as FieldSet) ? null : kept
}
