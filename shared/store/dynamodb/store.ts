// The store on one DynamoDB table. docs/store.md tells the protocol as a story.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { GroupResource, KubeObject } from '../../apimachinery/types.ts'
import { type Clock, systemClock } from '../../clock.ts'
import { Coalesced } from '../coalesced.ts'
import { page } from '../ordered-items.ts'
import { collectionName, timeToLive } from '../revisions.ts'
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
} from '../types.ts'
import { ConflictError, ExpiredError, NotFoundError } from '../types.ts'
import { Catalogue, collectionLine } from './catalogue.ts'
import { CollectionLog } from './collection-log.ts'
import { decodeChange, decodeObject } from './decode.ts'
import { Head } from './head.ts'
import { bytesOf, GONE_ATTRIBUTE, type Item, LOG_FIELDS, numberOf, partition, TTL_ATTRIBUTE, textOf } from './items.ts'
import { type ListSource, listPage } from './list.ts'
import { Poller, type PollTimes } from './poller.ts'
import { type Known, Recent } from './recent.ts'
import { Snapshot } from './snapshot.ts'
import { Table } from './table.ts'
import { watchLog, withPrefix } from './watch.ts'
import { type Intent, type WriteOptions, write } from './write.ts'

export interface DynamoStoreOptions {
  readonly client: DynamoDBClient
  readonly table: string
  /** One table holds many clusters; this store sees one. A DNS label. */
  readonly cluster: string
  /** Keeps a list of what the cluster has in the table, so that purge finds it. For clusters that may be deleted. */
  readonly catalogued?: boolean
  readonly clock?: Clock
  readonly poll?: PollTimes
}

interface Collection {
  readonly resource: GroupResource
  readonly name: string
  /** Partition of the objects. */
  readonly objects: string
  readonly head: Head
  readonly log: CollectionLog
  readonly poller: Poller
  /** Reads of single objects that are wanted now. */
  readonly gets: Map<string, Coalesced<Known | undefined>>
  snapshot: Promise<Snapshot | undefined> | undefined
  lists: number
  /** The collection was too large for a snapshot; ms since the epoch. */
  noSnapshotUntil: number
}

const TOO_LARGE_FOR_MS = 600_000

/** A watch on AWS sees a change of another process after 150 ms on average, and costs two reads a second when idle. */
const POLL: PollTimes = { shortest: 20, longest: 500 }

export class DynamoStore implements FeedingStore {
  readonly #table: Table
  readonly #cluster: string
  readonly #clock: Clock
  readonly #poll: PollTimes
  readonly #collections = new Map<string, Collection>()
  readonly #recent = new Recent()
  readonly #listeners = new Set<(change: Change) => void>()
  readonly #write: WriteOptions
  readonly #catalogue: Catalogue | undefined

  constructor({ client, table, cluster, catalogued = false, clock = systemClock, poll = POLL }: DynamoStoreOptions) {
    this.#table = new Table(client, table)
    this.#cluster = cluster
    this.#clock = clock
    this.#poll = poll
    this.#catalogue = catalogued ? new Catalogue(this.#table, cluster) : undefined
    this.#write = { table: this.#table, cluster, clock, decode: (resource, item) => this.#decode(this.#collection(resource), item) }
  }

  feed(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Somebody has seen a write of this collection: watches look at once and do not wait for their next turn. */
  hint(resource: GroupResource): void {
    this.#collections.get(collectionName(resource))?.poller.hint()
  }

  async get(resource: GroupResource, key: string): Promise<Stored | undefined> {
    const known = await this.#get(this.#collection(resource), key)
    return known === undefined ? undefined : stored(known)
  }

  recall(resource: GroupResource, key: string): Stored | undefined {
    if (timeToLive(resource) !== undefined) return undefined
    const known = this.#recent.newest(collectionName(resource), key)
    return known === undefined ? undefined : stored(known)
  }

  async list(resource: GroupResource, options: ListOptions = {}): Promise<ListResult> {
    const collection = this.#collection(resource)
    if (options.at === undefined && timeToLive(resource) === undefined) {
      const snapshot = await this.#snapshot(collection)
      if (snapshot !== undefined) {
        try {
          const revision = await snapshot.refresh()
          return { ...page(snapshot.list(options.prefix), options), revision }
        } catch (error) {
          if (!(error instanceof ExpiredError)) throw error
          collection.snapshot = undefined
        }
      }
    }
    return listPage(this.#source(collection), options)
  }

  /** Kept from the second list on: what is listed once may be listed never again. */
  async #snapshot(collection: Collection): Promise<Snapshot | undefined> {
    const now = this.#clock.now()
    collection.lists++
    if (collection.lists === 1 || now < collection.noSnapshotUntil) return undefined
    collection.snapshot ??= Snapshot.load(this.#source(collection))
    try {
      const snapshot = await collection.snapshot
      if (snapshot === undefined) {
        collection.snapshot = undefined
        collection.noSnapshotUntil = now + TOO_LARGE_FOR_MS
      }
      return snapshot
    } catch (error) {
      collection.snapshot = undefined
      throw error
    }
  }

  #source(collection: Collection): ListSource {
    return {
      table: this.#table,
      objects: collection.objects,
      log: collection.log,
      decode: async item => (this.#isAlive(item) ? stored(await this.#decode(collection, item)) : undefined),
    }
  }

  async revision(resource: GroupResource): Promise<number> {
    return this.#collection(resource).log.sync()
  }

  async create(resource: GroupResource, key: string, object: KubeObject): Promise<Stored> {
    return this.#commit({ type: 'created', collection: resource, key, object, expected: undefined })
  }

  async update(resource: GroupResource, key: string, object: KubeObject, revision: number): Promise<Stored> {
    const expected = await this.#expect(this.#collection(resource), key, revision)
    return this.#commit({ type: 'updated', collection: resource, key, object, expected })
  }

  async delete(resource: GroupResource, key: string, object: KubeObject, revision: number): Promise<Stored> {
    const expected = await this.#expect(this.#collection(resource), key, revision)
    return this.#commit({ type: 'deleted', collection: resource, key, object, expected })
  }

  async changes(resource: GroupResource, from: number, { prefix = '' }: ChangesOptions = {}): Promise<ChangesResult> {
    const { log } = this.#collection(resource)
    await log.sync()
    const { changes, revision } = await log.after(from)
    return { changes: withPrefix(changes, prefix), revision: Math.max(from, revision) }
  }

  async changesSeen(resource: GroupResource, from: number): Promise<ChangesResult> {
    const { log } = this.#collection(resource)
    // Not known at all: looking is what is left.
    if (log.position === undefined || from < log.start) return this.changes(resource, from)
    const { changes, revision } = await log.after(from)
    return { changes, revision: Math.max(from, revision) }
  }

  watch(resource: GroupResource, options: WatchOptions): AsyncIterable<WatchItem> {
    const { log, poller } = this.#collection(resource)
    return watchLog(log, poller, options)
  }

  #collection(resource: GroupResource): Collection {
    const name = collectionName(resource)
    let collection = this.#collections.get(name)
    if (collection === undefined) {
      collection = this.#open(name, { group: resource.group, resource: resource.resource })
      this.#collections.set(name, collection)
    }
    return collection
  }

  #open(name: string, resource: GroupResource): Collection {
    const table = this.#table
    const cluster = this.#cluster
    const head = new Head(table, partition(cluster, 'h', resource), this.#clock.now, () => log.position)
    const log = new CollectionLog({
      table,
      head,
      pk: partition(cluster, 'l', resource),
      clock: this.#clock,
      decode: async item => {
        const change = await decodeChange(table, cluster, resource, item)
        this.#remember(name, change, (bytesOf(item, 'body')?.length ?? 0) / 2, numberOf(item, LOG_FIELDS.parts) ?? 0)
        return change
      },
      onChange: change => poller.changed(change),
    })
    const poller = new Poller(() => log.sync(), this.#poll, this.#clock)
    return {
      resource,
      name,
      objects: partition(cluster, 'o', resource),
      head,
      log,
      poller,
      gets: new Map(),
      snapshot: undefined,
      lists: 0,
      noSnapshotUntil: 0,
    }
  }

  /** Many who want the same object at the same time share one read, which begins after the last of them asked. */
  async #get(collection: Collection, key: string): Promise<Known | undefined> {
    let get = collection.gets.get(key)
    if (get === undefined) {
      get = new Coalesced(() => this.#read(collection, key))
      collection.gets.set(key, get)
    }
    try {
      return await get.run()
    } finally {
      if (!get.isRunning) collection.gets.delete(key)
    }
  }

  async #read(collection: Collection, key: string): Promise<Known | undefined> {
    const item = await this.#table.get(collection.objects, key)
    return item === undefined || !this.#isAlive(item) ? undefined : this.#decode(collection, item)
  }

  /** The state that a write replaces, from memory or from the table: the log needs it. */
  async #expect(collection: Collection, key: string, revision: number): Promise<Known> {
    const recent = timeToLive(collection.resource) === undefined ? this.#recent.get(collection.name, key, revision) : undefined
    const current = recent ?? (await this.#get(collection, key))
    if (current === undefined) throw new NotFoundError(key)
    if (current.revision !== revision) throw new ConflictError(key, stored(current))
    return current
  }

  async #commit(intent: Intent): Promise<Stored> {
    const collection = this.#collection(intent.collection)
    await this.#catalogue?.add(collectionLine(collection.name))
    const { change, known, bytes } = await write(this.#write, collection.head, { ...intent, collection: collection.resource })
    this.#remember(collection.name, change, bytes, known.parts)
    if (!collection.log.absorb(change)) collection.poller.hint()
    for (const listener of this.#listeners) listener(change)
    return stored(known)
  }

  #remember(name: string, { type, key, revision, object }: Change, bytes: number, parts: number): void {
    if (type !== 'deleted') this.#recent.add(name, { key, revision, object, parts }, bytes)
    else if ((this.#recent.newest(name, key)?.revision ?? revision) <= revision) this.#recent.remove(name, key)
  }

  async #decode(collection: Collection, item: Item): Promise<Known> {
    const recent = this.#recent.get(collection.name, textOf(item, 'sk'), numberOf(item, 'rev') ?? 0)
    if (recent !== undefined) return recent
    const known = await decodeObject(this.#table, this.#cluster, collection.resource, item)
    this.#recent.add(collection.name, known, bytesOf(item, 'body')?.length ?? 0)
    return known
  }

  /** DynamoDB deletes what has expired when it pleases; until then it is hidden, as is what was deleted a short while ago. */
  #isAlive(item: Item): boolean {
    if (GONE_ATTRIBUTE in item) return false
    const expires = numberOf(item, TTL_ATTRIBUTE)
    return expires === undefined || expires * 1000 > this.#clock.now()
  }
}

const stored = ({ key, revision, object }: Known): Stored => ({ key, revision, object })
