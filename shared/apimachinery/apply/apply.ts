// Server-side apply: the live object with a configuration over it, without what its applier used to say and says no more.
import type { ManagedFieldsEntry } from '../../api/meta/v1.ts'
import { decodeValue } from '../codec/decode.ts'
import { ApplyConflictError, type ApplyOptions, DecodeError } from '../engines.ts'
import { schemaOf } from '../schema/schemas.ts'
import type { StructSchema } from '../schema/types.ts'
import type { KubeObject } from '../types.ts'
import { compare } from './compare.ts'
import { difference, type FieldSet, intersection, isEmpty, recursiveDifference, union } from './field-set.ts'
import { allowedByLastApplied, updateLastApplied } from './last-applied.ts'
import { capUpdaters, identityOf, type Manager, type MutableManagers, put, readManagers } from './managers.ts'
import { merge } from './merge.ts'
import { type Conflict, comparisons, describeConflicts, giveUp, ownedByVersion, resetSet, without, withoutIdentity } from './ownership.ts'
import { removeItems } from './remove-items.ts'
import { toFieldSet, withNamedMembers } from './to-field-set.ts'
import { recordUpdate, setManagedFields, timeText, zeroObject } from './track-update.ts'
import { configurationProblems, problemsText } from './validate.ts'
import { sameValue } from './values.ts'

interface Applied {
  /** Undefined when the live object is already so. */
  readonly object: KubeObject | undefined
  readonly managers: MutableManagers
  readonly conflicts: readonly Conflict[]
}

/**
 * The new object with its managed fields, without defaults. Neither argument is changed. `live` and the configuration are of the
 * version that `options` names.
 * @throws ApplyConflictError when others own, with other values, what the configuration sets, unless `options.force`
 * @throws DecodeError when the configuration does not fit its type
 */
export function applyConfiguration(live: KubeObject | undefined, configuration: KubeObject, options: ApplyOptions): KubeObject {
  const schema = schemaOf(options.schema)
  const problems = configurationProblems(configuration, schema)
  if (problems.length > 0) {
    throw new DecodeError(`failed to create typed patch object (${describe(configuration)}): ${problemsText(problems)}`)
  }
  const before = live === undefined ? zeroObject(schema) : withoutManagedFields(live)
  const managers = readManagers(live?.metadata.managedFields) ?? new Map()
  if (managers.size === 0 && live !== undefined) {
    recordUpdate(managers, undefined, before, { ...options, manager: 'before-first-apply' })
  }
  const applied = applyWithLastApplied(before, configuration, schema, managers, options)
  // Values are still as the configuration wrote them; the type makes them canonical, and drops the nulls that pruning left.
  const object = decodeValue(structuredClone(applied.object ?? before), schema).object
  if (options.manager === 'kubectl') updateLastApplied(object, configuration)
  setManagedFields(object, applied.managers)
  return object
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata as KubeObject['metadata'] & { managedFields?: ManagedFieldsEntry[] }
  return { ...object, metadata }
}

function describe({ apiVersion, kind, metadata }: KubeObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}; ${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`
}

/** kubectl moves from client-side apply without conflicts: what its annotation says, and the object still has, is its own. */
function applyWithLastApplied(
  live: KubeObject,
  configuration: KubeObject,
  schema: StructSchema,
  managers: MutableManagers,
  options: ApplyOptions,
): Applied {
  const applied = applyOnce(live, configuration, schema, new Map(managers), options)
  if (options.force || applied.conflicts.length === 0) return applied
  const allowed = options.manager === 'kubectl' ? allowedByLastApplied(live, schema, options.apiVersion) : undefined
  const left = applied.conflicts
    .map(conflict => (allowed === undefined ? conflict : { ...conflict, set: difference(conflict.set, allowed) }))
    .filter(({ set }) => !isEmpty(set))
  if (left.length > 0) {
    const { message, conflicts } = describeConflicts(left)
    throw new ApplyConflictError(message, conflicts)
  }
  return applyOnce(live, configuration, schema, new Map(managers), { ...options, force: true })
}

function applyOnce(
  live: KubeObject,
  configuration: KubeObject,
  schema: StructSchema,
  managers: MutableManagers,
  options: ApplyOptions,
): Applied {
  const { manager, apiVersion, subresource, resetFields, convert } = options
  const reset = resetSet(resetFields)
  const name = { manager, operation: 'Apply', apiVersion, subresource } as const
  const self = identityOf(name)
  const last = managers.get(self)
  const set = recursiveDifference(toFieldSet(configuration, schema), reset)
  managers.set(self, { ...name, time: last?.time, set })
  const merged = merge(live, configuration, schema) as KubeObject
  const object = last === undefined || isEmpty(last.set) ? merged : prune(merged, schema, managers, last, options)
  const change = without(compare(live, object, schema), reset)
  const conflicts = giveUp(managers, self, apiVersion, change, comparisons(live, object, convert, reset))
  const own = managers.get(self)
  const changed = !sameValue(live, object)
  if (own !== undefined) put(managers, self, { ...own, time: changed ? timeText(options.now) : own.time, set: withoutIdentity(own.set) })
  capUpdaters(managers)
  return { object: changed ? object : undefined, managers, conflicts }
}

/** Takes away what the applier owned and does not say any more, unless somebody else owns it. */
function prune(
  merged: KubeObject,
  schema: StructSchema,
  managers: MutableManagers,
  last: Manager,
  { apiVersion, convert }: ApplyOptions,
): KubeObject {
  const inVersion = (object: KubeObject, from: string, to: string) => {
    if (to === from && to === apiVersion) return { object, schema }
    return convert?.(object, to)
  }
  const start = inVersion(merged, apiVersion, last.apiVersion)
  if (start === undefined) return merged
  const named = (object: object, type: StructSchema) => withNamedMembers(toFieldSet(object, type), type)
  const type = start.schema
  const lastSet = withNamedMembers(last.set, type)
  let pruned = removeItems(start.object, lastSet, type) as KubeObject
  let prunedVersion = last.apiVersion

  const owned = ownedByVersion(managers)
  const versions = [last.apiVersion, ...[...owned.keys()].filter(version => version !== last.apiVersion)]
  for (const version of versions) {
    const ownedHere = owned.get(version)
    if (ownedHere === undefined) continue
    const whole = version === last.apiVersion ? start : inVersion(merged, apiVersion, version)
    const part = version === prunedVersion ? { object: pruned, schema: whole?.schema } : convert?.(pruned, version)
    if (whole === undefined || part === undefined) continue
    const here = whole.schema
    const keep = union(named(part.object, here), withNamedMembers(ownedHere, here))
    pruned = removeItems(whole.object, difference(named(whole.object, here), keep), here) as KubeObject
    prunedVersion = version
  }

  // What the applier never owned comes back, although it stood below something that went.
  const back = prunedVersion === last.apiVersion ? { object: pruned } : convert?.(pruned, last.apiVersion)
  if (back === undefined) return merged
  const all: FieldSet = named(start.object, type)
  const gone = intersection(difference(all, named(back.object, type)), lastSet)
  pruned = removeItems(start.object, gone, type) as KubeObject
  if (last.apiVersion === apiVersion) return pruned
  return convert?.(pruned, apiVersion)?.object ?? merged
}
