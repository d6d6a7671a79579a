// Who controls an object, and which objects a controller may take or must let go.
import type { Client } from '../apimachinery/client.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import type { GroupResource, KubeObject, LabelSelector, OwnerReference } from '../apimachinery/types.ts'
import type { Informer } from '../store/types.ts'

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(reference => reference.controller === true)
}

export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid
}

export function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid!,
    controller: true,
    blockOwnerDeletion: true,
  }
}

const CONTROLLER = 'controller'
const ORPHANS = 'orphans'

const labelled = (namespace: string | undefined, name: string, value: string) => `${namespace ?? ''} ${name}=${value}`

/** Objects by the UID of their controller, and those that have none by their namespace and by each of their labels in it. */
export function indexByController(informer: Informer): void {
  informer.addIndex(CONTROLLER, object => {
    const controller = controllerOf(object)
    return controller === undefined ? [] : [controller.uid]
  })
  informer.addIndex(ORPHANS, object => {
    if (controllerOf(object) !== undefined) return []
    const { namespace, labels = {} } = object.metadata
    return [namespace ?? '', ...Object.entries(labels).map(([name, value]) => labelled(namespace, name, value))]
  })
}

export function controlledBy<T extends KubeObject>(informer: Informer, uid: string): T[] {
  indexByController(informer)
  return informer.byIndex(CONTROLLER, uid).map(stored => stored.object as T)
}

/** Those that the selector may select, if there is one: all that have the first label it asks for. */
export function orphansIn<T extends KubeObject>(informer: Informer, namespace: string, selector?: LabelSelector): T[] {
  indexByController(informer)
  const [first] = Object.entries(selector?.matchLabels ?? {})
  return informer.byIndex(ORPHANS, first === undefined ? namespace : labelled(namespace, ...first)).map(stored => stored.object as T)
}

export interface ClaimOptions<T> {
  /** What `fits` goes by, so that not every orphan of the namespace is looked at. */
  readonly selector?: LabelSelector
  /** Put on what is adopted and taken from what is released. */
  readonly finalizers?: readonly string[]
  /** Objects of which this is false are neither adopted nor released nor answered (e.g. finished pods). */
  concerns?(object: T): boolean
}

/**
 * What the owner controls once those that fit are adopted and those that no longer fit are released. An owner that is going takes
 * nothing more. Before anything is adopted the owner is read anew: it may have been deleted (or deleted and made again) meanwhile.
 */
export async function claim<T extends KubeObject>(
  client: Client,
  resource: GroupResource,
  informer: Informer,
  owner: { readonly object: KubeObject; readonly resource: GroupResource },
  fits: (object: T) => boolean,
  { selector, finalizers = [], concerns = () => true }: ClaimOptions<T> = {},
): Promise<T[]> {
  const { uid, namespace, deletionTimestamp } = owner.object.metadata
  const claimed: T[] = []
  for (const object of controlledBy<T>(informer, uid!)) {
    if (!concerns(object)) continue
    if (fits(object)) claimed.push(object)
    else if (deletionTimestamp === undefined) await release(client, resource, object, owner.object, finalizers)
  }
  if (deletionTimestamp !== undefined) return claimed
  const wanted = orphansIn<T>(informer, namespace ?? '', selector).filter(
    object => object.metadata.deletionTimestamp === undefined && concerns(object) && fits(object),
  )
  if (wanted.length === 0) return claimed
  const fresh = await client.get(owner.resource, namespace, owner.object.metadata.name)
  if (fresh?.metadata.uid !== uid || fresh?.metadata.deletionTimestamp !== undefined) return claimed
  for (const object of wanted) {
    const adopted = await adopt(client, resource, object, owner.object, finalizers)
    if (adopted !== undefined) claimed.push(adopted)
  }
  return claimed
}

async function adopt<T extends KubeObject>(
  client: Client,
  resource: GroupResource,
  object: T,
  owner: KubeObject,
  finalizers: readonly string[],
): Promise<T | undefined> {
  const { metadata } = object
  const missing = finalizers.filter(finalizer => !metadata.finalizers?.includes(finalizer))
  return unlessGone(() =>
    client.update<T>(resource, {
      ...object,
      metadata: {
        ...metadata,
        ownerReferences: [controllerReference(owner), ...(metadata.ownerReferences ?? [])],
        ...(missing.length === 0 ? {} : { finalizers: [...(metadata.finalizers ?? []), ...missing] }),
      },
    }),
  )
}

async function release<T extends KubeObject>(
  client: Client,
  resource: GroupResource,
  object: T,
  owner: KubeObject,
  finalizers: readonly string[],
): Promise<void> {
  const { metadata } = object
  await unlessGone(() =>
    client.update<T>(resource, {
      ...object,
      metadata: {
        ...metadata,
        ownerReferences: metadata.ownerReferences?.filter(reference => reference.uid !== owner.metadata.uid),
        ...(finalizers.length === 0 ? {} : { finalizers: metadata.finalizers?.filter(finalizer => !finalizers.includes(finalizer)) }),
      },
    }),
  )
}

/** Undefined when the object is not there any more: nothing is left to do to it. */
export async function unlessGone<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write()
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined
    throw error
  }
}
