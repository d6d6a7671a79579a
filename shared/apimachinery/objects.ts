// Small things done to objects as plain JSON. An absent member and one that is undefined are the same everywhere.
import type { KubeObject } from './types.ts'

/** A member by a name that a client chose: what every JavaScript object inherits ("constructor", "__proto__") is none. */
export function member<T>(object: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined
}

/** Assigning to "__proto__" would change what the object is instead of giving it a member. */
export function setMember<T>(object: Record<string, T>, name: string, value: T): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
  else object[name] = value
}

/** A deep copy without undefined members. Several times faster than structuredClone on plain data. */
export function clone<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(clone) as T
  const copy: Record<string, unknown> = {}
  for (const key in value) {
    const one = value[key]
    if (one !== undefined) setMember(copy, key, typeof one === 'object' ? clone(one) : one)
  }
  return copy as T
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) if (!equal(a[i], b[i])) return false
    return true
  }
  if (Array.isArray(b)) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key in left) if (!equal(left[key], member(right, key))) return false
  for (const key in right) if (right[key] !== undefined && member(left, key) === undefined) return false
  return true
}

/** Same object but for the times in managedFields: a write that changes only those is no write. */
export function equalButForTimes(a: KubeObject, b: KubeObject): boolean {
  if (!equalExcept(a, b, 'metadata')) return false
  if (!equalExcept(a.metadata, b.metadata, 'managedFields')) return false
  const left = a.metadata.managedFields ?? []
  const right = b.metadata.managedFields ?? []
  return left.length === right.length && left.every((entry, i) => equalExcept(entry, right[i] ?? {}, 'time'))
}

function equalExcept(a: object, b: object, except: string): boolean {
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key in left) if (key !== except && !equal(left[key], member(right, key))) return false
  for (const key in right) if (key !== except && right[key] !== undefined && member(left, key) === undefined) return false
  return true
}

/** RFC 3339 in whole seconds, as metav1.Time is written. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** A member by path, e.g. ["spec", "replicas"]. */
export function dig(object: unknown, path: readonly string[]): unknown {
  let value = object
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = member(value as Record<string, unknown>, key)
  }
  return value
}
