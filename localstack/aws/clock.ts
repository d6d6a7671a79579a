// Time for the whole local AWS. Nothing here ticks: a timer exists only while something is due, so an idle emulator costs nothing.

export type Cancel = () => void

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Runs once at that time (at once, but never synchronously, when it has passed). */
  at(time: number, run: () => void): Cancel
}

/** setTimeout keeps 31 bits of milliseconds; longer waits are made of several. */
const LONGEST = 2 ** 31 - 1

export const systemClock: Clock = {
  now: Date.now,
  at(time, run) {
    let timer: NodeJS.Timeout
    const arm = () => {
      const left = time - Date.now()
      timer = left > LONGEST ? setTimeout(arm, LONGEST) : setTimeout(run, Math.max(0, left))
    }
    arm()
    return () => clearTimeout(timer)
  },
}

/** A clock that a test turns by hand. Timers run in order of their time, those of one time in order of their making. */
export class ManualClock implements Clock {
  #now: number
  #timers: { time: number; run: () => void }[] = []

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  at(time: number, run: () => void): Cancel {
    const timer = { time: Math.max(time, this.#now), run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer)
    }
  }

  /** Runs everything due within the next `milliseconds`, letting promises settle after each step. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    await settle()
    for (;;) {
      const next = this.#timers.filter(({ time }) => time <= end).sort((a, b) => a.time - b.time)[0]
      if (!next) break
      this.#timers = this.#timers.filter(timer => timer !== next)
      this.#now = Math.max(this.#now, next.time)
      next.run()
      await settle()
    }
    this.#now = end
    await settle()
  }
}

/** Lets pending promise chains run: a turn of the event loop comes after all microtasks. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
}
