// The log of one collection as this process knows it: settled up to a position, with the newest changes in memory, shared by lists,
// informers and all watches.
import { type Clock, sleep } from '../../clock.ts'
import { Coalesced } from '../coalesced.ts'
import type { Change, ChangesResult } from '../types.ts'
import { ExpiredError } from '../types.ts'
import { floorOf, type Head, settledBound } from './head.ts'
import { CHANGE_ATTRIBUTE, type Item, numberOf, skipItem, textOf } from './items.ts'
import { slotsAfter, type Table } from './table.ts'
import { DEAD_MS, GRACE_MS, MARK_EVERY_MS, RETENTION_MS } from './times.ts'

export interface LogOptions {
  readonly table: Table
  /** Partition of the log. */
  readonly pk: string
  readonly head: Head
  readonly clock: Clock
  /** Makes a change of a log item, which may mean to fetch the parts of a large one. */
  readonly decode: (item: Item) => Promise<Change>
  /** Each change as it enters the log, in order; undefined when the log was begun anew. */
  readonly onChange: (change: Change | undefined) => void
}

/** How many changes are kept in memory for watches and informers that are a little behind. */
const KEEP = 1000
/** How long to wait for an empty slot before looking again. */
const FIRST_LOOK_MS = 3
const LONGEST_LOOK_MS = 50
/** How many empty slots are fenced at once. */
const FENCE_AT_ONCE = 25

export class CollectionLog {
  readonly #options: LogOptions
  readonly #sync = new Coalesced(() => this.#read())
  /** Every slot up to here is decided, and everything in it has been seen. */
  #position: number | undefined
  /** All changes after #bufferStart up to #position. */
  #buffer: Change[] = []
  #bufferStart = 0
  /** When the position was known to be the log's end: what came after it is younger. */
  #freshAt = 0
  /** Older positions and when they were reached. */
  #reached: { readonly revision: number; readonly at: number }[] = []

  constructor(options: LogOptions) {
    this.#options = options
  }

  get position(): number | undefined {
    return this.#position
  }

  /** Changes after this are in memory. */
  get start(): number {
    return this.#bufferStart
  }

  /** A revision that was settled before the call, from which on the log is there. */
  async settled(): Promise<number> {
    await this.#begin()
    return this.#position! < this.#bufferStart ? this.sync() : this.#position!
  }

  /** Reads the log to its end. Answers the settled revision, which covers every write that was acknowledged before the call. */
  sync(): Promise<number> {
    return this.#sync.run()
  }

  /** The changes after `from` up to the position, which is the revision of the answer. @throws ExpiredError */
  async after(from: number): Promise<ChangesResult> {
    const position = this.#position ?? (await this.sync())
    if (from >= position) return { changes: [], revision: position }
    const older = from < this.#bufferStart ? await this.#fetch(from, this.#bufferStart) : { changes: [], upTo: from }
    // What follows does not wait, so the buffer and the position belong together.
    if (older.upTo < this.#bufferStart) return this.after(from)
    return { changes: [...older.changes, ...this.#buffered(older.upTo)], revision: this.#position ?? position }
  }

  /** A write of this process was committed: if it is the next change, which it answers, nobody needs to read it from the table. */
  absorb(change: Change): boolean {
    if (this.#position === undefined || change.revision !== this.#position + 1) return false
    this.#accept(change.revision, change)
    this.#freshAt = this.#options.clock.now()
    return true
  }

  /** Finds where to start from, unless that is known. */
  async #begin(): Promise<void> {
    const { head, clock, onChange } = this.#options
    // After a long sleep (a frozen function) parts of the log between then and now may be deleted.
    if (this.#position !== undefined && this.#freshAt < clock.now() - RETENTION_MS) this.#forget()
    if (this.#position !== undefined) return
    const state = await head.read()
    if (this.#position !== undefined) return
    this.#position = settledBound(state, clock.now())
    this.#bufferStart = Math.max(this.#position, floorOf(state, clock.now()))
    this.#freshAt = clock.now()
    onChange(undefined)
  }

  #buffered(from: number): readonly Change[] {
    let low = 0
    let high = this.#buffer.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#buffer[middle]!.revision <= from) low = middle + 1
      else high = middle
    }
    return this.#buffer.slice(low)
  }

  #accept(revision: number, change: Change | undefined): void {
    this.#position = revision
    if (change === undefined) return
    if (revision > this.#bufferStart) this.#buffer.push(change)
    if (this.#buffer.length >= 2 * KEEP) {
      const dropped = this.#buffer.splice(0, this.#buffer.length - KEEP)
      this.#bufferStart = dropped.at(-1)!.revision
    }
    // At once: who is told of a later change first believes that none before it concerned him.
    this.#options.onChange(change)
  }

  async #read(): Promise<number> {
    const { table, pk, clock, decode } = this.#options
    await this.#begin()
    const began = clock.now()
    let holeSince: number | undefined
    let hole = 0
    let look = FIRST_LOOK_MS
    for (;;) {
      let gap: { readonly from: number; readonly to: number } | undefined
      reading: for await (const page of table.query(pk, slotsAfter(this.#position!))) {
        for (const item of page) {
          const revision = Number(textOf(item, 'sk'))
          // A write of this process may have been absorbed while the answer was on its way.
          if (revision <= this.#position!) continue
          if (revision > this.#position! + 1 && !isOld(item, clock.now())) {
            gap = { from: this.#position! + 1, to: revision - 1 }
            break reading
          }
          const change = CHANGE_ATTRIBUTE in item ? await decode(item) : undefined
          if (revision > this.#position!) this.#accept(revision, change)
        }
      }
      if (gap === undefined) break

      // Somebody took the number and has not filled the slot yet. A change must not appear here after a later one was seen, so
      // either it comes soon, or the slot is closed to it.
      if (holeSince === undefined || hole !== gap.from) {
        hole = gap.from
        holeSince = clock.now()
        look = FIRST_LOOK_MS
      }
      if (clock.now() - holeSince < GRACE_MS) {
        await sleep(clock, look)
        look = Math.min(2 * look, LONGEST_LOOK_MS)
      } else {
        await this.#fence(gap.from, gap.to)
      }
    }
    this.#freshAt = began
    this.#remember(this.#position!, began)
    return this.#position!
  }

  /** Closes slots that are empty. What is in them afterwards, a change or nothing for ever, the next look tells. */
  async #fence(from: number, to: number): Promise<void> {
    const { table, pk, clock } = this.#options
    for (let first = from; first <= to; first += FENCE_AT_ONCE) {
      const count = Math.min(FENCE_AT_ONCE, to - first + 1)
      await Promise.all(Array.from({ length: count }, (_, index) => table.putIfAbsent(skipItem(pk, first + index, clock.now()))))
    }
  }

  #forget(): void {
    this.#position = undefined
    this.#buffer = []
    this.#bufferStart = 0
    this.#reached = []
  }

  #remember(revision: number, at: number): void {
    const newest = this.#reached.at(-1)
    if (newest !== undefined && newest.at > at - MARK_EVERY_MS) return
    this.#reached = [...this.#reached.filter(mark => mark.at > at - RETENTION_MS), { revision, at }]
  }

  /** Changes that have left memory, or were never in it. */
  async #fetch(from: number, upTo: number): Promise<{ readonly changes: readonly Change[]; readonly upTo: number }> {
    const { table, pk, head, clock, decode } = this.#options
    const isKept = this.#reached.some(mark => mark.revision <= from && mark.at >= clock.now() - RETENTION_MS)
    if (!isKept) {
      const floor = floorOf(await head.read(), clock.now())
      if (from < floor) throw new ExpiredError(from, floor)
    }
    const changes: Change[] = []
    for await (const page of table.query(pk, slotsAfter(from, upTo))) {
      for (const item of page) if (CHANGE_ATTRIBUTE in item) changes.push(await decode(item))
    }
    return { changes, upTo }
  }
}

/** Whether the numbers before this slot's were taken too long ago to be used any more: empty slots before it stay empty. */
function isOld(item: Item, now: number): boolean {
  return (numberOf(item, 'at') ?? now) < now - DEAD_MS
}
