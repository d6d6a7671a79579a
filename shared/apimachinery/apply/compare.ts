// What became different between two objects, as sets of field paths: what every change of ownership follows from.

import { nullFields } from '../codec/zero.ts'
import { member } from '../objects.ts'
import type { ListSchema, Schema } from '../schema/types.ts'
import { EMPTY, type FieldSet, isEmpty, LEAF, type MutableFieldSet } from './field-set.ts'
import { isObject, itemElement, itemsByElement, type Members, memberSchema, sameValue, shapeOf } from './values.ts'

export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

/** The nodes of one value's comparison; undefined where nothing happened. */
interface Changes {
  added?: FieldSet | undefined
  modified?: FieldSet | undefined
  removed?: FieldSet | undefined
}

/** Both are of the schema's type. */
export function compare(before: object, after: object, schema: Schema): Comparison {
  const changes: Changes = {}
  if (before !== after) compareMembers(before as Members, after as Members, schema, changes)
  return { added: changes.added ?? EMPTY, modified: changes.modified ?? EMPTY, removed: changes.removed ?? EMPTY }
}

function put(changes: Changes, kind: keyof Changes, element: string, node: FieldSet | undefined): void {
  if (node === undefined) return
  const set = (changes[kind] ?? {}) as MutableFieldSet
  set[element] = node
  changes[kind] = set
}

function take(changes: Changes, element: string, child: Changes): void {
  put(changes, 'added', element, child.added)
  put(changes, 'modified', element, child.modified)
  put(changes, 'removed', element, child.removed)
}

/** `before` and `after` are both there. */
function compareValue(before: unknown, after: unknown, schema: Schema, changes: Changes): void {
  if (before === after) return
  const shape = shapeOf(schema)
  const maps = isObject(before) || isObject(after)
  if (shape === 'list' && schema.type === 'list') {
    const [was, is] = [Array.isArray(before) ? before : [], Array.isArray(after) ? after : []]
    if (was.length > 0 || is.length > 0) compareItems(was, is, schema, changes)
    else if (!sameValue(before, after)) changes.modified = LEAF
    return
  }
  if ((shape === 'map' || shape === 'deduced') && maps) {
    const [was, is] = [isObject(before) ? before : {}, isObject(after) ? after : {}]
    if (!isEmptyObject(was) || !isEmptyObject(is)) compareMembers(was, is, schema, changes)
    else if (!sameValue(before, after)) changes.modified = LEAF
    // An object in place of something else of which nothing is known: it changed itself, besides what came with it.
    if (shape === 'deduced' && !(isObject(before) && isObject(after)) && before !== null && after !== null) {
      changes.modified = changes.modified === undefined ? LEAF : { ...changes.modified, '.': LEAF }
    }
    return
  }
  if (!sameValue(before, after)) changes.modified = LEAF
}

function isEmptyObject(object: Members): boolean {
  for (const _ in object) return false
  return true
}

function compareMembers(before: Members, after: Members, schema: Schema, changes: Changes): void {
  for (const name in after) {
    const is = after[name]
    if (is === undefined) continue
    const was = member(before, name)
    if (was === is) continue
    const found = memberSchema(schema, name)
    if (found === undefined) continue
    if (was === undefined) put(changes, 'added', `f:${name}`, wholeTree(is, found.schema))
    else {
      const child: Changes = {}
      compareValue(was, is, found.schema, child)
      take(changes, `f:${name}`, child)
    }
  }
  for (const name in before) {
    const was = before[name]
    // Decoding leaves out what is stored as null.
    if (was === undefined || was === null || member(after, name) !== undefined) continue
    const found = memberSchema(schema, name)
    if (found === undefined) continue
    if (isNullField(schema, name)) {
      const child: Changes = {}
      compareValue(was, null, found.schema, child)
      take(changes, `f:${name}`, child)
    } else put(changes, 'removed', `f:${name}`, wholeTree(was, found.schema))
  }
}

const isNullField = (schema: Schema, name: string): boolean =>
  schema.type === 'struct' && nullFields(schema).some(field => field.name === name)

function compareItems(before: readonly unknown[], after: readonly unknown[], schema: ListSchema, changes: Changes): void {
  const was = itemsByElement(schema, before)
  const is = itemsByElement(schema, after)
  for (const element of new Set([...was.keys(), ...is.keys()]))
    compareItem(element, was.get(element) ?? [], is.get(element) ?? [], schema, changes)
}

/** Items that stand twice under one key are owned as a whole, since no path can tell them apart. */
function compareItem(element: string, was: readonly unknown[], is: readonly unknown[], { item }: ListSchema, changes: Changes): void {
  if (was.length >= 2 && is.length >= 2) {
    if (!sameValue(was, is)) put(changes, 'modified', element, LEAF)
  } else if (was.length >= 2) {
    put(changes, 'removed', element, LEAF)
    if (is.length === 1) put(changes, 'added', element, wholeTree(is[0], item))
  } else if (is.length >= 2) {
    put(changes, 'added', element, LEAF)
    if (was.length === 1) put(changes, 'removed', element, wholeTree(was[0], item))
  } else if (was.length === 0) put(changes, 'added', element, wholeTree(is[0], item))
  else if (is.length === 0) put(changes, 'removed', element, wholeTree(was[0], item))
  else {
    const child: Changes = {}
    compareValue(was[0], is[0], item, child)
    take(changes, element, child)
  }
}

/** Every path of a value that came, or went, as a whole: itself and all below it. */
function wholeTree(value: unknown, schema: Schema): FieldSet {
  if (typeof value !== 'object' || value === null) return LEAF
  const shape = shapeOf(schema)
  if (shape === 'leaf') return LEAF
  const node: MutableFieldSet = {}
  if (Array.isArray(value)) {
    if (shape !== 'list' || schema.type !== 'list' || value.length === 0) return LEAF
    for (const item of value) {
      const found = itemElement(schema, item)
      if ('element' in found) node[found.element] = node[found.element] === undefined ? wholeTree(item, schema.item) : LEAF
    }
  } else {
    if (shape === 'list') return LEAF
    for (const name in value) {
      const inner = (value as Members)[name]
      if (inner === undefined) continue
      const found = memberSchema(schema, name)
      if (found !== undefined) node[`f:${name}`] = wholeTree(inner, found.schema)
    }
    // What will be written as null is there too.
    if (schema.type === 'struct') for (const { name } of nullFields(schema)) node[`f:${name}`] ??= LEAF
  }
  if (isEmpty(node)) return LEAF
  node['.'] = LEAF
  return node
}
