// The paths that a configuration claims: what its applier owns afterwards.
import type { Schema } from '../schema/types.ts'
import { EMPTY, elements, type FieldSet, isEmpty, isMember, LEAF, type MutableFieldSet } from './field-set.ts'
import { isObject, itemsByElement, memberSchema, shapeOf } from './values.ts'

/**
 * Unlike a comparison, members that the type names are claimed only through what is below them: a configuration with spec.replicas
 * owns .spec.replicas, but not .spec. Items of lists and keys of maps are claimed themselves too.
 */
export function toFieldSet(object: object, schema: Schema): FieldSet {
  return claims(object, schema) ?? EMPTY
}

/** The node of a value: LEAF when it is claimed itself, undefined when there is nothing to claim. */
function claims(value: unknown, schema: Schema): FieldSet | undefined {
  const shape = shapeOf(schema)
  if (shape === 'list' && schema.type === 'list') {
    if (!Array.isArray(value)) return undefined
    const node: MutableFieldSet = {}
    for (const [element, same] of itemsByElement(schema, value)) {
      const inner = same.length > 1 ? undefined : claims(same[0], schema.item)
      node[element] = inner === undefined || isEmpty(inner) ? LEAF : { ...inner, '.': LEAF }
    }
    return isEmpty(node) ? undefined : node
  }
  if (shape === 'leaf' || !isObject(value)) return value === null && shape === 'map' ? undefined : LEAF
  const node: MutableFieldSet = {}
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue
    const found = memberSchema(schema, name)
    if (found === undefined) continue
    const inner = claims(member, found.schema)
    const itself = member === null || (isObject(member) && isEmptyObject(member)) || !found.declared
    if (inner === undefined || isEmpty(inner)) {
      if (inner !== undefined || itself) node[`f:${name}`] = LEAF
    } else node[`f:${name}`] = itself ? { ...inner, '.': LEAF } : inner
  }
  return isEmpty(node) ? undefined : node
}

function isEmptyObject(object: object): boolean {
  for (const _ in object) return false
  return true
}

/** Adds the members that a type names and that are in the set only through what is below them. */
export function withNamedMembers(set: FieldSet, schema: Schema): FieldSet {
  const node: MutableFieldSet = {}
  for (const [element, child] of elements(set)) {
    const name = element.startsWith('f:') ? element.slice(2) : undefined
    const found = name === undefined ? undefined : memberSchema(schema, name)
    const inner = name === undefined ? (schema.type === 'list' ? schema.item : schema) : (found?.schema ?? schema)
    const full = withNamedMembers(child, inner)
    node[element] = isEmpty(full) ? LEAF : isMember(child) || found?.declared ? { ...full, '.': LEAF } : full
  }
  return node
}
