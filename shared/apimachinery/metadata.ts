// metadata: what the server fills in, and what it does not accept (k8s.io/apimachinery/pkg/api/validation).
import { randomInt, randomUUID } from 'node:crypto'
import { type FieldError, forbidden, invalid, required, tooLong } from './field-error.ts'
import { isDNS1123Label, isDNS1123Subdomain, isLabelKey, isLabelValue, isQualifiedName } from './names.ts'
import { equal, formatTime } from './objects.ts'
import type { ResourceDefinition } from './resource.ts'
import type { ObjectMeta, OwnerReference } from './types.ts'

const GENERATED_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
const GENERATED_LENGTH = 5
const MAX_GENERATED_PREFIX = 63 - GENERATED_LENGTH
const MAX_ANNOTATION_BYTES = 256 * 1024

/** Five characters that form no words. */
export function randomSuffix(): string {
  let suffix = ''
  for (let i = 0; i < GENERATED_LENGTH; i++) suffix += GENERATED_ALPHABET[randomInt(GENERATED_ALPHABET.length)]
  return suffix
}

/** The prefix, cut to leave room, and a random suffix. */
export const generateName = (prefix: string) => prefix.slice(0, MAX_GENERATED_PREFIX) + randomSuffix()

/** What a client may say about a new object's identity does not count. In place. */
export function fillSystemFields(metadata: ObjectMeta, now: number): void {
  metadata.uid = randomUUID()
  metadata.creationTimestamp = formatTime(now)
  delete metadata.deletionTimestamp
  delete metadata.deletionGracePeriodSeconds
  delete metadata.selfLink
}

/** Removes later references to an owner that is already there; answers the repeated UIDs. In place. */
export function dedupeOwners(metadata: ObjectMeta): string[] {
  const owners = metadata.ownerReferences
  if (owners === undefined || owners.length < 2) return []
  const kept: OwnerReference[] = []
  const repeated = new Set<string>()
  for (const owner of owners) {
    if (kept.some(other => equal(other, owner))) repeated.add(owner.uid)
    else kept.push(owner)
  }
  if (repeated.size > 0) metadata.ownerReferences = kept
  return [...repeated]
}

const nameErrors = (definition: ResourceDefinition, name: string) => definition.validateName?.(name) ?? isDNS1123Subdomain(name)

export function validateMetadata(metadata: ObjectMeta, definition: ResourceDefinition): FieldError[] {
  const errors: FieldError[] = []
  if (metadata.generateName) {
    // A prefix may end where a name may not; upstream looks at it with a letter in place of what comes before a last dash, and of the dash.
    const prefix = metadata.generateName.replace(/.-$/, 'a')
    errors.push(...nameErrors(definition, prefix).map(why => invalid('metadata.generateName', metadata.generateName, why)))
  }
  if (!metadata.name) errors.push(required('metadata.name', 'name or generateName is required'))
  else errors.push(...nameErrors(definition, metadata.name).map(why => invalid('metadata.name', metadata.name, why)))
  if (definition.namespaced) {
    if (!metadata.namespace) errors.push(required('metadata.namespace'))
    else errors.push(...isDNS1123Label(metadata.namespace).map(why => invalid('metadata.namespace', metadata.namespace, why)))
  } else if (metadata.namespace) errors.push(forbidden('metadata.namespace', 'not allowed on this type'))
  if ((metadata.generation ?? 0) < 0) errors.push(invalid('metadata.generation', metadata.generation, 'must be greater than or equal to 0'))
  errors.push(
    ...commonErrors(metadata),
    ...finalizerErrors(metadata.finalizers ?? []),
    ...(definition.plainFinalizers ? [] : standardFinalizerErrors(metadata.finalizers ?? [])),
  )
  return errors
}

/**
 * Upstream looks at metadata as a whole, then at what changed, for every kind; and once more in the kind's own rules, as far as each
 * kind does. Every cause is listed as often as it is found.
 */
export function validateMetadataOfUpdate(
  metadata: ObjectMeta,
  old: ObjectMeta,
  { plainFinalizers = false, metadataOnUpdate = 'change' }: ResourceDefinition,
  isPart: boolean,
): FieldError[] {
  const { finalizers = [] } = metadata
  const change = () => validateMetadataUpdate(metadata, old)
  const whole = () => [...commonErrors(metadata), ...finalizerErrors(finalizers)]
  const names = () => (plainFinalizers ? [] : standardFinalizerErrors(finalizers))
  const errors = [...whole(), ...change()]
  const own = isPart && metadataOnUpdate !== 'none' ? 'change' : metadataOnUpdate
  if (own === 'change' || own === 'both') errors.push(...change(), ...names())
  if (own === 'whole' || own === 'both') errors.push(...whole(), ...names())
  return errors
}

function validateMetadataUpdate(metadata: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = []
  if (old.deletionTimestamp !== undefined) {
    const added = (metadata.finalizers ?? []).filter(finalizer => !old.finalizers?.includes(finalizer))
    if (added.length > 0) {
      const list = JSON.stringify([...added].sort())
      errors.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list.slice(1, -1).replaceAll(',', ', ')}}`,
        ),
      )
    }
  }
  if ((metadata.generation ?? 0) < (old.generation ?? 0))
    errors.push(invalid('metadata.generation', metadata.generation, 'must not be decremented'))
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (!equal(metadata[field] ?? '', old[field] ?? '')) errors.push(invalid(`metadata.${field}`, metadata[field], 'field is immutable'))
  }
  errors.push(...commonErrors(metadata))
  return errors
}

export function commonErrors(metadata: ObjectMeta): FieldError[] {
  return [
    ...validateLabels(metadata.labels, 'metadata.labels'),
    ...validateAnnotations(metadata.annotations, 'metadata.annotations'),
    ...ownerErrors(metadata.ownerReferences ?? []),
  ]
}

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  const errors: FieldError[] = []
  for (const [key, value] of Object.entries(labels ?? {})) {
    errors.push(...isLabelKey(key).map(why => invalid(field, key, why)))
    errors.push(...isLabelValue(value).map(why => invalid(field, value, why)))
  }
  return errors
}

export function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  const errors: FieldError[] = []
  let size = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...isQualifiedName(key.toLowerCase()).map(why => invalid(field, key, why)))
    size += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (size > MAX_ANNOTATION_BYTES) errors.push(tooLong(field, MAX_ANNOTATION_BYTES))
  return errors
}

function ownerErrors(owners: readonly OwnerReference[]): FieldError[] {
  const errors: FieldError[] = []
  const field = 'metadata.ownerReferences'
  let controller: OwnerReference | undefined
  for (const owner of owners) {
    const version = (owner.apiVersion ?? '').split('/').at(-1) ?? ''
    if (version === '') errors.push(invalid(`${field}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'))
    for (const member of ['kind', 'name', 'uid'] as const) {
      if (!owner[member]) errors.push(invalid(`${field}.${member}`, owner[member] ?? '', 'must not be empty'))
    }
    if (owner.kind === 'Event' && owner.apiVersion === 'v1')
      errors.push(invalid(field, owner, '/v1, Kind=Event is disallowed from being an owner'))
    if (owner.controller !== true) continue
    if (controller !== undefined) {
      errors.push(
        invalid(
          field,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller.kind}/${controller.name} and ${owner.kind}/${owner.name}`,
        ),
      )
    }
    controller = owner
  }
  return errors
}

function finalizerErrors(finalizers: readonly string[]): FieldError[] {
  const errors = finalizers.flatMap(finalizer => isQualifiedName(finalizer).map(why => invalid('metadata.finalizers', finalizer, why)))
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(invalid('metadata.finalizers', finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'))
  }
  return errors
}

const STANDARD_FINALIZERS = ['kubernetes', 'orphan', 'foregroundDeletion']

export function standardFinalizerErrors(finalizers: readonly string[]): FieldError[] {
  return finalizers.flatMap((finalizer, i) =>
    finalizer.includes('/') || STANDARD_FINALIZERS.includes(finalizer)
      ? []
      : [invalid(`metadata.finalizers[${i}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')],
  )
}

const ORDER = [
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
] as const

const MAPS = ['labels', 'annotations', 'managedFields'] as const

/** The same, with maps by name as Go prints them: for messages that show metadata. */
export function printedMetadata(metadata: ObjectMeta): ObjectMeta {
  const shown = { ...ordered(metadata) } as Record<string, unknown>
  for (const name of MAPS) if (shown[name] !== undefined) shown[name] = byName(shown[name], name === 'managedFields')
  return shown as unknown as ObjectMeta
}

/** Entries of managed fields are structs: only what they hold is a map. */
function byName(value: unknown, isStruct: boolean): unknown {
  if (Array.isArray(value)) return value.map(item => byName(item, isStruct))
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value)
  if (!isStruct) members.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, one]) => [name, byName(one, false)]))
}

/** The members in the order in which upstream writes them, for people who read JSON. */
export function ordered(metadata: ObjectMeta): ObjectMeta {
  const sorted: Record<string, unknown> = {}
  for (const key of ORDER) if (metadata[key] !== undefined) sorted[key] = metadata[key]
  return sorted as unknown as ObjectMeta
}
