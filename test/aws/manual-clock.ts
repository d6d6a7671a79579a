// A clock that a test turns by hand, and that lets promises settle whenever something became due.
import { type Clock, ManualClock as Turned } from '../../shared/clock.ts'

export class ManualClock implements Clock {
  readonly #clock: Turned

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#clock = new Turned(now)
  }

  now(): number {
    return this.#clock.now()
  }

  at(time: number, run: () => void): () => void {
    return this.#clock.at(time, run)
  }

  /** How much is due at some time. */
  get pending(): number {
    return this.#clock.pending
  }

  async advance(milliseconds: number): Promise<void> {
    const end = this.#clock.now() + milliseconds
    await settle()
    for (;;) {
      const { next } = this.#clock
      if (next === undefined || next > end) break
      this.#clock.advance(Math.max(0, next - this.#clock.now()))
      await settle()
    }
    this.#clock.advance(end - this.#clock.now())
    await settle()
  }
}

/** A turn of the event loop comes after all microtasks. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
}
