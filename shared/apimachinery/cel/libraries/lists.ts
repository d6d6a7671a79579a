// Lists: isSorted, sum, min, max, indexOf, lastIndexOf (k8s.io/apiserver/pkg/cel/library/lists.go).
import type { Environment } from '@marcbachmann/cel-js'

type Comparable = bigint | number | string | boolean | Date

const less = (a: Comparable, b: Comparable) => (a as number) < (b as number)

function extreme(list: readonly Comparable[], name: string, better: (a: Comparable, b: Comparable) => boolean): Comparable {
  const [first, ...rest] = list
  if (first === undefined) throw new Error(`${name} called on empty list`)
  return rest.reduce((best, one) => (better(one, best) ? one : best), first)
}

/** Equal as CEL compares: deeply, numbers by value. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== typeof b || typeof a !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]))
  if (a instanceof Date) return b instanceof Date && a.getTime() === b.getTime()
  if (!(a instanceof Map) || !(b instanceof Map)) return false
  return a.size === b.size && [...a].every(([key, value]) => b.has(key) && sameValue(value, b.get(key)))
}

export function registerLists(environment: Environment): void {
  environment.registerFunction('list.isSorted(): bool', (list: Comparable[]) =>
    list.every((item, i, all) => i === 0 || !less(item, all[i - 1] as Comparable)),
  )
  environment.registerFunction('list.sum(): dyn', (list: Iterable<bigint | number>) => {
    const [first, ...rest] = list
    return rest.reduce((sum, one) => ((sum as number) + (one as number)) as bigint | number, first ?? 0n)
  })
  environment.registerFunction('list.min(): dyn', (list: Iterable<Comparable>) => extreme([...list], 'min', less))
  environment.registerFunction('list.max(): dyn', (list: Iterable<Comparable>) => extreme([...list], 'max', (a, b) => less(b, a)))
  environment.registerFunction('list.indexOf(dyn): int', (list: Iterable<unknown>, item: unknown) =>
    BigInt([...list].findIndex(one => sameValue(one, item))),
  )
  environment.registerFunction('list.lastIndexOf(dyn): int', (list: Iterable<unknown>, item: unknown) =>
    BigInt([...list].findLastIndex(one => sameValue(one, item))),
  )
}
