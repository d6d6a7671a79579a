// Strategic merge patch: a merge patch that knows lists. Which lists merge, and by which member their items pair, is in the schema
// (patchStrategy and patchMergeKey); directives in the patch ($patch, $retainKeys, $setElementOrder/<list>,
// $deleteFromPrimitiveList/<list>) say the rest. Rules and wording: k8s.io/apimachinery/pkg/util/strategicpatch.
import { isDeepStrictEqual } from 'node:util'
import { PatchError } from '../engines.ts'
import type { Field, Schema } from '../schema/types.ts'
import { listElementKind, orderMerged, partition } from './element-order.ts'

type Members = Record<string, unknown>

const DIRECTIVE = '$patch'
const RETAIN_KEYS = '$retainKeys'
const ELEMENT_ORDER = '$setElementOrder'
const DELETE_FROM_LIST = '$deleteFromPrimitiveList'

/** The document is not changed; the answer shares what the patch leaves alone. @throws PatchError */
export function strategicMergePatch(document: unknown, patch: unknown, schema: Schema): unknown {
  if (patch === null || patch === undefined) return document
  if (!isObject(patch)) {
    throw new PatchError(
      400,
      `json: cannot unmarshal ${Array.isArray(patch) ? 'array' : typeof patch} into Go value of type map[string]interface {}`,
    )
  }
  return mergeMap(isObject(document) ? document : {}, patch, schema)
}

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

function mergeMap(original: Members, patch: Members, schema: Schema): Members {
  if (Object.hasOwn(patch, DIRECTIVE)) return replaceOrClear(patch)
  const merged = new Map(Object.entries(original))
  const rest = new Map(Object.entries(patch))
  retainKeys(merged, rest)
  for (const key of [...rest.keys()]) if (key.startsWith(ELEMENT_ORDER)) mergeInOrder(key, merged, rest, schema)
  for (const [name, value] of rest) mergeMember(name, value, merged, schema)
  return Object.fromEntries(merged)
}

function replaceOrClear(patch: Members): Members {
  const { [DIRECTIVE]: directive, ...rest } = patch
  if (directive === 'replace') return rest
  if (directive === 'delete') return {}
  throw new PatchError(500, `unknown patch type: ${directive} in map: ${goText(patch)}`)
}

/** Of a union only the members named stay: the strategy's type decides which of its other members make sense. */
function retainKeys(merged: Map<string, unknown>, rest: Map<string, unknown>): void {
  if (!rest.has(RETAIN_KEYS)) return
  const keys = rest.get(RETAIN_KEYS)
  rest.delete(RETAIN_KEYS)
  if (!Array.isArray(keys)) throw new PatchError(400, 'invalid patch format of retainKeys')
  for (const [key, value] of rest) {
    if (value === null || key.startsWith(DELETE_FROM_LIST) || key.startsWith(ELEMENT_ORDER)) continue
    if (!keys.includes(key)) throw new PatchError(400, 'invalid patch format of retainKeys')
  }
  for (const key of [...merged.keys()]) if (!keys.includes(key)) merged.delete(key)
}

/** $setElementOrder/<list>: merges the list, and puts what the patch names in the order given. */
function mergeInOrder(directive: string, merged: Map<string, unknown>, rest: Map<string, unknown>, schema: Schema): void {
  const order = asList(rest.get(directive))
  rest.delete(directive)
  const name = nameIn(directive, ELEMENT_ORDER, 'invalid patch format of setElementOrder list')
  const original = merged.has(name) ? asList(merged.get(name)) : undefined
  const patch = rest.has(name) ? asList(rest.get(name)) : undefined
  const { field, item } = listField(schema, name)
  const key = field?.patchMergeKey ?? ''
  checkOrder(patch ?? [], order, key)
  if (original === undefined && patch === undefined) return
  const both =
    original !== undefined && patch !== undefined
      ? mergeList(original, patch, item, field, false)
      : (original ?? (withoutDirectives(patch) as unknown[]))
  const [named, others] = key === '' ? partitionScalars(both, order) : partition(both, order, key, noMergeKey)
  merged.set(name, orderMerged(named, others, order, original ?? [], key, listElementKind([original ?? [], patch ?? []]), noMergeKey))
  rest.delete(name)
}

const partitionScalars = (list: readonly unknown[], by: readonly unknown[]): [unknown[], unknown[]] => [
  list.filter(item => by.includes(item)),
  list.filter(item => !by.includes(item)),
]

/** The items of the patch must stand in the same order in the directive. */
function checkOrder(patch: readonly unknown[], order: readonly unknown[], key: string): void {
  if (patch.length === 0 || order.length === 0) return
  const keyValue = (item: unknown) => (isObject(item) ? item[key] : item)
  const kept = patch.filter(item => !(isObject(item) && item[DIRECTIVE] === 'delete'))
  const hasDirective = (item: unknown) => isObject(item) && Object.hasOwn(item, DIRECTIVE)
  let at = 0
  for (const item of order) {
    while (at < kept.length && hasDirective(kept[at])) at++
    if (at < kept.length && isDeepStrictEqual(keyValue(item), keyValue(kept[at]))) at++
  }
  if (at < kept.length) {
    throw new PatchError(500, `The order in patch list:\n${goText(patch)}\n doesn't match ${ELEMENT_ORDER} list:\n${goText(order)}\n`)
  }
}

function mergeMember(name: string, value: unknown, merged: Map<string, unknown>, schema: Schema): void {
  const isDeletion = name.startsWith(DELETE_FROM_LIST)
  const key = isDeletion ? nameIn(name, DELETE_FROM_LIST, 'invalid patch format of primitive list') : name
  if (value === null) {
    merged.delete(key)
    return
  }
  const old = merged.get(key)
  const bothObjects = isObject(old) && isObject(value)
  const bothLists = Array.isArray(old) && Array.isArray(value)
  if (bothObjects) {
    const field = fieldOf(schema, key)
    merged.set(key, field?.patchStrategies.includes('replace') ? value : mergeMap(old, value, field?.schema ?? valueSchema(schema)))
  } else if (bothLists) {
    const { field, item } = listField(schema, key)
    merged.set(key, mergeList(old, value, item, field, isDeletion))
  } else if (!isDeletion) {
    const kept = withoutDirectives(withoutNulls(value))
    if (kept === undefined) merged.delete(key)
    else merged.set(key, kept)
  }
}

function mergeList(
  original: readonly unknown[],
  patch: readonly unknown[],
  item: Schema | undefined,
  field: Field | undefined,
  isDeletion: boolean,
): unknown[] {
  if (!isDeletion && !field?.patchStrategies.includes('merge')) return [...patch]
  if (original.length === 0 && patch.length === 0) return []
  const kind = listElementKind([original, patch])
  if (kind === 'scalar') {
    if (isDeletion) return original.filter(one => !patch.includes(one))
    const all = [...new Set([...original, ...patch])]
    const [named, others] = partitionScalars(all, patch)
    return orderMerged(named, others, patch, original, '', kind, noMergeKey)
  }
  const key = field?.patchMergeKey ?? ''
  if (key === '') throw new PatchError(500, `cannot merge lists without merge key for ${item?.goName.replace(/^.*\./, '') ?? 'list'}`)
  const { kept, plain } = applyItemDirectives(original as readonly Members[], patch as readonly Members[], key)
  const all = mergeItems(kept, plain, key, item)
  const [named, others] = partition(all, plain, key, noMergeKey)
  return orderMerged(named, others, plain, kept, key, kind, noMergeKey)
}

/** Items with $patch: delete takes matching ones away, replace takes everything away that the patch does not say. */
function applyItemDirectives(original: readonly Members[], patch: readonly Members[], key: string): { kept: Members[]; plain: Members[] } {
  let kept = [...original]
  const plain: Members[] = []
  let replace = false
  for (const one of patch) {
    const directive = one[DIRECTIVE]
    if (!Object.hasOwn(one, DIRECTIVE)) plain.push(one)
    else if (directive === 'delete') {
      if (!Object.hasOwn(one, key)) noMergeKey(one, key)
      kept = kept.filter(other => !(Object.hasOwn(other, key) && isDeepStrictEqual(other[key], one[key])))
    } else if (directive === 'replace') replace = true
    else if (directive === 'merge') throw new PatchError(500, 'merging lists cannot yet be specified in the patch')
    else throw new PatchError(500, `unknown patch type: ${directive} in map: ${goText(one)}`)
  }
  return replace ? { kept: plain, plain: [] } : { kept, plain }
}

function mergeItems(original: readonly Members[], patch: readonly Members[], key: string, item: Schema | undefined): Members[] {
  const all = [...original]
  for (const one of patch) {
    if (!Object.hasOwn(one, key)) noMergeKey(one, key)
    const at = all.findIndex(other => Object.hasOwn(other, key) && isDeepStrictEqual(other[key], one[key]))
    if (at < 0) all.push(one)
    else all[at] = mergeMap(all[at]!, one, item ?? UNKNOWN)
  }
  return all
}

const noMergeKey = (item: unknown, key: string): never => {
  throw new PatchError(500, `map: ${goText(item)} does not contain declared merge key: ${key}`)
}

const UNKNOWN: Schema = { type: 'any', goName: 'interface {}', nullable: false }

/** What is known of a member; a struct without it cannot say how to merge. */
function fieldOf(schema: Schema, name: string): Field | undefined {
  if (schema.type === 'struct') {
    const field = schema.fields.get(name)
    if (field === undefined && !schema.open) {
      const struct = schema.goName.replace(/^.*\./, '')
      throw new PatchError(500, `unable to find api field in struct ${struct} for the json field ${JSON.stringify(name)}`)
    }
    return field
  }
  if (schema.type === 'map') throw new PatchError(500, 'merging an object in json but data type is not struct, instead is: map')
  return undefined
}

const valueSchema = (schema: Schema): Schema => (schema.type === 'map' ? schema.value : UNKNOWN)

function listField(schema: Schema, name: string): { field: Field | undefined; item: Schema | undefined } {
  const field = fieldOf(schema, name)
  return { field, item: field?.schema.type === 'list' ? field.schema.item : undefined }
}

function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  const got = value === null ? 'nil' : isObject(value) ? 'map' : typeof value
  throw new PatchError(500, `expected a slice, but received a ${got}`)
}

function nameIn(key: string, prefix: string, otherwise: string): string {
  const slash = key.indexOf('/')
  if (slash < 0 || key.slice(0, slash) !== prefix) throw new PatchError(400, otherwise)
  return key.slice(slash + 1)
}

/** What is new in the document must not bring nulls along. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member)]])))
}

/** Objects with a $patch directive go away where there is nothing for it to work on. Undefined: all of it. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter(item => item !== undefined)
  if (!isObject(value)) return value
  if (Object.hasOwn(value, DIRECTIVE)) return undefined
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => {
      const kept = withoutDirectives(member)
      return kept === undefined ? [] : [[key, kept]]
    }),
  )
}

/** A value as Go prints it with %v: map[a:1 b:[x y]]. */
export function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (isObject(value)) {
    const keys = Object.keys(value).sort()
    return `map[${keys.map(key => `${key}:${goText(value[key])}`).join(' ')}]`
  }
  return value === null || value === undefined ? '<nil>' : String(value)
}
