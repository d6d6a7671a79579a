// A small collection kept in memory and brought up to date by the log: a list then costs one look at the log, like an informer's refresh,
// and answers what is newest all the same.
import { OrderedItems } from '../ordered-items.ts'
import { redo } from '../replay.ts'
import type { Stored } from '../types.ts'
import type { CollectionLog } from './collection-log.ts'
import type { ListSource } from './list.ts'

export class Snapshot {
  readonly #log: CollectionLog
  readonly #items = new OrderedItems()
  #revision: number

  private constructor(log: CollectionLog, items: readonly Stored[], revision: number) {
    this.#log = log
    this.#revision = revision
    for (const item of items) this.#items.set(item)
  }

  /** Undefined when the collection is larger than one page of a query (1 MB packed). */
  static async load({ table, objects, log, decode }: ListSource): Promise<Snapshot | undefined> {
    const before = await log.settled()
    const items: Stored[] = []
    let pages = 0
    for await (const page of table.query(objects)) {
      if (++pages > 1) return undefined
      for (const item of page) {
        const stored = await decode(item)
        if (stored !== undefined) items.push(stored)
      }
    }
    // Changes while the objects were read are applied by the first refresh: applying one that was seen already changes nothing.
    return new Snapshot(log, items, before)
  }

  /** @throws ExpiredError when it has slept for longer than the log is kept */
  async refresh(): Promise<number> {
    const now = await this.#log.sync()
    const { changes } = await this.#log.after(Math.min(this.#revision, now))
    for (const change of changes) {
      if (change.revision <= this.#revision) continue
      redo(this.#items, change)
      this.#revision = change.revision
    }
    this.#revision = Math.max(this.#revision, now)
    return this.#revision
  }

  list(prefix?: string): Stored[] {
    return this.#items.list(prefix)
  }
}
