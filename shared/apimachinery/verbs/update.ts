// PUT and everything else that replaces an object which is there: one compare-and-swap loop for main endpoints, parts and scale
// (k8s.io/apiserver/pkg/registry/rest, BeforeUpdate, and its store's Update).

import { ConflictError, NotFoundError, type Stored } from '../../store/types.ts'
import type { Attributes } from '../admission.ts'
import type { RequestContext } from '../context.ts'
import { type FieldError, invalid } from '../field-error.ts'
import { keyOf, type Machinery, type Target, toStorage, toVersion } from '../machinery.ts'
import { ordered, validateMetadataOfUpdate } from '../metadata.ts'
import { equal, equalButForTimes, setMember } from '../objects.ts'
import { unsignedError } from '../request/options.ts'
import type { Begun, PartStrategy } from '../resource.ts'
import * as status from '../status-error.ts'
import { StatusError } from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { checkNamespace, invalidStatus, storeNew, undo, warnAboutOwners, write } from './create.ts'
import { managedFieldsOptions } from './managed-fields.ts'

export interface Updated {
  readonly object: KubeObject
  readonly created: boolean
}

export interface UpdateRequest {
  /** Undefined for the main endpoint. */
  readonly part?: string
  /**
   * The object as it shall be, in the endpoint's version, owned by the caller of this function. Called again after a lost race;
   * `current` is in the endpoint's version too, and shared. Undefined: there is none.
   */
  desired(current: KubeObject | undefined): Promise<KubeObject> | KubeObject
  /** The managed fields are done already (apply). */
  readonly tracked?: boolean
  /** The subresource that managed fields name, where it is no part (scale). */
  readonly trackedAs?: string
  /** An absent object is NotFound, whatever the kind says (subresources). */
  readonly onlyExisting?: boolean
  /** Creates what is absent, whatever the kind says (apply). */
  readonly createAbsent?: boolean
  /** What the object must be when it is written; null for "whatever is there". Checked before `desired` is called. */
  readonly uid?: string
  /** How often a lost race is tried again although the new object carries a revision (patches do, PUT does not). */
  readonly retries?: number
  /** What admission sees in place of the object (Scale). */
  readonly admitted?: (object: KubeObject) => KubeObject
}

const UNLIMITED = 1000

export async function updateObject(
  machinery: Machinery,
  target: Target,
  request: UpdateRequest,
  context: RequestContext,
): Promise<Updated> {
  const { collection, definition } = target.endpoint
  const key = keyOf(target)
  if (definition.load !== undefined) await definition.load()
  const early = await updateRemembered(machinery, target, request, context)
  if (early !== undefined) return early
  let current = await machinery.store.get(collection, key)
  for (let attempt = 0; ; attempt++) {
    if (current === undefined) {
      const created = await createAbsent(machinery, target, request, context)
      return { object: created, created: true }
    }
    checkUid(request.uid, current, target)
    const wanted = await request.desired(toVersion(current.object, target.endpoint))
    const unconditional = setRevision(wanted, current, target, request)
    try {
      const { object } = await replace(machinery, target, request, wanted, current, context)
      return { object, created: false }
    } catch (error) {
      if (error instanceof NotFoundError) {
        if (attempt >= UNLIMITED) throw status.notFound(collection, target.name)
        current = undefined
        if (definition.allowCreateOnUpdate !== true && request.createAbsent !== true) throw status.notFound(collection, target.name)
      } else if (error instanceof ConflictError) {
        if (attempt >= (unconditional ? UNLIMITED : (request.retries ?? 0))) throw status.modifiedConflict(collection, target.name)
        current = error.current
      } else throw error
    }
  }
}

/**
 * Like upstream's cached origin: what was seen last will do for a first try, because the store refuses to replace anything newer.
 * Undefined when that did not end in a write: whatever else came of a state that may be old is asked again of the newest.
 */
async function updateRemembered(
  machinery: Machinery,
  target: Target,
  request: UpdateRequest,
  context: RequestContext,
): Promise<Updated | undefined> {
  const remembered = context.dryRun ? undefined : machinery.store.recall(target.endpoint.collection, keyOf(target))
  if (remembered === undefined) return undefined
  try {
    checkUid(request.uid, remembered, target)
    const wanted = await request.desired(toVersion(remembered.object, target.endpoint))
    setRevision(wanted, remembered, target, request)
    const { object, written } = await replace(machinery, target, request, wanted, remembered, context)
    return written ? { object, created: false } : undefined
  } catch {
    return undefined
  }
}

async function createAbsent(machinery: Machinery, target: Target, request: UpdateRequest, context: RequestContext): Promise<KubeObject> {
  const { definition, collection, endpoint } = { ...target.endpoint, endpoint: target.endpoint }
  if (
    request.part !== undefined ||
    request.onlyExisting === true ||
    (definition.allowCreateOnUpdate !== true && request.createAbsent !== true)
  ) {
    throw status.notFound(collection, target.name)
  }
  const object = await request.desired(undefined)
  checkNamespace(object, target)
  if (request.uid !== undefined) throw uidConflict(target, request.uid, '')
  if (definition.namespaced) object.metadata.namespace = target.namespace
  else delete object.metadata.namespace
  delete object.metadata.resourceVersion
  warnAboutOwners(object, context)
  if (request.tracked !== true) machinery.engines.trackUpdate(object, undefined, managedFieldsOptions(endpoint, '', context))
  return storeNew(machinery, target, await toStorage(object, endpoint, machinery.engines), context)
}

const uidConflict = ({ endpoint, namespace, name }: Target, wanted: string, found: string) =>
  status.conflict(
    endpoint.collection,
    name,
    `StorageError: invalid object, Code: 4, Key: /registry/${endpoint.definition.custom ? `${endpoint.group}/` : ''}${endpoint.resource}/${namespace === '' ? '' : `${namespace}/`}${name}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found}`,
  )

function checkUid(wanted: string | undefined, { object }: Stored, target: Target): void {
  const found = object.metadata.uid ?? ''
  if (wanted !== undefined && wanted !== found) throw uidConflict(target, wanted, found)
}

/** Compares the revision that the new object carries; answers whether it carried none. In place. @throws StatusError */
function setRevision(wanted: KubeObject, current: Stored, { endpoint, name }: Target, request: UpdateRequest): boolean {
  const text = wanted.metadata.resourceVersion ?? ''
  const wrong = text === '' ? undefined : unsignedError(text)
  if (wrong !== undefined) throw new StatusError(500, '', wrong)
  const newest = String(current.revision)
  if (text === '' || Number(text) === 0) {
    if (endpoint.definition.allowUnconditionalUpdate === false && request.trackedAs !== 'scale') {
      // Upstream puts the plural where other messages have the kind.
      throw status.invalid(endpoint.definition.group, endpoint.resource, name, [
        invalid('metadata.resourceVersion', 0, 'must be specified for an update'),
      ])
    }
    wanted.metadata.resourceVersion = newest
    return true
  }
  if (text !== newest) throw status.modifiedConflict(endpoint.collection, name)
  return false
}

/** One try. @throws ConflictError, NotFoundError when somebody else was faster */
async function replace(
  machinery: Machinery,
  target: Target,
  request: UpdateRequest,
  wanted: KubeObject,
  current: Stored,
  context: RequestContext,
): Promise<{ readonly object: KubeObject; readonly written: boolean }> {
  const { endpoint } = target
  const { definition, collection } = endpoint
  const old = current.object
  const part = request.part === undefined ? undefined : (definition.parts?.[request.part] ?? {})
  checkNamespace(wanted, target)
  if (definition.namespaced) wanted.metadata.namespace = target.namespace
  else delete wanted.metadata.namespace
  warnAboutOwners(wanted, context)
  if (request.tracked !== true && part?.internal !== true) {
    machinery.engines.trackUpdate(
      wanted,
      toVersion(old, endpoint),
      managedFieldsOptions(endpoint, request.trackedAs ?? request.part ?? '', context),
    )
  }
  const object = await toStorage(wanted, endpoint, machinery.engines)
  await machinery.admission.mutate(attributesOf(target, request, object, old, context))

  let begun: Begun | undefined
  let done = false
  try {
    if (part === undefined) begun = await definition.begin?.(object, old, context)
    keepSystemFields(object, old)
    if (part === undefined) definition.prepareForUpdate?.(object, old, context)
    else preparePart(request.part ?? '', part, object, old, context)
    // What controllers report is no new wish, not even where annotations count as one.
    if (request.part !== 'status' && definition.generation?.(object, old)) object.metadata.generation = (old.metadata.generation ?? 0) + 1
    keepIdentity(object, old)
    validateUpdate(target, part, object, old, context)
    machinery.engines.complete(object, endpoint.storage.schema)
    await machinery.admission.validate(attributesOf(target, request, object, old, context))

    if (isFinished(object, old, target)) {
      // The answer shows the object as it went, at its last revision. Watchers see the last stored state at the deletion's own.
      done = true
      if (context.dryRun) return { object, written: false }
      await machinery.store.delete(collection, current.key, old, current.revision)
      await definition.afterDelete?.(object, context)
      return { object, written: true }
    }
    // A scale takes away times, and that is a change.
    if (request.trackedAs === 'scale' ? equal(object, old) : equalButForTimes(object, old)) {
      done = true
      return { object: old, written: false }
    }
    object.metadata = ordered(object.metadata)
    if (context.dryRun) return { object, written: false }
    const stored = await write(() => machinery.store.update(collection, current.key, object, current.revision))
    await begun?.commit?.()
    done = true
    return { object: stored.object, written: true }
  } finally {
    if (!done) await undo(begun)
  }
}

/** What no update changes, before the kind's own rules see the object. In place. */
function keepSystemFields({ metadata }: KubeObject, { metadata: old }: KubeObject): void {
  if (old.generation === undefined) delete metadata.generation
  else metadata.generation = old.generation
  delete metadata.selfLink
}

function keepIdentity({ metadata }: KubeObject, { metadata: old }: KubeObject): void {
  if (!metadata.uid) metadata.uid = old.uid
  metadata.creationTimestamp = old.creationTimestamp
  if (old.deletionTimestamp !== undefined) metadata.deletionTimestamp = old.deletionTimestamp
  if (old.deletionGracePeriodSeconds !== undefined && metadata.deletionGracePeriodSeconds === undefined) {
    metadata.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds
  }
}

function preparePart(name: string, part: PartStrategy, object: KubeObject, old: KubeObject, context: RequestContext): void {
  if (part.prepare !== undefined) part.prepare(object, old, context)
  else if (name === 'status') keepAllButStatus(object, old)
}

/** Everything but status and metadata comes from the old object. In place. */
export function keepAllButStatus(object: KubeObject, old: KubeObject): void {
  const target = object as unknown as Record<string, unknown>
  const source = old as unknown as Record<string, unknown>
  for (const key of Object.keys(target)) if (key !== 'status' && key !== 'metadata' && !Object.hasOwn(source, key)) delete target[key]
  for (const key of Object.keys(source)) if (key !== 'status' && key !== 'metadata') setMember(target, key, source[key])
}

function validateUpdate(
  { endpoint, name }: Target,
  part: PartStrategy | undefined,
  object: KubeObject,
  old: KubeObject,
  context: RequestContext,
): void {
  const { definition } = endpoint
  const errors: FieldError[] = validateMetadataOfUpdate(object.metadata, old.metadata, definition, part !== undefined)
  if (part === undefined) errors.push(...(definition.validateUpdate?.(object, old, context) ?? []))
  else errors.push(...(part.validate?.(object, old, context) ?? []))
  const isRefused = errors.length > 0
  // Custom resources warn even when they refuse.
  const warns = !isRefused || definition.custom
  const warnings =
    part === undefined ? warns && definition.warnings?.(object, old, context) : warns && part.warnings?.(object, old, context)
  for (const warning of warnings || []) context.warn(warning)
  if (isRefused) throw invalidStatus(definition, name, errors, context)
}

/** An object that was marked for deletion is gone with its last finalizer. */
function isFinished(object: KubeObject, old: KubeObject, { endpoint }: Target): boolean {
  return (
    old.metadata.deletionTimestamp !== undefined &&
    (old.metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
    (object.metadata.finalizers ?? []).length === 0 &&
    endpoint.definition.deletion?.pending?.(object) !== true
  )
}

function attributesOf(
  { endpoint, namespace, name }: Target,
  request: UpdateRequest,
  object: KubeObject,
  old: KubeObject,
  context: RequestContext,
): Attributes {
  return {
    operation: 'UPDATE',
    endpoint,
    subresource: request.trackedAs ?? request.part ?? '',
    namespace,
    name,
    object: request.admitted?.(object) ?? object,
    old,
    context,
  }
}

/** The name in the body must be the one in the path. @throws StatusError 400 */
export function checkName(object: KubeObject, { name }: Target): void {
  const own = object.metadata.name ?? ''
  if (own === '') throw status.badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`)
  if (own !== name) throw status.badRequest(`the name of the object (${own}) does not match the name on the URL (${name})`)
}
