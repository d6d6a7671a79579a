// Managed fields of the scale subresource: they are the parent's, seen through a window of one field. Who owns the parent's number of
// replicas owns the Scale's, and the other way round (k8s.io/apimachinery/pkg/util/managedfields, ScaleHandler).
//
// Managers are told apart as everywhere: updaters by their API version too. A Scale is autoscaling/v1 and its parent is not, so an
// updater that keeps the number is another one afterwards: it gets a second entry with the number alone, which has no time and is
// lost, as the earlier of two entries of one manager, when somebody reads them next. So a write that changes nothing is one, twice.
import { difference, type FieldSet, has, isEmpty, setOf } from '../apply/field-set.ts'
import { identityOf, type Manager, readManagers, writeManagers } from '../apply/managers.ts'
import type { ManagedFieldsEntry } from '../types.ts'

const SCALE_VERSION = 'autoscaling/v1'
const REPLICAS = ['f:spec', 'f:replicas'] as const

/** Where a version of the parent has its number: null where it has no scale, undefined where it is not known any more. */
export type ReplicasPaths = (apiVersion: string) => readonly string[] | null | undefined

const fieldsOf = (path: readonly string[]): string[] => path.map(name => `f:${name}`)

function owns(set: FieldSet, path: readonly string[]): boolean {
  let node = set
  for (const element of path.slice(0, -1)) node = node[element] ?? {}
  return has(node, path.at(-1) ?? '')
}

export function ownersOfScale(parent: readonly ManagedFieldsEntry[] | undefined, pathOf: ReplicasPaths): ManagedFieldsEntry[] {
  const owners = [...(readManagers(parent) ?? new Map<string, Manager>()).values()].filter(({ apiVersion, set }) => {
    const path = pathOf(apiVersion)
    return path && owns(set, fieldsOf(path))
  })
  return entriesOf(owners.map(owner => ({ ...owner, apiVersion: SCALE_VERSION, set: setOf(REPLICAS) })))
}

/** The parent's entries after the Scale's owners changed. `apiVersion` is the parent's. */
export function ownersOfParent(
  parent: readonly ManagedFieldsEntry[] | undefined,
  scale: readonly ManagedFieldsEntry[] | undefined,
  apiVersion: string,
  pathOf: ReplicasPaths,
): ManagedFieldsEntry[] {
  const before = readManagers(parent) ?? new Map<string, Manager>()
  const owners = readManagers(scale) ?? new Map<string, Manager>()
  const after: Manager[] = []
  for (const [id, manager] of before) {
    const path = pathOf(manager.apiVersion)
    if (path === undefined) continue
    const own = path === null ? [] : fieldsOf(path)
    if (path === null || !owns(manager.set, own)) after.push(manager)
    else if (owners.delete(id)) after.push(manager)
    else {
      const set = difference(manager.set, setOf(own))
      if (!isEmpty(set)) after.push({ ...manager, set })
    }
  }
  const path = fieldsOf(pathOf(apiVersion) ?? [])
  for (const [id, owner] of owners) {
    // Who comes to own the number this way gets no time: the parent knows of none.
    if (owns(owner.set, REPLICAS)) after.push({ ...owner, apiVersion, time: before.get(id)?.time, set: setOf(path) })
  }
  return entriesOf(after)
}

/** Two may have one name. */
const entriesOf = (managers: readonly Manager[]): ManagedFieldsEntry[] =>
  writeManagers(new Map(managers.map((manager, i) => [`${identityOf(manager)} ${i}`, manager]))) ?? []
