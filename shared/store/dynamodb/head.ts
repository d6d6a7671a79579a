// The head of a collection hands out revisions, and remembers enough about time to tell how far the log reaches back.
import { INITIAL_REVISION } from '../revisions.ts'
import { type Item, type Mark, marksOf, marksText, N, numberOf, S } from './items.ts'
import type { Table } from './table.ts'
import { DEAD_MS, MARK_EVERY_MS, RETENTION_MS } from './times.ts'

const SORT_KEY = 'head'

/** What the head says: the newest number taken, when that was, and marks of older ones. */
export interface HeadState {
  readonly revision: number
  /** When the newest number was taken. */
  readonly at: number
  /** A revision that somebody saw settled. */
  readonly settled: number
  readonly marks: readonly Mark[]
}

export class Head {
  readonly #table: Table
  readonly #pk: string
  readonly #now: () => number
  /** Newest revision that this process saw settled; goes along with every number that is taken, at no cost. */
  readonly #settled: () => number | undefined
  #waiting: { readonly resolve: (revision: number) => void; readonly reject: (error: unknown) => void }[] = []
  #busy = false

  constructor(table: Table, pk: string, now: () => number, settled: () => number | undefined) {
    this.#table = table
    this.#pk = pk
    this.#now = now
    this.#settled = settled
  }

  async read(): Promise<HeadState> {
    return stateOf(await this.#table.get(this.#pk, SORT_KEY))
  }

  /** Takes the next number. Callers who wait while a call is on its way share the one after it: one call can take many numbers. */
  next(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (!this.#busy) void this.#serve()
    })
  }

  async #serve(): Promise<void> {
    this.#busy = true
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting
      this.#waiting = []
      try {
        const before = await this.#take(waiting.length)
        for (const [index, { resolve }] of waiting.entries()) resolve(before + 1 + index)
      } catch (error) {
        for (const { reject } of waiting) reject(error)
      }
    }
    this.#busy = false
  }

  /** Answers the revision before those that were taken. A lost reply costs numbers that nobody uses: readers fence them. */
  async #take(count: number): Promise<number> {
    const now = this.#now()
    const settled = this.#settled()
    const old = stateOf(
      await this.#table.update(
        this.#pk,
        SORT_KEY,
        `SET rev = if_not_exists(rev, :initial) + :count, #at = :now${settled === undefined ? '' : ', settled = :settled'}`,
        {
          ':initial': N(INITIAL_REVISION),
          ':count': N(count),
          ':now': N(now),
          ...(settled === undefined ? {} : { ':settled': N(settled) }),
        },
        { '#at': 'at' },
      ),
    )
    await this.#mark(old, now)
    return old.revision
  }

  async #mark({ revision, at, marks }: HeadState, now: number): Promise<void> {
    const newest = marks.at(-1)
    if (newest !== undefined && newest.next > now - MARK_EVERY_MS) return
    const kept = marks.filter(mark => mark.next > now - RETENTION_MS - MARK_EVERY_MS)
    const text = marksText([...kept, { revision, last: at, next: now }])
    try {
      await this.#table.update(this.#pk, SORT_KEY, 'SET marks = :marks', { ':marks': S(text) })
    } catch {
      // Whoever writes next tries again; until then the log seems to reach back less far than it does.
    }
  }
}

function stateOf(item: Item | undefined): HeadState {
  if (item === undefined) return { revision: INITIAL_REVISION, at: 0, settled: INITIAL_REVISION, marks: [] }
  return {
    revision: numberOf(item, 'rev') ?? INITIAL_REVISION,
    at: numberOf(item, 'at') ?? 0,
    settled: numberOf(item, 'settled') ?? INITIAL_REVISION,
    marks: marksOf(item),
  }
}

/** A revision that is surely settled: somebody saw it, or its numbers were taken too long ago to be used any more. */
export function settledBound({ revision, at, settled, marks }: HeadState, now: number): number {
  if (at < now - DEAD_MS) return revision
  return Math.max(settled, ...marks.filter(mark => mark.last < now - DEAD_MS).map(mark => mark.revision))
}

/** The oldest revision from which the log is complete: nothing after it has been deleted yet. */
export function floorOf({ revision, marks }: HeadState, now: number): number {
  // Numbers after a mark's revision were taken at `next` or later, so their log items live at least until next + RETENTION_MS.
  const reaching = marks.filter(mark => mark.next >= now - RETENTION_MS)
  return Math.min(revision, ...reaching.map(mark => mark.revision))
}
