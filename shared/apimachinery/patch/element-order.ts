// The order of a list that was merged: what the patch names stands in the patch's order, what only the server has keeps its place
// relative to the neighbours it had.
import { isDeepStrictEqual } from 'node:util'
import { PatchError } from '../engines.ts'

type Members = Record<string, unknown>
type NoKey = (item: unknown, key: string) => never

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Lists are of objects or of scalars, not of both, and not of lists. @throws PatchError */
export function listElementKind(lists: readonly (readonly unknown[])[]): 'object' | 'scalar' {
  let kind: string | undefined
  for (const item of lists.flat(1)) {
    const own = isObject(item) ? 'object' : Array.isArray(item) ? 'list' : typeof item
    if (kind === undefined && own === 'list') throw new PatchError(422, 'lists of lists are not supported')
    if (kind !== undefined && kind !== own) throw new PatchError(500, 'list element types are not identical')
    kind = own
  }
  if (kind === undefined) throw new PatchError(500, 'no elements in any of the given slices')
  return kind === 'object' ? 'object' : 'scalar'
}

/** Which items have a counterpart in `by`, and which have none. */
export function partition(list: readonly unknown[], by: readonly unknown[], key: string, noKey: NoKey): [unknown[], unknown[]] {
  const named: unknown[] = []
  const others: unknown[] = []
  for (const item of list) {
    if (!isObject(item) || !Object.hasOwn(item, key)) return noKey(item, key)
    const found = by.some(other => isObject(other) && Object.hasOwn(other, key) && isDeepStrictEqual(other[key], item[key]))
    ;(found ? named : others).push(item)
  }
  return [named, others]
}

/** `named` in the order of `order`, mixed with `others` in the order of `before`, the list as it was. */
export function orderMerged(
  named: readonly unknown[],
  others: readonly unknown[],
  order: readonly unknown[],
  before: readonly unknown[],
  key: string,
  kind: 'object' | 'scalar',
  noKey: NoKey,
): unknown[] {
  if (kind === 'object') {
    for (const list of [named, order, others, before]) {
      for (const item of list) if (!isObject(item) || !Object.hasOwn(item, key)) noKey(item, key)
    }
  }
  const keyValue = (item: unknown) => (kind === 'object' && isObject(item) ? item[key] : item)
  const place = (list: readonly unknown[], item: unknown) => {
    const value = keyValue(item)
    return list.findIndex(other => isDeepStrictEqual(keyValue(other), value))
  }
  const sorted = (list: readonly unknown[], by: readonly unknown[]) =>
    list
      .map(item => ({ item, at: place(by, item) }))
      .map(({ item, at }) => ({ item, at: at < 0 ? by.length : at }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item)
  return mix(sorted(others, before), sorted(named, order), item => place(before, item))
}

/** A server's item goes in front of one of the patch only when both were there before, in that order. */
function mix(left: readonly unknown[], right: readonly unknown[], place: (item: unknown) => number): unknown[] {
  const all: unknown[] = []
  let [i, j] = [0, 0]
  while (i < left.length || j < right.length) {
    if (i >= left.length) all.push(right[j++])
    else if (j >= right.length) all.push(left[i++])
    else {
      const [l, r] = [place(left[i]), place(right[j])]
      if (l >= 0 && r >= 0 && l < r) all.push(left[i++])
      else all.push(right[j++])
    }
  }
  return all
}
