// POST: a new object (k8s.io/apiserver/pkg/registry/rest, BeforeCreate, and its store's Create).

import { ExistsError, type Stored, TooLargeError } from '../../store/types.ts'
import type { Attributes } from '../admission.ts'
import type { RequestContext } from '../context.ts'
import { type FieldError, printedAsSent } from '../field-error.ts'
import { keyOf, type Machinery, type Target, toStorage } from '../machinery.ts'
import { dedupeOwners, fillSystemFields, generateName, ordered, validateMetadata } from '../metadata.ts'
import { unsignedError } from '../request/options.ts'
import type { Begun, ResourceDefinition } from '../resource.ts'
import * as status from '../status-error.ts'
import { StatusError } from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { managedFieldsOptions } from './managed-fields.ts'

const GENERATE_ATTEMPTS = 8

/**
 * Stores a new object. `object` is of the target's version, decoded and with defaults, and is taken over.
 * `target.name` is not used: the object has its own.
 * @throws StatusError
 */
export async function createObject(machinery: Machinery, target: Target, object: KubeObject, context: RequestContext): Promise<KubeObject> {
  const { endpoint, namespace } = target
  const { definition } = endpoint
  if (definition.load !== undefined) await definition.load()
  checkNamespace(object, target)
  if (definition.namespaced) object.metadata.namespace = namespace
  else delete object.metadata.namespace
  if (definition.virtual !== undefined) {
    machinery.engines.trackUpdate(object, undefined, managedFieldsOptions(endpoint, '', context))
    return definition.virtual(await toStorage(object, endpoint, machinery.engines), context)
  }
  const revision = object.metadata.resourceVersion
  if (revision && unsignedError(revision) === undefined && Number(revision) !== 0) {
    throw new StatusError(500, '', 'resourceVersion should not be set on objects to be created')
  }
  delete object.metadata.resourceVersion
  warnAboutOwners(object, context)
  machinery.engines.trackUpdate(object, undefined, managedFieldsOptions(endpoint, '', context))
  return storeNew(machinery, target, await toStorage(object, endpoint, machinery.engines), context)
}

/** The second half of a creation, also of one by PUT or apply: `object` is of the storage version and has its managed fields. */
export async function storeNew(machinery: Machinery, target: Target, object: KubeObject, context: RequestContext): Promise<KubeObject> {
  await machinery.admission.mutate(attributesOf(target, object, context))
  // Admission may have put other metadata in place of what came.
  const { metadata } = object
  const generated = metadata.generateName !== undefined && metadata.generateName !== ''
  const attempts = generated && !metadata.name ? GENERATE_ATTEMPTS : 1
  const prefix = metadata.generateName ?? ''
  for (let attempt = 1; ; attempt++) {
    fillSystemFields(metadata, context.now)
    if (attempts > 1) metadata.name = generateName(prefix)
    try {
      return await storeOnce(machinery, target, object, context)
    } catch (error) {
      if (!(error instanceof ExistsError)) throw error
      if (attempt >= attempts) throw await existsError(machinery, target, metadata.name ?? '', generated)
    }
  }
}

async function storeOnce(machinery: Machinery, target: Target, object: KubeObject, context: RequestContext): Promise<KubeObject> {
  const { definition, collection } = target.endpoint
  const begun = await definition.begin?.(object, undefined, context)
  let stored: Stored | undefined
  try {
    if (definition.generation !== undefined) object.metadata.generation = 1
    definition.prepareForCreate?.(object, context)
    const errors: FieldError[] = [...validateMetadata(object.metadata, definition), ...(definition.validate?.(object, context) ?? [])]
    if (errors.length > 0) throw invalidStatus(definition, object.metadata.name ?? '', errors, context)
    machinery.engines.complete(object, target.endpoint.storage.schema)
    for (const warning of definition.warnings?.(object, undefined, context) ?? []) context.warn(warning)
    await machinery.admission.validate(attributesOf(target, object, context))
    const key = keyOf({ ...target, name: object.metadata.name ?? '' })
    object.metadata = ordered(object.metadata)
    if (context.dryRun) {
      if ((await machinery.store.get(collection, key)) !== undefined) throw new ExistsError(key)
      return object
    }
    stored = await write(() => machinery.store.create(collection, key, object))
    await begun?.commit?.()
    return stored.object
  } finally {
    if (stored === undefined) await undo(begun)
  }
}

export const invalidStatus = (
  { group, kind }: Pick<ResourceDefinition, 'group' | 'kind'>,
  name: string,
  errors: readonly FieldError[],
  { emptied }: RequestContext,
): StatusError => status.invalid(group, kind, name, printedAsSent(errors, emptied))

export async function undo(begun: Begun | undefined): Promise<void> {
  await begun?.rollback?.()
}

/** Store errors that a client caused, in the API's words. */
export async function write<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof TooLargeError) throw status.tooLarge(`the object is too large to be stored: ${error.message}`)
    throw error
  }
}

async function existsError(machinery: Machinery, { endpoint, namespace }: Target, name: string, generated: boolean): Promise<StatusError> {
  if (generated) return status.generateNameConflict(endpoint.collection, name)
  const error = status.alreadyExists(endpoint.collection, name)
  const current = await machinery.store.get(endpoint.collection, keyOf({ endpoint, namespace, name }))
  if (current?.object.metadata.deletionTimestamp === undefined) return error
  return new StatusError(409, 'AlreadyExists', `object is being deleted: ${error.message}`, error.status.details)
}

function attributesOf({ endpoint, namespace }: Target, object: KubeObject, context: RequestContext): Attributes {
  return { operation: 'CREATE', endpoint, subresource: '', namespace, name: object.metadata.name ?? '', object, context }
}

/** @throws StatusError 400 */
export function checkNamespace(object: KubeObject, { endpoint, namespace }: Target): void {
  const own = object.metadata.namespace
  if (endpoint.definition.namespaced && own !== undefined && own !== '' && own !== namespace) {
    throw status.badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
}

export function warnAboutOwners(object: KubeObject, context: RequestContext): void {
  const repeated = dedupeOwners(object.metadata)
  if (repeated.length === 0) return
  context.warn(
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${repeated.join(', ')}`,
  )
}
