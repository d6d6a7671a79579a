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

  /** @param longest milliseconds after which it is woken in any case */
  async called(longest?: number): Promise<void> {
    if (!this.#pending) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>(resolve => {
        this.#resolve = resolve
        if (longest !== undefined) timer = setTimeout(this.call, longest)
      })
      clearTimeout(timer)
    }
    this.#pending = false
  }
}
