// A collection kept in memory at a revision. It lists once, and then only replays what changed: reads are as fresh as a list
// and cost what changed, not what exists.
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'
import { Coalesced } from './coalesced.ts'
import { OrderedItems } from './ordered-items.ts'
import type { Change, Informer, Store, Stored } from './types.ts'
import { ExpiredError } from './types.ts'

interface Index {
  readonly valuesOf: (object: KubeObject) => readonly string[]
  readonly byValue: Map<string, Map<string, Stored>>
}

export class StoreInformer implements Informer {
  readonly collection: GroupResource
  readonly #store: Store
  readonly #items = new OrderedItems()
  readonly #indexes = new Map<string, Index>()
  #revision: number | undefined
  readonly #refresh = new Coalesced(() => this.#catchUp())

  constructor(store: Store, collection: GroupResource) {
    this.#store = store
    this.collection = collection
  }

  get revision(): number {
    return this.#revision ?? 0
  }

  refresh(): Promise<number> {
    return this.#refresh.run()
  }

  /** Brings in what this process has seen already, at no cost. Answers the revision; undefined when nothing was loaded yet. */
  async catchUpWithSeen(): Promise<number | undefined> {
    if (this.#revision === undefined) return undefined
    const { changes, revision } = await this.#store.changesSeen(this.collection, this.#revision)
    return this.#replay(changes, revision)
  }

  get(key: string): Stored | undefined {
    return this.#items.get(key)
  }

  list(prefix?: string): readonly Stored[] {
    return this.#items.list(prefix)
  }

  byIndex(index: string, value: string): readonly Stored[] {
    const found = this.#indexes.get(index)
    if (found === undefined) throw new Error(`informer of ${this.collection.resource} has no index ${index}`)
    return [...(found.byValue.get(value)?.values() ?? [])]
  }

  addIndex(name: string, valuesOf: (object: KubeObject) => readonly string[]): void {
    if (this.#indexes.has(name)) return
    const index: Index = { valuesOf, byValue: new Map() }
    this.#indexes.set(name, index)
    for (const item of this.#items.list()) addTo(index, item)
  }

  async #catchUp(): Promise<number> {
    if (this.#revision === undefined) return this.#load()
    try {
      const { changes, revision } = await this.#store.changes(this.collection, this.#revision)
      return this.#replay(changes, revision)
    } catch (error) {
      // Asleep for longer than the log is kept.
      if (error instanceof ExpiredError) return this.#load()
      throw error
    }
  }

  /** Two who read the log at the same time bring the same changes; the second finds them applied. */
  #replay(changes: readonly Change[], revision: number): number {
    for (const change of changes) {
      if (change.revision <= this.revision) continue
      this.#apply(change)
      this.#revision = change.revision
    }
    this.#revision = Math.max(this.revision, revision)
    return this.#revision
  }

  async #load(): Promise<number> {
    const { items, revision } = await this.#store.list(this.collection)
    this.#items.clear()
    for (const index of this.#indexes.values()) index.byValue.clear()
    for (const item of items) this.#put(item)
    this.#revision = revision
    return revision
  }

  #apply({ type, key, revision, object }: Change): void {
    if (type === 'deleted') this.#forget(this.#items.remove(key))
    else this.#put({ key, revision, object })
  }

  #put(item: Stored): void {
    const old = this.#items.set(item)
    for (const index of this.#indexes.values()) {
      if (old !== undefined) removeFrom(index, old)
      addTo(index, item)
    }
  }

  #forget(old: Stored | undefined): void {
    if (old === undefined) return
    for (const index of this.#indexes.values()) removeFrom(index, old)
  }
}

function addTo({ valuesOf, byValue }: Index, item: Stored): void {
  for (const value of valuesOf(item.object)) {
    const items = byValue.get(value)
    if (items === undefined) byValue.set(value, new Map([[item.key, item]]))
    else items.set(item.key, item)
  }
}

function removeFrom({ valuesOf, byValue }: Index, item: Stored): void {
  for (const value of valuesOf(item.object)) {
    const items = byValue.get(value)
    items?.delete(item.key)
    if (items?.size === 0) byValue.delete(value)
  }
}
