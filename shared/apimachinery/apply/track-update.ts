// Managed fields of every write that is no apply.

import { fillZeros } from '../codec/zero.ts'
import { DecodeError, type ManagedFieldsOptions } from '../engines.ts'
import { schemaOf } from '../schema/schemas.ts'
import type { StructSchema } from '../schema/types.ts'
import type { KubeObject } from '../types.ts'
import { compare } from './compare.ts'
import { isEmpty, union } from './field-set.ts'
import { capUpdaters, identityOf, isReset, type ManagerName, type MutableManagers, readManagers, writeManagers } from './managers.ts'
import { comparisons, giveUp, resetSet, without, withoutIdentity } from './ownership.ts'

const zeros = new WeakMap<StructSchema, KubeObject>()

/** What a new object of the type is before anybody writes to it: what is there by itself belongs to nobody. */
export function zeroObject(schema: StructSchema): KubeObject {
  let zero = zeros.get(schema)
  if (zero === undefined) {
    const empty: Record<string, unknown> = {}
    fillZeros(empty, schema)
    zero = empty as unknown as KubeObject
    zeros.set(schema, zero)
  }
  return zero
}

/** Sets metadata.managedFields of `object`. `old` undefined: a creation. Both are of the version that `options` names. */
export function trackUpdate(object: KubeObject, old: KubeObject | undefined, options: ManagedFieldsOptions): void {
  const managers = managersFor(object, old, options)
  delete object.metadata.managedFields
  // An object that was created without being tracked stays so until somebody applies.
  if (managers.size > 0 || old === undefined) recordOrForget(managers, old, object, options)
  setManagedFields(object, managers)
}

/** Where the object cannot be seen as an owner sees it, nobody is left who owns anything. */
function recordOrForget(managers: MutableManagers, old: KubeObject | undefined, object: KubeObject, options: ManagedFieldsOptions): void {
  try {
    recordUpdate(managers, old, object, options)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    managers.clear()
  }
}

export function setManagedFields(object: KubeObject, managers: MutableManagers): void {
  const entries = writeManagers(managers)
  if (entries === undefined) delete object.metadata.managedFields
  else object.metadata.managedFields = entries
}

/** A client may rewrite the managed fields, but not lose them by not knowing them; writes to a part of the object never touch them. */
function managersFor(object: KubeObject, old: KubeObject | undefined, { subresource }: ManagedFieldsOptions): MutableManagers {
  const live = () => readManagers(old?.metadata.managedFields) ?? new Map()
  if (subresource !== '') return live()
  const sent = object.metadata.managedFields
  if (isReset(sent)) return new Map()
  const managers = readManagers(sent)
  return managers === undefined || managers.size === 0 ? live() : managers
}

/** Gives the writer what changed, and takes it from the others. In place. */
export function recordUpdate(
  managers: MutableManagers,
  old: KubeObject | undefined,
  object: KubeObject,
  { manager, apiVersion, subresource, schema: schemaName, now, resetFields, convert }: ManagedFieldsOptions,
): void {
  const schema = schemaOf(schemaName)
  const reset = resetSet(resetFields)
  const before = old ?? zeroObject(schema)
  const change = without(compare(before, object, schema), reset)
  giveUp(managers, undefined, apiVersion, change, comparisons(before, object, convert, reset))
  const won = withoutIdentity(union(change.modified, change.added))
  if (!isEmpty(won)) {
    const name: ManagerName = { manager, operation: 'Update', apiVersion, subresource }
    const id = identityOf(name)
    managers.set(id, { ...name, time: timeText(now), set: union(won, managers.get(id)?.set ?? {}) })
  }
  capUpdaters(managers)
}

export const timeText = (now: number): string => `${new Date(now).toISOString().slice(0, 19)}Z`
