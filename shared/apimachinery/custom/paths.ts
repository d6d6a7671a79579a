// Simple paths, as in ".spec.replicas": into an object and out of it.
import { member, setMember } from '../objects.ts'

/** ".spec.replicas" -> ["spec", "replicas"] */
export const splitPath = (path: string): string[] => path.replace(/^\./, '').split('.')

/** What is there, or undefined. */
export function valueAt(object: unknown, path: readonly string[]): unknown {
  let value = object
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    value = member(value as Record<string, unknown>, name)
  }
  return value
}

/** In place; what is missing on the way is made. */
export function setAt(object: object, path: readonly string[], value: unknown): void {
  let at = object as Record<string, unknown>
  for (const name of path.slice(0, -1)) {
    const next = member(at, name)
    const inner = typeof next === 'object' && next !== null && !Array.isArray(next) ? (next as Record<string, unknown>) : {}
    if (inner !== next) setMember(at, name, inner)
    at = inner
  }
  setMember(at, path.at(-1) ?? '', value)
}
