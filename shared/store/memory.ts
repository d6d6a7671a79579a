// The store in plain maps: the executable reference that every other implementation is compared with, and the store of
// `npm start -- --store memory`. Objects are immutable by convention, so nothing is cloned.
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'
import { OrderedItems, page } from './ordered-items.ts'
import { undo } from './replay.ts'
import { collectionName, INITIAL_REVISION, stamp, timeToLive } from './revisions.ts'
import type {
  Change,
  ChangesOptions,
  ChangesResult,
  FeedingStore,
  ListOptions,
  ListResult,
  Stored,
  WatchItem,
  WatchOptions,
} from './types.ts'
import { ConflictError, ExistsError, ExpiredError, FutureError, NotFoundError } from './types.ts'
import { Waiters } from './waiters.ts'

export interface MemoryStoreOptions {
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** At least so many of the newest changes of a collection are kept for watches and for lists at older revisions. */
  readonly retain?: number
}

interface Collection {
  readonly resource: GroupResource
  readonly items: OrderedItems
  revision: number
  /** Changes with revisions floor+1 ... revision, without holes: log[i] has revision floor+1+i. */
  log: Change[]
  floor: number
  readonly waiters: Waiters
  /** When objects die, for collections whose objects do (timeToLive); ms since the epoch, oldest write first. */
  readonly deaths: Map<string, number>
}

export class MemoryStore implements FeedingStore {
  readonly #collections = new Map<string, Collection>()
  readonly #listeners = new Set<(change: Change) => void>()
  readonly #now: () => number
  readonly #retain: number

  constructor(options: MemoryStoreOptions = {}) {
    this.#now = options.now ?? Date.now
    this.#retain = options.retain ?? 50_000
  }

  /** Here that is every change there is, in order. */
  feed(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Forgets the changes up to a revision, as retention does with age. */
  compact(resource: GroupResource, revision: number): void {
    const collection = this.#collection(resource)
    const count = Math.min(revision, collection.revision) - collection.floor
    if (count <= 0) return
    collection.log = collection.log.slice(count)
    collection.floor += count
  }

  async get(resource: GroupResource, key: string): Promise<Stored | undefined> {
    return this.#alive(resource).items.get(key)
  }

  recall(resource: GroupResource, key: string): Stored | undefined {
    return this.#alive(resource).items.get(key)
  }

  async list(resource: GroupResource, options: ListOptions = {}): Promise<ListResult> {
    const collection = this.#alive(resource)
    const at = options.at ?? collection.revision
    const items = at === collection.revision ? collection.items.list(options.prefix) : this.#itemsAt(collection, at, options.prefix ?? '')
    return { ...page(items, options), revision: at }
  }

  async revision(resource: GroupResource): Promise<number> {
    return this.#collection(resource).revision
  }

  async create(resource: GroupResource, key: string, object: KubeObject): Promise<Stored> {
    const collection = this.#alive(resource)
    if (collection.items.get(key) !== undefined) throw new ExistsError(key)
    return this.#write(collection, 'created', key, object, undefined)
  }

  async update(resource: GroupResource, key: string, object: KubeObject, revision: number): Promise<Stored> {
    const collection = this.#alive(resource)
    return this.#write(collection, 'updated', key, object, expect(collection, key, revision))
  }

  async delete(resource: GroupResource, key: string, object: KubeObject, revision: number): Promise<Stored> {
    const collection = this.#alive(resource)
    return this.#write(collection, 'deleted', key, object, expect(collection, key, revision))
  }

  async changes(resource: GroupResource, from: number, { prefix }: ChangesOptions = {}): Promise<ChangesResult> {
    const collection = this.#collection(resource)
    return { changes: after(collection, from, prefix), revision: Math.max(from, collection.revision) }
  }

  changesSeen(resource: GroupResource, from: number): Promise<ChangesResult> {
    return this.changes(resource, from)
  }

  async *watch(resource: GroupResource, { from, prefix = '', signal }: WatchOptions): AsyncIterable<WatchItem> {
    const collection = this.#collection(resource)
    const waiter = collection.waiters.add(prefix)
    // Asking a signal made of others costs more than a change does.
    let isOver = signal.aborted
    const onAbort = () => {
      isOver = true
      waiter.wake()
    }
    signal.addEventListener('abort', onAbort)
    try {
      let told = -1
      let position = from
      while (!isOver) {
        const revision = collection.revision
        for (const change of after(collection, position, prefix)) {
          yield { change }
          if (isOver) return
        }
        position = Math.max(position, revision)
        // Of a watch from the future nothing can be said before that has come.
        if (revision >= from && revision > told) {
          told = revision
          yield { progress: revision }
        }
        if (isOver || collection.revision > revision) continue
        const first = await waiter.next()
        if (first !== undefined) position = Math.max(position, first - 1)
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      waiter.remove()
    }
  }

  #collection(resource: GroupResource): Collection {
    const name = collectionName(resource)
    let collection = this.#collections.get(name)
    if (collection === undefined) {
      collection = {
        resource: { group: resource.group, resource: resource.resource },
        items: new OrderedItems(),
        revision: INITIAL_REVISION,
        log: [],
        floor: INITIAL_REVISION,
        waiters: new Waiters({ now: this.#now }),
        deaths: new Map(),
      }
      this.#collections.set(name, collection)
    }
    return collection
  }

  /** The collection without objects whose time is over. They vanish silently: watchers of Events are not told. */
  #alive(resource: GroupResource): Collection {
    const collection = this.#collection(resource)
    if (collection.deaths.size > 0) {
      const now = this.#now()
      for (const [key, death] of collection.deaths) {
        if (death > now) break
        collection.deaths.delete(key)
        collection.items.remove(key)
      }
    }
    return collection
  }

  /** The only place that changes anything; it does not wait, so a write is one indivisible step. */
  #write(collection: Collection, type: Change['type'], key: string, object: KubeObject, previous: Stored | undefined): Stored {
    collection.revision++
    const stored: Stored = { key, revision: collection.revision, object: stamp(object, collection.revision) }
    if (type === 'deleted') collection.items.remove(key)
    else collection.items.set(stored)

    const ttl = timeToLive(collection.resource)
    if (ttl !== undefined) {
      collection.deaths.delete(key)
      if (type !== 'deleted') collection.deaths.set(key, this.#now() + ttl * 1000)
    }

    const change: Change = { ...stored, type, collection: collection.resource, previous: previous?.object }
    collection.log.push(change)
    // Trimmed in large pieces, so that it costs nothing per write.
    if (collection.log.length >= 2 * this.#retain) this.compact(collection.resource, collection.revision - this.#retain)

    for (const listener of this.#listeners) listener(change)
    collection.waiters.changed(key, collection.revision)
    return stored
  }

  /** The collection at an older revision: the newest state with everything since undone, newest first. */
  #itemsAt(collection: Collection, at: number, prefix: string): readonly Stored[] {
    if (at > collection.revision) throw new FutureError(at, collection.revision)
    if (at < collection.floor) throw new ExpiredError(at, collection.floor)
    const items = new OrderedItems()
    for (const item of collection.items.list(prefix)) items.set(item)
    for (const change of after(collection, at, prefix).toReversed()) undo(items, change)
    return items.list()
  }
}

function expect(collection: Collection, key: string, revision: number): Stored {
  const current = collection.items.get(key)
  if (current === undefined) throw new NotFoundError(key)
  if (current.revision !== revision) throw new ConflictError(key, current)
  return current
}

function after(collection: Collection, from: number, prefix = ''): readonly Change[] {
  if (from >= collection.revision) return []
  if (from < collection.floor) throw new ExpiredError(from, collection.floor)
  const changes = collection.log.slice(from - collection.floor)
  return prefix === '' ? changes : changes.filter(change => change.key.startsWith(prefix))
}
