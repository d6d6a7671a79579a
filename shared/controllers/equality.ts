// Comparing parts of objects as the API means them.
import { member } from '../apimachinery/objects.ts'

/** Equal as JSON: a member that is undefined is as one that is absent; the order of members does not matter, that of items does. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]))
  }
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const name in left) if (!equal(left[name], member(right, name))) return false
  for (const name in right) if (right[name] !== undefined && member(left, name) === undefined) return false
  return true
}

/** JSON with members in order: the same text for equal values. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}
