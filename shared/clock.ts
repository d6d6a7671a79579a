// Time as a dependency: the system's, or one that a test turns by hand.

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Runs something at a time (at once when that has passed). Answers how to call it off. */
  at(time: number, run: () => void): () => void
}

/** setTimeout takes no more than 2^31-1 ms. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: Date.now,
  at(time, run) {
    let timer: NodeJS.Timeout
    const wait = () => {
      const left = time - Date.now()
      timer = left > LONGEST_TIMEOUT_MS ? setTimeout(wait, LONGEST_TIMEOUT_MS) : setTimeout(run, Math.max(0, left))
    }
    wait()
    return () => clearTimeout(timer)
  },
}

/** Resolves after so many milliseconds. */
export const sleep = (clock: Clock, milliseconds: number): Promise<void> =>
  new Promise(resolve => {
    clock.at(clock.now() + milliseconds, resolve)
  })

/** Stands still until it is told to advance. */
export class ManualClock implements Clock {
  #now: number
  #timers: { time: number; run: () => void }[] = []

  constructor(now = Date.UTC(2030, 0, 1)) {
    this.#now = now
  }

  readonly now = (): number => this.#now

  at(time: number, run: () => void): () => void {
    const timer = { time, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer)
    }
  }

  /** The time of the next timer, if there is one. */
  get next(): number | undefined {
    return this.#timers.length === 0 ? undefined : Math.min(...this.#timers.map(timer => timer.time))
  }

  /** How many timers there are. */
  get pending(): number {
    return this.#timers.length
  }

  /** Lets time pass and runs what became due, in order of time. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    for (;;) {
      const next = this.next
      if (next === undefined || next > end) break
      this.#now = Math.max(this.#now, next)
      const due = this.#timers.filter(timer => timer.time <= this.#now)
      this.#timers = this.#timers.filter(timer => timer.time > this.#now)
      for (const timer of due) timer.run()
    }
    this.#now = end
  }
}
