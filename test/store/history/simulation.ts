// A world with a seed: time that passes only when everybody waits, and chance that repeats.
import type { Clock } from '../../../shared/clock.ts'

/** Mulberry32: small, fast, and good enough to shuffle events. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export class Simulation implements Clock {
  readonly random: () => number
  #now = Date.UTC(2030, 0, 1)
  #sequence = 0
  #timers: { readonly time: number; readonly order: number; readonly run: () => void }[] = []

  constructor(seed: number) {
    this.random = seeded(seed)
  }

  readonly now = (): number => this.#now

  at(time: number, run: () => void): () => void {
    const timer = { time: Math.max(time, this.#now), order: this.#sequence++, run }
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#timers[middle]!.time <= timer.time) low = middle + 1
      else high = middle
    }
    this.#timers.splice(low, 0, timer)
    return () => {
      const index = this.#timers.indexOf(timer)
      if (index >= 0) this.#timers.splice(index, 1)
    }
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      this.at(this.#now + milliseconds, resolve)
    })
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low)
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!
  }

  chance(probability: number): boolean {
    return this.random() < probability
  }

  /** Lets time pass until the work is done. @throws when everybody waits for nothing */
  async run<T>(work: Promise<T>): Promise<T> {
    const realRandom = Math.random
    Math.random = this.random
    let done = false
    const settled = work.finally(() => {
      done = true
    })
    settled.catch(() => {})
    try {
      for (;;) {
        // Promises settle before the next timer.
        await new Promise(resolve => setImmediate(resolve))
        if (done) break
        const next = this.#timers.shift()
        if (next === undefined) throw new Error('the simulation stands still: somebody waits for what never comes')
        this.#now = Math.max(this.#now, next.time)
        next.run()
      }
    } finally {
      Math.random = realRandom
    }
    return settled
  }
}
