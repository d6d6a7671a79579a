// What a change does to everybody's ownership.
import { type ApplyConflict, DecodeError } from '../engines.ts'
import type { StructSchema } from '../schema/types.ts'
import type { KubeObject } from '../types.ts'
import { type Comparison, compare } from './compare.ts'
import { difference, type FieldSet, intersection, isEmpty, LEAF, paths, recursiveDifference, setOf, union } from './field-set.ts'
import { type Manager, type Managers, type MutableManagers, put } from './managers.ts'

/** An object as another version shows it; undefined when that version is not served any more. */
export type Convert = (object: KubeObject, apiVersion: string) => { readonly object: KubeObject; readonly schema: StructSchema } | undefined

/** What never counts as anybody's: the object's identity, and what only the server sets. */
const NEVER_OWNED: FieldSet = {
  'f:apiVersion': LEAF,
  'f:kind': LEAF,
  'f:metadata': {
    '.': LEAF,
    ...Object.fromEntries(
      ['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion'].map(
        name => [`f:${name}`, LEAF],
      ),
    ),
  },
}

export const withoutIdentity = (set: FieldSet): FieldSet => difference(set, NEVER_OWNED)

/** The paths that an endpoint resets, as a set. */
export const resetSet = (resetFields: readonly (readonly string[])[]): FieldSet =>
  resetFields.map(path => setOf(path.map(name => `f:${name}`))).reduce(union, {})

export function without({ added, modified, removed }: Comparison, reset: FieldSet): Comparison {
  return {
    added: recursiveDifference(added, reset),
    modified: recursiveDifference(modified, reset),
    removed: recursiveDifference(removed, reset),
  }
}

export interface Conflict {
  readonly manager: Manager
  readonly id: string
  readonly set: FieldSet
}

/**
 * Takes from all managers but `self` what the change gave another value, and from everybody what is gone. In place.
 * Answers what was taken for another value: the conflicts of an apply.
 */
export function giveUp(
  managers: MutableManagers,
  self: string | undefined,
  apiVersion: string,
  change: Comparison,
  inVersion: (apiVersion: string) => Comparison | undefined,
): Conflict[] {
  const conflicts: Conflict[] = []
  for (const [id, manager] of [...managers]) {
    if (id === self) continue
    const seen = manager.apiVersion === apiVersion ? change : inVersion(manager.apiVersion)
    if (seen === undefined) {
      managers.delete(id)
      continue
    }
    const changed = union(seen.modified, seen.added)
    const taken = isEmpty(changed) ? changed : intersection(manager.set, changed)
    if (!isEmpty(taken)) conflicts.push({ manager, id, set: taken })
    if (isEmpty(taken) && isEmpty(seen.removed)) continue
    put(managers, id, { ...manager, set: difference(difference(manager.set, taken), seen.removed) })
  }
  return conflicts
}

/** Comparisons of the same two objects in other versions, made once each. @throws DecodeError where a version cannot show them */
export function comparisons(
  before: KubeObject,
  after: KubeObject,
  convert: Convert | undefined,
  reset: FieldSet,
): (apiVersion: string) => Comparison | undefined {
  const known = new Map<string, Comparison | undefined>()
  return apiVersion => {
    const converted = (which: string, object: KubeObject) => {
      try {
        return convert?.(object, apiVersion)
      } catch (error) {
        if (error instanceof DecodeError) throw new DecodeError(`failed to convert ${which} object: ${error.message}`)
        throw error
      }
    }
    if (!known.has(apiVersion)) {
      const was = converted('old', before)
      const is = converted('new', after)
      known.set(apiVersion, was && is ? without(compare(was.object, is.object, is.schema), reset) : undefined)
    }
    return known.get(apiVersion)
  }
}

/** Each conflicting path, and the message about all of them. */
export function describeConflicts(conflicts: readonly Conflict[]): { message: string; conflicts: readonly ApplyConflict[] } {
  const sorted = [...conflicts].sort((a, b) => (a.id < b.id ? -1 : 1))
  const each = sorted.flatMap(({ manager, set }) => [...paths(set)].map(field => ({ message: `conflict with ${nameOf(manager)}`, field })))
  if (each.length === 1) return { message: `Apply failed with 1 conflict: ${each[0]!.message}: ${each[0]!.field}`, conflicts: each }
  const lines = sorted.flatMap(({ manager, set }) => [`conflicts with ${nameOf(manager)}:`, ...[...paths(set)].map(field => `- ${field}`)])
  return { message: `Apply failed with ${each.length} conflicts: ${lines.join('\n')}`, conflicts: each }
}

function nameOf({ manager, operation, apiVersion, subresource }: Manager): string {
  const part = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`
  return `${JSON.stringify(manager)}${part}${operation === 'Update' ? ` using ${apiVersion}` : ''}`
}

/** All that the managers of each version own together. */
export function ownedByVersion(managers: Managers): Map<string, FieldSet> {
  const owned = new Map<string, FieldSet>()
  for (const { apiVersion, set } of managers.values()) owned.set(apiVersion, union(owned.get(apiVersion) ?? {}, set))
  return owned
}
