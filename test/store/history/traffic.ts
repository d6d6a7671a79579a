// Several processes that write, read, list and watch one small collection at the same time, as API servers and controllers do, and
// note what they see.
import type { GroupResource } from '../../../shared/apimachinery/types.ts'
import { splitKey } from '../../../shared/apimachinery/types.ts'
import type { Store, Stored, WatchItem } from '../../../shared/store/types.ts'
import { emptyHistory, type History, type Marked, type WriteRecord } from './record.ts'

export interface Process {
  readonly store: Store
  /** The process ends in the middle of whatever it does. */
  crash(): void
}

export interface TrafficOptions {
  readonly random: () => number
  readonly sleep: (milliseconds: number) => Promise<void>
  readonly open: () => Process
  /** A refresh of an informer over the store, and what it shows then. */
  readonly informer: (store: Store) => {
    refresh(): Promise<number>
    catchUpWithSeen(): Promise<number | undefined>
    list(): readonly Stored[]
  }
  readonly processes: number
  readonly workers: number
  readonly operations: number
  /** Share of operations that write: where much is read, holes in the log are closed before much can happen in them. */
  readonly writes: number
  /** Probability, per operation, that the process crashes. */
  readonly crash: number
}

const collection: GroupResource = { group: 'example.com', resource: 'docs' }
const KEYS = ['a/1', 'a/2', 'a/3', 'b/1', 'b/2', 'b/3', 'b/4']
const REFUSALS = new Set(['ExistsError', 'ConflictError', 'NotFoundError'])

export async function drive(options: TrafficOptions): Promise<History> {
  const history = emptyHistory()
  const clock = { time: 0, marks: 0 }
  const stopping = new AbortController()
  const lives = Array.from({ length: options.processes }, (_, n) => new Life(options, history, clock, `p${n}`, stopping.signal))
  await Promise.all(lives.flatMap(life => Array.from({ length: options.workers }, () => life.work())))
  // Watches get the time to see the end.
  await options.sleep(3000)
  stopping.abort()
  await options.sleep(3000)
  for (const life of lives) life.noteWatches()
  return history
}

/** One process after another under one name: when one crashes, the next takes over. */
class Life {
  readonly #options: TrafficOptions
  readonly #history: History
  readonly #clock: { time: number; marks: number }
  readonly #name: string
  readonly #stopping: AbortSignal
  #process: Process
  #generation = 0
  #informer: ReturnType<TrafficOptions['informer']>
  /** Ends everything that waits for a process that is dead. */
  #dying = Promise.withResolvers<'dead'>()
  #seen = new Map<string, Stored>()
  #watches: { readonly from: number; readonly prefix: string; readonly items: WatchItem[]; readonly process: string }[] = []

  constructor(options: TrafficOptions, history: History, clock: { time: number; marks: number }, name: string, stopping: AbortSignal) {
    this.#options = options
    this.#history = history
    this.#clock = clock
    this.#name = name
    this.#stopping = stopping
    this.#process = options.open()
    this.#informer = options.informer(this.#process.store)
  }

  async work(): Promise<void> {
    for (let n = 0; n < this.#options.operations; n++) {
      if (this.#chance(this.#options.crash)) this.#crash()
      await this.#one()
      if (this.#chance(0.3)) await this.#options.sleep(this.#options.random() * 20)
    }
  }

  noteWatches(): void {
    this.#history.watches.push(...this.#watches)
  }

  #crash(): void {
    this.#process.crash()
    this.#dying.resolve('dead')
    this.#dying = Promise.withResolvers()
    this.#generation++
    this.#process = this.#options.open()
    this.#informer = this.#options.informer(this.#process.store)
    this.#seen = new Map()
  }

  async #one(): Promise<void> {
    const choice = this.#options.random()
    const key = KEYS[Math.floor(this.#options.random() * KEYS.length)]!
    if (choice < this.#options.writes) return this.#write(key)
    const read = this.#options.random()
    if (read < 0.24) return void (await this.#get(key))
    if (read < 0.48) return this.#list()
    if (read < 0.6) return this.#revision()
    if (read < 0.84) return this.#refresh()
    this.#watch()
  }

  async #write(key: string): Promise<void> {
    // Mostly what is there; sometimes what was there once.
    const remembered = this.#chance(0.3) ? this.#process.store.recall(collection, key) : undefined
    const known = remembered ?? this.#seen.get(key) ?? (this.#chance(0.8) ? await this.#get(key) : undefined)
    const type = known === undefined ? 'created' : this.#chance(0.75) ? 'updated' : 'deleted'
    const mark = `m${++this.#clock.marks}`
    const object: Marked = { apiVersion: 'example.com/v1', kind: 'Doc', metadata: splitKey(key), mark }
    const expected = type === 'created' ? undefined : known!.revision
    const write = { type, key, mark, expected } as const
    await this.#span(
      store =>
        type === 'created'
          ? store.create(collection, key, object)
          : type === 'updated'
            ? store.update(collection, key, object, expected!)
            : store.delete(collection, key, object, expected!),
      (span, result) => {
        if ('value' in result) {
          if (type === 'deleted') this.#seen.delete(key)
          else this.#seen.set(key, result.value)
          this.#note({ ...span, ...write, outcome: 'done', revision: result.value.revision })
        } else {
          this.#seen.delete(key)
          this.#note({ ...span, ...write, outcome: REFUSALS.has(result.name) ? 'refused' : 'unknown', revision: undefined })
        }
      },
    )
  }

  #note(record: WriteRecord): void {
    this.#history.writes.push(record)
  }

  async #get(key: string): Promise<Stored | undefined> {
    let found: Stored | undefined
    await this.#span(
      store => store.get(collection, key),
      (span, result) => {
        if (!('value' in result)) return
        found = result.value
        if (found !== undefined) this.#seen.set(key, found)
        this.#history.reads.push({ ...span, key, found })
      },
    )
    return found
  }

  async #list(): Promise<void> {
    const prefix = this.#chance(0.5) ? '' : this.#chance(0.5) ? 'a/' : 'b/'
    const limit = this.#chance(0.5) ? undefined : 1 + Math.floor(this.#options.random() * 3)
    const back = this.#chance(0.3) ? Math.floor(this.#options.random() * 10) : 0
    let at: number | undefined
    await this.#span(
      async store => {
        if (back > 0) at = Math.max(1, (await store.revision(collection)) - back)
        const items: Stored[] = []
        let page = await store.list(collection, { prefix, limit, at })
        const { revision } = page
        items.push(...page.items)
        while (page.next !== undefined) {
          await this.#options.sleep(this.#options.random() * 10)
          page = await store.list(collection, { prefix, limit, at: revision, after: page.next })
          items.push(...page.items)
        }
        return { items, revision }
      },
      (span, result) => {
        if ('value' in result) this.#history.lists.push({ ...span, prefix, at, ...result.value })
      },
    )
  }

  async #revision(): Promise<void> {
    await this.#span(
      store => store.revision(collection),
      (span, result) => {
        if ('value' in result) this.#history.revisions.push({ ...span, revision: result.value })
      },
    )
  }

  async #refresh(): Promise<void> {
    await this.#span(
      async () => {
        const informer = this.#informer
        const seen = this.#chance(0.3) ? await informer.catchUpWithSeen() : undefined
        const revision = seen ?? (await informer.refresh())
        // Read at once: the next refresh changes it.
        return { revision, items: informer.list(), isFresh: seen === undefined }
      },
      (span, result) => {
        if ('value' in result) this.#history.informers.push({ ...span, ...result.value })
      },
    )
  }

  #watch(): void {
    const known = this.#history.lists.at(-1)?.revision ?? 1
    const from = this.#chance(0.5) ? known : Math.max(1, known - Math.floor(this.#options.random() * 20))
    const prefix = this.#chance(0.6) ? '' : 'a/'
    void this.#follow(from, prefix, 2)
  }

  /** Watches, ends sometime, and goes on from where it was: through the same process or another. */
  async #follow(from: number, prefix: string, resumptions: number): Promise<void> {
    const items: WatchItem[] = []
    this.#watches.push({ from, prefix, items, process: `${this.#name}.${this.#generation}` })
    const abort = new AbortController()
    const stop = () => abort.abort()
    this.#stopping.addEventListener('abort', stop)
    const generation = this.#generation
    let position = from
    try {
      for await (const item of this.#process.store.watch(collection, { from, prefix, signal: abort.signal })) {
        if (generation !== this.#generation) return
        items.push(item)
        position = Math.max(position, 'change' in item ? item.change.revision : item.progress)
        if (resumptions > 0 && this.#chance(0.05)) break
      }
    } catch {
      // It failed, as watches do; what it has said until then must be true all the same.
    } finally {
      abort.abort()
      this.#stopping.removeEventListener('abort', stop)
    }
    if (!this.#stopping.aborted && resumptions > 0) await this.#follow(position, prefix, resumptions - 1)
  }

  async #span<T>(
    call: (store: Store) => Promise<T>,
    note: (span: { process: string; start: number; end: number }, result: { readonly value: T } | { readonly name: string }) => void,
  ): Promise<void> {
    const process = `${this.#name}.${this.#generation}`
    const start = ++this.#clock.time
    const settled = call(this.#process.store).then(
      value => ({ value }),
      (error: unknown) => ({ name: (error as Error).name }),
    )
    const result = await Promise.race([settled, this.#dying.promise])
    if (result === 'dead') note({ process, start, end: Number.POSITIVE_INFINITY }, { name: 'Crashed' })
    else note({ process, start, end: ++this.#clock.time }, result)
  }

  #chance(probability: number): boolean {
    return this.#options.random() < probability
  }
}
