// Looks for new changes while somebody watches: often after one was seen, ever more seldom when nothing happens. All watches of one
// collection in one process share one poller, so a hundred idle watches cost as much as one.
import type { Clock } from '../../clock.ts'
import { Wake } from '../wake.ts'

export interface PollTimes {
  /** Milliseconds between looks just after a change... */
  readonly shortest: number
  /** ... and at most. */
  readonly longest: number
}

export interface Subscriber {
  /** There may be something new. */
  wake(): void
  /** Looking has failed. */
  fail(error: unknown): void
}

const GROWTH = 1.5

export class Poller {
  readonly #look: () => Promise<unknown>
  readonly #times: PollTimes
  readonly #clock: Clock
  readonly #subscribers = new Set<Subscriber>()
  readonly #hint = new Wake()
  #interval: number
  #running = false

  constructor(look: () => Promise<unknown>, times: PollTimes, clock: Clock) {
    this.#look = look
    this.#times = times
    this.#clock = clock
    this.#interval = times.shortest
  }

  /** Answers how to unsubscribe. */
  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber)
    if (!this.#running) void this.#run()
    return () => {
      this.#subscribers.delete(subscriber)
      if (this.#subscribers.size === 0) this.#hint.call()
    }
  }

  /** Something has been written: look at once. */
  hint(): void {
    if (this.#running) this.#hint.call()
  }

  /** New changes are known, whoever found them. */
  changed(): void {
    this.#interval = this.#times.shortest
    for (const subscriber of this.#subscribers) subscriber.wake()
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#subscribers.size > 0) {
      try {
        await this.#look()
      } catch (error) {
        for (const subscriber of this.#subscribers) subscriber.fail(error)
      }
      if (this.#subscribers.size === 0) break
      await this.#hint.calledWithin(this.#interval, this.#clock)
      this.#interval = Math.min(this.#interval * GROWTH, this.#times.longest)
    }
    this.#running = false
  }
}
