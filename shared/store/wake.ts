import type { Clock } from '../clock.ts'

/** One waiter that can be woken: a call that comes before called() is not lost. */
export class Wake {
  #resolve: (() => void) | undefined
  #pending = false

  readonly call = (): void => {
    if (this.#resolve === undefined) this.#pending = true
    else {
      this.#resolve()
      this.#resolve = undefined
    }
  }

  async called(): Promise<void> {
    if (!this.#pending) await new Promise<void>(resolve => (this.#resolve = resolve))
    this.#pending = false
  }

  /** Resolves after so many milliseconds in any case. */
  async calledWithin(milliseconds: number, clock: Clock): Promise<void> {
    const cancel = clock.at(clock.now() + milliseconds, this.call)
    await this.called()
    cancel()
  }
}
