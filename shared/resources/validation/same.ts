// Whether two values mean the same: an empty list is as good as none.
import { member } from '../../apimachinery/objects.ts'

const isNothing = (value: unknown) => value === undefined || value === null || (Array.isArray(value) && value.length === 0)

export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b)
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]))
  if (Array.isArray(b)) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key in left) if (!same(left[key], member(right, key))) return false
  for (const key in right) if (!Object.hasOwn(left, key) && !isNothing(right[key])) return false
  return true
}
