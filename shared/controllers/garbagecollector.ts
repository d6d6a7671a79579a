// Garbage collection: what has owners, and none of them is left, is deleted; an owner deleted in the foreground waits for its
// dependents; one deleted with its dependents orphaned is first taken from their references.
//
// Two kinds of keys, both named after the namespace of the dependents ("" for cluster-scoped ones):
//   owner:<apiVersion>|<kind>|<name>|<uid>   somebody names this owner, or it is going and waits
//   absent:<group>/<kind>                    an object of this kind was deleted: look through those that name one
import { isStatus } from '../apimachinery/status-error.ts'
import type { KubeObject, OwnerReference } from '../apimachinery/types.ts'
import { splitKey } from '../apimachinery/types.ts'
import type { Change } from '../store/types.ts'
import { all } from './bursts.ts'
import { equal } from './equality.ts'
import {
  type Dependent,
  dependentsOf,
  dependentsOfKind,
  findOwner,
  groupOf,
  hasOwners,
  livesElsewhere,
  ownerKind,
} from './garbage/graph.ts'
import { unlessGone } from './owners.ts'
import type { Controller, ControllerContext } from './types.ts'
import { splitName } from './watches.ts'

/** As old as other views of a reconcile may be. */
const KINDS_FRESH_MS = 1000
const FOREGROUND = 'foregroundDeletion'
const ORPHAN = 'orphan'

const ownerKey = (namespace: string | undefined, { apiVersion, kind, name, uid }: OwnerReference) =>
  `${namespace ?? ''}/owner:${[apiVersion, kind, name, uid].join('|')}`

const isGoing = ({ metadata }: KubeObject, finalizer: string) =>
  metadata.deletionTimestamp !== undefined && (metadata.finalizers?.includes(finalizer) ?? false)

function* keys({ type, collection, object, previous }: Change): Iterable<string> {
  if (!hasOwners(collection)) return
  const { namespace, ownerReferences = [], name, uid } = object.metadata
  const before = previous?.metadata.ownerReferences ?? []
  if (type === 'deleted') {
    for (const reference of ownerReferences) yield ownerKey(namespace, reference)
    yield `${namespace ?? ''}/absent:${groupOf(object.apiVersion)}/${object.kind}`
    return
  }
  if (!equal(before, ownerReferences)) for (const reference of [...before, ...ownerReferences]) yield ownerKey(namespace, reference)
  if (isGoing(object, FOREGROUND) || isGoing(object, ORPHAN)) {
    yield ownerKey(namespace, { apiVersion: object.apiVersion, kind: object.kind, name: name!, uid: uid! })
  }
}

async function reconcile(key: string, context: ControllerContext): Promise<undefined> {
  const { namespace, name: what } = splitKey(key)
  const { about, name } = splitName(what)
  await context.registry.refresh(KINDS_FRESH_MS)
  const collector = new Collector(context)
  if (about === 'absent') {
    const slash = name.indexOf('/')
    const dependents = await dependentsOfKind(context, namespace, name.slice(0, slash), name.slice(slash + 1))
    return all(dependents, dependent => collector.judge(dependent)) as Promise<undefined>
  }
  const [apiVersion, kind, owner, uid] = name.split('|') as [string, string, string, string]
  await collector.owner(namespace, { apiVersion, kind, name: owner, uid })
  return undefined
}

export const garbageCollector: Controller = {
  name: 'garbagecollector',
  component: 'garbage-collector-controller',
  watches: [{ resource: '*', keys }],
  reconcile,
}

class Collector {
  readonly #context: ControllerContext

  constructor(context: ControllerContext) {
    this.#context = context
  }

  async owner(namespace: string, reference: OwnerReference): Promise<void> {
    const endpoint = await ownerKind(this.#context, reference)
    // A kind that nobody serves: nobody can tell whether the owner exists.
    if (endpoint === undefined) return
    const owner = await findOwner(this.#context, endpoint, namespace, reference)
    if (owner !== undefined && owner.metadata.deletionTimestamp === undefined) return
    const dependents = await dependentsOf(this.#context, reference.uid)
    if (owner === undefined) return all(dependents, dependent => this.judge(dependent))
    if (isGoing(owner, ORPHAN)) await this.#orphan({ object: owner, endpoint }, dependents)
    else if (isGoing(owner, FOREGROUND)) await this.#foreground({ object: owner, endpoint }, dependents)
  }

  async #orphan(owner: Dependent, dependents: readonly Dependent[]): Promise<void> {
    await all(dependents, dependent => this.#strip(dependent, new Set([owner.object.metadata.uid!])))
    await this.#release(owner, ORPHAN)
  }

  async #foreground(owner: Dependent, dependents: readonly Dependent[]): Promise<void> {
    const uid = owner.object.metadata.uid
    await all(dependents, dependent => this.judge(dependent))
    const blocking = dependents.some(({ object }) =>
      object.metadata.ownerReferences?.some(reference => reference.uid === uid && reference.blockOwnerDeletion),
    )
    if (!blocking) await this.#release(owner, FOREGROUND)
  }

  /** Deletes the dependent unless an owner is left that keeps it, and takes owners that are gone from its references. */
  async judge(dependent: Dependent): Promise<void> {
    const { object, endpoint } = dependent
    const { metadata } = object
    if (metadata.deletionTimestamp !== undefined) return
    const gone = new Set<string>()
    const waiting = new Set<string>()
    let solid = 0
    for (const reference of metadata.ownerReferences ?? []) {
      const fate = await this.#fate(object, reference)
      if (fate === 'unknown') return
      if (fate === 'solid') solid++
      else (fate === 'gone' ? gone : waiting).add(reference.uid)
    }
    if (solid > 0) {
      if (gone.size + waiting.size > 0) await this.#strip(dependent, new Set([...gone, ...waiting]))
      return
    }
    if (gone.size + waiting.size === 0) return
    const own = waiting.size > 0 ? await dependentsOf(this.#context, metadata.uid!) : []
    if (own.length > 0) {
      // A circle: a dependent that is itself waiting would wait for this one, and this one for it.
      if (own.some(({ object }) => isGoing(object, FOREGROUND))) await this.#unblock(dependent)
      await this.#delete(dependent, 'Foreground')
      return
    }
    const finalizers = metadata.finalizers ?? []
    await this.#delete(
      { object, endpoint },
      finalizers.includes(ORPHAN) ? 'Orphan' : finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background',
    )
  }

  async #fate(object: KubeObject, reference: OwnerReference): Promise<'solid' | 'gone' | 'waiting' | 'unknown'> {
    const endpoint = await ownerKind(this.#context, reference)
    if (endpoint === undefined) return 'unknown'
    const { namespace } = object.metadata
    if (endpoint.definition.namespaced && namespace === undefined) {
      if (await livesElsewhere(this.#context, endpoint, reference.uid)) this.#tellInvalid(object, reference)
      return 'unknown'
    }
    const owner = await findOwner(this.#context, endpoint, namespace, reference)
    if (owner !== undefined) return isGoing(owner, FOREGROUND) ? 'waiting' : 'solid'
    if (endpoint.definition.namespaced && (await livesElsewhere(this.#context, endpoint, reference.uid))) {
      const here = (await this.#context.informer(endpoint.collection)).list(`${namespace}/`)
      if (!here.some(({ object: candidate }) => candidate.metadata.uid === reference.uid)) this.#tellInvalid(object, reference)
    }
    return 'gone'
  }

  #tellInvalid(object: KubeObject, { apiVersion, kind, name, uid }: OwnerReference): void {
    const namespace = object.metadata.namespace ?? ''
    const owner = `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`
    void this.#context.events.event(
      object,
      'Warning',
      'OwnerRefInvalidNamespace',
      `ownerRef ${owner} does not exist in namespace ${JSON.stringify(namespace)}`,
    )
  }

  #strip(dependent: Dependent, uids: ReadonlySet<string>): Promise<void> {
    return this.#setReferences(dependent, references => references.filter(({ uid }) => !uids.has(uid)))
  }

  #unblock(dependent: Dependent): Promise<void> {
    return this.#setReferences(dependent, references =>
      references.map(reference => (reference.blockOwnerDeletion ? { ...reference, blockOwnerDeletion: false } : reference)),
    )
  }

  async #setReferences(
    { object, endpoint }: Dependent,
    change: (references: readonly OwnerReference[]) => readonly OwnerReference[],
  ): Promise<void> {
    const { namespace, name, uid, resourceVersion, ownerReferences = [] } = object.metadata
    const references = change(ownerReferences)
    await unlessGone(() =>
      this.#context.client.patch(endpoint.collection, namespace, name!, {
        type: 'merge',
        body: { metadata: { uid, resourceVersion, ownerReferences: references.length === 0 ? null : references } },
      }),
    )
  }

  async #release({ object, endpoint }: Dependent, finalizer: string): Promise<void> {
    const { namespace, name, uid, resourceVersion, finalizers = [] } = object.metadata
    const left = finalizers.filter(other => other !== finalizer)
    await unlessGone(() =>
      this.#context.client.patch(endpoint.collection, namespace, name!, {
        type: 'merge',
        body: { metadata: { uid, resourceVersion, finalizers: left.length === 0 ? null : left } },
      }),
    )
  }

  async #delete({ object, endpoint }: Dependent, propagationPolicy: 'Orphan' | 'Foreground' | 'Background'): Promise<void> {
    const { namespace, name, uid } = object.metadata
    try {
      await this.#context.client.delete(endpoint.collection, namespace, name!, { propagationPolicy, preconditions: { uid } })
    } catch (error) {
      // Gone, or already another object of that name.
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
    }
  }
}
