/**
 * Makes many callers share one piece of work that answers "how are things now". A run that has already begun may have looked before
 * the caller's last write, so it cannot serve a caller who comes later; the run after it serves everybody who came in the meantime.
 *
 *   run 1   : look ........ done
 *   writer  :        write, acknowledged
 *   caller A:              |  (waits for run 1)  run 2: look ... done: shows the write
 *   caller B:                |                   shares run 2
 */
export class Coalesced<T> {
  readonly #work: () => Promise<T>
  #running: Promise<T> | undefined
  #next: Promise<T> | undefined

  constructor(work: () => Promise<T>) {
    this.#work = work
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  run(): Promise<T> {
    if (this.#running === undefined) return this.#start()
    const start = () => this.#start()
    this.#next ??= this.#running.then(start, start)
    return this.#next
  }

  #start(): Promise<T> {
    this.#next = undefined
    const running: Promise<T> = this.#work().finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }
}
