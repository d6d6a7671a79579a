// What pods use, for as long as somebody wants to know. Agents measure in any case and bring the figures with every report; they are kept
// only while there is demand for them, because keeping them costs a write unit each.
//
//   kubectl top, or an autoscaler: want("shop")    the note "usage-wanted shop", for five minutes
//   agent: report                                  looked up at most every 15 s: wanted -> the note "usage shop/web-1", and "report every 15 s"
//   kubectl top, or an autoscaler: list("shop")    the notes of the last 90 s
import type { Notes } from '../store/notes.ts'

export interface ContainerUse {
  readonly name: string
  /** Billionths of a core. */
  readonly nanoCores: number
  readonly memoryBytes: number
}

export interface PodUsage {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly node: string
  /** End of the window that was measured, and its length: milliseconds. */
  readonly at: number
  readonly window: number
  readonly containers: readonly ContainerUse[]
}

/** All namespaces. */
export const EVERYWHERE = '*'

/** So often agents report while their figures are wanted: metrics-server's resolution, and the autoscaler's period. */
export const REPORT_SECONDS = 15

const USAGE = 'usage'
const WANTED = 'usage-wanted'
/** So long after the last question figures are kept. */
const DEMAND_MS = 300_000
/** Demand is noted again when less than this is left of it: a write every two minutes and a half. */
const RENEW_MS = 150_000
/** How long a process goes by what it knows of demand. */
const LOOK_MS = 15_000
/** Figures that were not replaced for so long are of no use. */
const FRESH_MS = 90_000

export class UsageBook {
  readonly #notes: Notes
  readonly #now: () => number
  /** Demand as this process knows it: until when, by namespace. */
  #demand: ReadonlyMap<string, number> = new Map()
  #looked = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined
  /** What this process noted last of each pod: a report without new figures is not noted twice. */
  readonly #noted = new Map<string, number>()

  constructor(notes: Notes, now: () => number) {
    this.#notes = notes
    this.#now = now
  }

  /** Somebody wants the figures of a namespace, or of all. Answers whether they were wanted before. */
  async want(namespace: string): Promise<boolean> {
    const now = this.#now()
    if (now - this.#looked > LOOK_MS) await this.#look()
    const until = this.#demand.get(namespace) ?? 0
    if (until - now >= RENEW_MS) return true
    await this.#notes.put(WANTED, namespace, now + DEMAND_MS, now + DEMAND_MS)
    this.#demand = new Map(this.#demand).set(namespace, now + DEMAND_MS)
    return until > now
  }

  async wanted(namespace: string): Promise<boolean> {
    const now = this.#now()
    if (now - this.#looked > LOOK_MS) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined
      })
      await this.#looking
    }
    return [namespace, EVERYWHERE].some(place => (this.#demand.get(place) ?? 0) > now)
  }

  async #look(): Promise<void> {
    const at = this.#now()
    const notes = await this.#notes.list(WANTED)
    const found = new Map(notes.map(({ key, value }) => [key, Number(value)]))
    // What this process put a moment ago may not be in the list yet.
    for (const [key, until] of this.#demand) if (until > (found.get(key) ?? 0)) found.set(key, until)
    this.#demand = found
    this.#looked = at
  }

  async put(usage: PodUsage): Promise<void> {
    if (this.#noted.get(usage.uid) === usage.at) return
    if (this.#noted.size > 10_000) this.#noted.clear()
    await this.#notes.put(USAGE, `${usage.namespace}/${usage.name}`, usage, this.#now() + FRESH_MS)
    this.#noted.set(usage.uid, usage.at)
  }

  /** The last figures of one pod. */
  async get(namespace: string, name: string): Promise<PodUsage | undefined> {
    return (await this.#notes.get(USAGE, `${namespace}/${name}`)) as PodUsage | undefined
  }

  /** Of a namespace, or of all, by namespace and name. */
  async list(namespace: string): Promise<readonly PodUsage[]> {
    const notes = await this.#notes.list(USAGE, namespace === EVERYWHERE ? '' : `${namespace}/`)
    return notes.map(({ value }) => value as PodUsage)
  }
}
