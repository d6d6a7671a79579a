// metadata.managedFields: who owns what, read into a map and written back. An entry is one manager with one operation, API version
// and subresource; appliers keep one entry when they change the version.
import type { ManagedFieldsEntry } from '../../api/meta/v1.ts'
import { type FieldSet, isEmpty, union } from './field-set.ts'

export interface Manager {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly subresource: string
  readonly time: string | undefined
  readonly set: FieldSet
}

/** By identity. */
export type Managers = ReadonlyMap<string, Manager>
export type MutableManagers = Map<string, Manager>

export type ManagerName = Pick<Manager, 'manager' | 'operation' | 'apiVersion' | 'subresource'>

/** Identities compare as upstream's do: their order decides ties in the order of entries and in messages. */
export function identityOf({ manager, operation, apiVersion, subresource }: ManagerName): string {
  return JSON.stringify({
    ...(manager === '' ? {} : { manager }),
    operation,
    ...(operation === 'Apply' ? {} : { apiVersion }),
    ...(subresource === '' ? {} : { subresource }),
  })
}

/** Undefined when the entries are not valid: then they count for nothing. */
export function readManagers(entries: unknown): MutableManagers | undefined {
  const managers: MutableManagers = new Map()
  if (entries === undefined || entries === null) return managers
  if (!Array.isArray(entries)) return undefined
  for (const entry of entries as (ManagedFieldsEntry | null)[]) {
    if (entry === null || typeof entry !== 'object') return undefined
    const { manager = '', operation, apiVersion = '', subresource = '', time, fieldsType, fieldsV1 } = entry
    if ((operation !== 'Apply' && operation !== 'Update') || apiVersion === '' || fieldsType !== 'FieldsV1') return undefined
    const set = (fieldsV1 ?? {}) as FieldSet
    if (!isFieldSet(set)) return undefined
    const one: Manager = { manager, operation, apiVersion, subresource, time: time ?? undefined, set }
    managers.set(identityOf(one), one)
  }
  return managers
}

function isFieldSet(value: unknown): value is FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  for (const element in value) if (!/^(?:\.$|[fkvi]:)/.test(element) || !isFieldSet((value as FieldSet)[element])) return false
  return true
}

/** The way to forget all managers: a list with one empty entry. */
export const isReset = (entries: unknown): boolean =>
  Array.isArray(entries) &&
  entries.length === 1 &&
  typeof entries[0] === 'object' &&
  entries[0] !== null &&
  Object.keys(entries[0]).length === 0

/** Appliers first, then by time (oldest first), then by name. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined
  return [...managers.values()].sort(compareManagers).map(({ manager, operation, apiVersion, time, set, subresource }) => ({
    ...(manager === '' ? {} : { manager }),
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: set as Record<string, unknown>,
    ...(subresource === '' ? {} : { subresource }),
  }))
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

function compareManagers(a: Manager, b: Manager): number {
  return (
    compareText(a.operation, b.operation) ||
    compareText(a.time ?? '', b.time ?? '') ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  )
}

const MOST_UPDATERS = 10
const ANCIENT = 'ancient-changes'

/** Objects that many clients write must not grow without end: beyond ten, the oldest updaters of a version become one. In place. */
export function capUpdaters(managers: MutableManagers): void {
  const updaters = [...managers].filter(([, { operation }]) => operation === 'Update')
  let count = updaters.length
  if (count <= MOST_UPDATERS) return
  updaters.sort(([idA, a], [idB, b]) => compareText(a.time ?? '', b.time ?? '') || compareText(idA, idB))
  const firstOf = new Map<string, string>()
  for (const [id, updater] of updaters) {
    if (count <= MOST_UPDATERS) return
    const { apiVersion } = updater
    const bucket: ManagerName = { manager: ANCIENT, operation: 'Update', apiVersion, subresource: '' }
    const bucketId = identityOf(bucket)
    const first = firstOf.get(apiVersion)
    if (first === undefined) {
      firstOf.set(apiVersion, id)
      continue
    }
    const gathered = managers.get(bucketId) ?? managers.get(first)
    if (!managers.has(bucketId)) managers.delete(first)
    managers.delete(id)
    managers.set(bucketId, { ...bucket, time: updater.time, set: union(updater.set, gathered?.set ?? {}) })
    count--
  }
}

/** Sets or drops an entry, by whether it holds anything. In place. */
export function put(managers: MutableManagers, id: string, manager: Manager): void {
  if (isEmpty(manager.set)) managers.delete(id)
  else managers.set(id, manager)
}
