// The store's port: what the API and the controllers need of a place that keeps objects. Promises, per collection
// (docs/store.md has the protocol and its proof):
//   - every write gets a larger revision than all writes before it; revisions are compared inside one collection only
//   - a watch from revision R delivers every later change exactly once and in order
//   - a list at R plus a watch from R misses nothing and repeats nothing
//   - a compare-and-swap happens once or not at all, also when the reply is lost
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'

export interface Stored {
  /** "<namespace>/<name>", "/<name>" for cluster-scoped objects. Lists are in key order. */
  readonly key: string
  readonly revision: number
  /** metadata.resourceVersion is the revision, as decimal text. Shared: do not change it. */
  readonly object: KubeObject
}

export type ChangeType = 'created' | 'updated' | 'deleted'

/** One committed write. */
export interface Change extends Stored {
  readonly type: ChangeType
  readonly collection: GroupResource
  /** State before the write, with its own revision; absent for a creation. For a deletion, `object` is the last state, stamped with the deletion's revision. */
  readonly previous?: KubeObject
}

export interface ListOptions {
  /** Only keys that begin with this, e.g. "default/" for one namespace. */
  readonly prefix?: string
  /** At most so many items; more are announced by `next`. */
  readonly limit?: number
  /** Only keys after this one (exclusive): `next` of the page before. */
  readonly after?: string
  /** The collection as it was at this revision, e.g. for the second page of a list. Throws ExpiredError below the log's floor. */
  readonly at?: number
}

export interface ListResult {
  readonly items: readonly Stored[]
  /** The revision that this list shows: a watch from here continues it. */
  readonly revision: number
  /** Pass as `after` (with at: revision) for the next page. */
  readonly next?: string
  /** About how many items come after this page; absent when there is none, or when counting would cost more than reading. */
  readonly remaining?: number
}

export interface WatchOptions {
  /** Changes with a revision greater than this are delivered. */
  readonly from: number
  readonly prefix?: string
  readonly signal: AbortSignal
}

export interface ChangesOptions {
  /** Only keys that begin with this. */
  readonly prefix?: string
}

/** A piece of the log. */
export interface ChangesResult {
  readonly changes: readonly Change[]
  /** Nothing up to this revision is still to come: the next piece begins after it. */
  readonly revision: number
}

/** What a watch delivers: changes in order, and progress, which says that nothing up to `revision` is still to come. */
export type WatchItem = { readonly change: Change } | { readonly progress: number }

export interface Store {
  /** The newest state, read strongly. */
  get(collection: GroupResource, key: string): Promise<Stored | undefined>

  /**
   * What this process last saw of an object, which may not be its newest state; undefined when it has not seen it lately. Costs nothing.
   * Good for a compare-and-swap, which finds out when it is old.
   */
  recall(collection: GroupResource, key: string): Stored | undefined

  /** A consistent view at one settled revision, in key order. @throws ExpiredError, FutureError for `at` */
  list(collection: GroupResource, options?: ListOptions): Promise<ListResult>

  /** The settled revision of the collection: all writes acknowledged before the call are at or below it. A collection that was never written is at 1. */
  revision(collection: GroupResource): Promise<number>

  /** @throws ExistsError when the key is taken. */
  create(collection: GroupResource, key: string, object: KubeObject): Promise<Stored>

  /** Replaces the object if it is still at `revision`. @throws ConflictError, NotFoundError */
  update(collection: GroupResource, key: string, object: KubeObject, revision: number): Promise<Stored>

  /** Removes the object if it is still at `revision`; `object` is its last state as watchers shall see it. @throws ConflictError, NotFoundError */
  delete(collection: GroupResource, key: string, object: KubeObject, revision: number): Promise<Stored>

  /**
   * Every change after `from` up to now, in order; at least those acknowledged before the call. A watch that looks once.
   * @throws ExpiredError when changes after `from` are no longer kept.
   */
  changes(collection: GroupResource, from: number, options?: ChangesOptions): Promise<ChangesResult>

  /** As changes(), but only as far as this process has seen them already, its own writes among them. Costs nothing as a rule. */
  changesSeen(collection: GroupResource, from: number): Promise<ChangesResult>

  /**
   * Every change after `from`, in order, until the signal aborts (the iteration then ends without an error).
   * @throws ExpiredError when changes after `from` are no longer kept.
   */
  watch(collection: GroupResource, options: WatchOptions): AsyncIterable<WatchItem>
}

/** A store that tells what this process writes through it, for work that can go on before the stream tells everybody. */
export interface FeedingStore extends Store {
  /** Calls the listener with every change written through this store, before the write is acknowledged. Answers how to stop it. */
  feed(listener: (change: Change) => void): () => void
}

export class ExistsError extends Error {
  override readonly name = 'ExistsError'
  readonly key: string
  constructor(key: string) {
    super(`${key} already exists`)
    this.key = key
  }
}

export class NotFoundError extends Error {
  override readonly name = 'NotFoundError'
  readonly key: string
  constructor(key: string) {
    super(`${key} not found`)
    this.key = key
  }
}

/** The object is at another revision than the caller believed. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError'
  readonly key: string
  readonly current: Stored
  constructor(key: string, current: Stored) {
    super(`${key} is at revision ${current.revision}`)
    this.key = key
    this.current = current
  }
}

/** The log no longer reaches back to the revision asked for. */
export class ExpiredError extends Error {
  override readonly name = 'ExpiredError'
  readonly revision: number
  readonly floor: number
  constructor(revision: number, floor: number) {
    super(`revision ${revision} is older than the log, which begins after ${floor}`)
    this.revision = revision
    this.floor = floor
  }
}

/** The revision asked for has not been written yet. */
export class FutureError extends Error {
  override readonly name = 'FutureError'
  readonly revision: number
  readonly current: number
  constructor(revision: number, current: number) {
    super(`revision ${revision} is larger than the newest, ${current}`)
    this.revision = revision
    this.current = current
  }
}

/** The object is larger than the store takes. Bytes. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError'
  readonly limit: number
  constructor(size: number, limit: number) {
    super(`object of ${size} bytes is larger than ${limit}`)
    this.limit = limit
  }
}

/** A collection kept in memory at a revision, brought up to date by replaying the log. Reads are as fresh as the last refresh(). */
export interface Informer {
  readonly collection: GroupResource
  /** Replays what happened since; afterwards reads show at least every write acknowledged before this call. Answers the revision. */
  refresh(): Promise<number>
  readonly revision: number
  get(key: string): Stored | undefined
  /** In key order. */
  list(prefix?: string): readonly Stored[]
  /** Objects that the named index function maps to `value`. */
  byIndex(index: string, value: string): readonly Stored[]
  /** Registers an index; existing objects are indexed at once. The same name twice is the same index. */
  addIndex(index: string, valuesOf: (object: KubeObject) => readonly string[]): void
}

/** The store cannot be reached, or cannot tell whether a write happened. Trying again later may help. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError'
}
