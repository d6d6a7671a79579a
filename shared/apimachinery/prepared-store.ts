// A store of which every object is made ready before it is handed out: conversions that somebody else makes are waited for here, so that
// nothing that reads a store need know of them.
import type { Change, ListOptions, ListResult, Store, Stored, WatchItem, WatchOptions } from '../store/types.ts'
import type { GroupResource, KubeObject } from './types.ts'

type Prepare = (objects: readonly KubeObject[]) => Promise<void>

export class PreparedStore implements Store {
  readonly #store: Store
  readonly #prepare: Prepare
  readonly #concerns: (collection: GroupResource) => boolean

  /** Objects of other collections are handed out as they are. */
  constructor(store: Store, { group, resource }: GroupResource, prepare: Prepare) {
    this.#store = store
    this.#prepare = prepare
    this.#concerns = collection => collection.group === group && collection.resource === resource
  }

  async #ready(collection: GroupResource, stored: Stored): Promise<Stored> {
    if (this.#concerns(collection)) await this.#prepare([stored.object])
    return stored
  }

  async get(collection: GroupResource, key: string): Promise<Stored | undefined> {
    const stored = await this.#store.get(collection, key)
    return stored === undefined ? undefined : this.#ready(collection, stored)
  }

  /** What was seen last may not have been made ready. */
  recall(collection: GroupResource, key: string): Stored | undefined {
    return this.#concerns(collection) ? undefined : this.#store.recall(collection, key)
  }

  async list(collection: GroupResource, options?: ListOptions): Promise<ListResult> {
    const result = await this.#store.list(collection, options)
    if (this.#concerns(collection)) await this.#prepare(result.items.map(({ object }) => object))
    return result
  }

  revision(collection: GroupResource): Promise<number> {
    return this.#store.revision(collection)
  }

  async create(collection: GroupResource, key: string, object: KubeObject): Promise<Stored> {
    return this.#ready(collection, await this.#store.create(collection, key, object))
  }

  async update(collection: GroupResource, key: string, object: KubeObject, revision: number): Promise<Stored> {
    return this.#ready(collection, await this.#store.update(collection, key, object, revision))
  }

  async delete(collection: GroupResource, key: string, object: KubeObject, revision: number): Promise<Stored> {
    return this.#ready(collection, await this.#store.delete(collection, key, object, revision))
  }

  changes(...args: Parameters<Store['changes']>): ReturnType<Store['changes']> {
    return this.#store.changes(...args)
  }

  changesSeen(...args: Parameters<Store['changesSeen']>): ReturnType<Store['changesSeen']> {
    return this.#store.changesSeen(...args)
  }

  async *watch(collection: GroupResource, options: WatchOptions): AsyncIterable<WatchItem> {
    for await (const item of this.#store.watch(collection, options)) {
      if ('change' in item && this.#concerns(collection)) await this.#prepare(statesOf(item.change))
      yield item
    }
  }
}

const statesOf = ({ object, previous }: Change): KubeObject[] => (previous === undefined ? [object] : [object, previous])
