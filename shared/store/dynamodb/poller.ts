// Looks for new changes while somebody watches: often after one was seen, ever more seldom when nothing happens. All watches of one
// collection in one process share one poller, so a hundred idle watches cost as much as one.
import type { Clock } from '../../clock.ts'
import type { Change } from '../types.ts'
import { type Waiter, Waiters } from '../waiters.ts'
import { Wake } from '../wake.ts'

export interface PollTimes {
  /** Milliseconds between looks just after a change... */
  readonly shortest: number
  /** ... and at most. */
  readonly longest: number
}

const GROWTH = 1.5
/** So many looks in a row (each with the SDK's own retries) may fail before watches are ended: ending one makes its client list again. */
const FAILURES_BORNE = 4

export class Poller {
  readonly #look: () => Promise<unknown>
  readonly #times: PollTimes
  readonly #clock: Clock
  readonly #waiters: Waiters
  readonly #hint = new Wake()
  #interval: number
  #running = false

  constructor(look: () => Promise<unknown>, times: PollTimes, clock: Clock) {
    this.#look = look
    this.#times = times
    this.#clock = clock
    this.#waiters = new Waiters(clock)
    this.#interval = times.shortest
  }

  /** Looks for changes until the waiter is removed. */
  add(prefix: string): Waiter {
    const waiter = this.#waiters.add(prefix)
    if (!this.#running) void this.#run()
    return waiter
  }

  /** Something has been written: look at once. */
  hint(): void {
    if (this.#running) this.#hint.call()
  }

  /** A change is known, whoever found it. Undefined: nobody knows what has changed. */
  changed(change: Change | undefined): void {
    this.#interval = this.#times.shortest
    if (change === undefined) this.#waiters.all()
    else this.#waiters.changed(change.key, change.revision)
  }

  async #run(): Promise<void> {
    this.#running = true
    let failures = 0
    while (this.#waiters.size > 0) {
      try {
        await this.#look()
        failures = 0
      } catch (error) {
        failures++
        if (failures > FAILURES_BORNE) this.#waiters.fail(error)
      }
      if (this.#waiters.size === 0) break
      await this.#hint.calledWithin(this.#interval, this.#clock)
      this.#interval = Math.min(this.#interval * GROWTH, this.#times.longest)
    }
    this.#running = false
  }
}
