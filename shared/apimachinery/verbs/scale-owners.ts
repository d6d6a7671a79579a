// Managed fields of the scale subresource: they are the parent's, seen through a window of one field. Who owns the parent's
// spec.replicas owns the Scale's, and the other way round (k8s.io/apimachinery/pkg/util/managedfields, ScaleHandler).
import { clone, equal } from '../objects.ts'
import type { ManagedFieldsEntry } from '../types.ts'

type Fields = Record<string, unknown>

const REPLICAS = { 'f:spec': { 'f:replicas': {} } }
const SCALE_VERSION = 'autoscaling/v1'

const specOf = ({ fieldsV1 }: ManagedFieldsEntry) => (fieldsV1 as Fields | undefined)?.['f:spec'] as Fields | undefined
const ownsReplicas = (entry: ManagedFieldsEntry) => specOf(entry)?.['f:replicas'] !== undefined

export function ownersOfScale(parent: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  return parent
    .filter(ownsReplicas)
    .map(entry => ({ ...entry, apiVersion: SCALE_VERSION, fieldsV1: clone(REPLICAS) as ManagedFieldsEntry['fieldsV1'] }))
}

const sameOwner = (a: ManagedFieldsEntry, b: ManagedFieldsEntry) =>
  a.manager === b.manager && a.operation === b.operation && (a.subresource ?? '') === (b.subresource ?? '')

/** The parent's entries after the Scale's owners changed. `apiVersion` is the parent's. */
export function ownersOfParent(
  parent: readonly ManagedFieldsEntry[],
  scale: readonly ManagedFieldsEntry[],
  apiVersion: string,
): ManagedFieldsEntry[] {
  const owners = scale.filter(ownsReplicas)
  const kept = parent
    .map(entry => (ownsReplicas(entry) && !owners.some(owner => sameOwner(owner, entry)) ? withoutReplicas(entry) : entry))
    .filter(entry => entry !== undefined)
  const added = owners
    .filter(owner => !parent.some(entry => sameOwner(owner, entry) && ownsReplicas(entry)))
    // Who comes to own the number this way gets no time, as upstream: the parent knows of none.
    .map(({ time: _, ...owner }) => ({ ...owner, apiVersion, fieldsV1: clone(REPLICAS) as ManagedFieldsEntry['fieldsV1'] }))
  return [...kept, ...added]
}

/** Undefined when nothing is left. */
function withoutReplicas(entry: ManagedFieldsEntry): ManagedFieldsEntry | undefined {
  const fields = clone(entry.fieldsV1) as Fields
  const spec = fields['f:spec'] as Fields
  delete spec['f:replicas']
  if (equal(spec, {}) || equal(spec, { '.': {} })) delete fields['f:spec']
  return Object.keys(fields).length === 0 ? undefined : { ...entry, fieldsV1: fields as ManagedFieldsEntry['fieldsV1'] }
}
