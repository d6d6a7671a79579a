// Watches that wait for a change that concerns them. A thousand watches of one object each must not all wake for every change of
// the collection, so they are found by the key that changed.
import type { Clock } from '../clock.ts'

/** Everybody is woken at least so often while something changes, so that progress is told to those whom no change concerns. */
const ALL_EVERY_MS = 5000
const ALL_EVERY_REVISIONS = 500

export class Waiter {
  readonly prefix: string
  readonly remove: () => void
  #resolve: (() => void) | undefined
  #first = Number.POSITIVE_INFINITY
  #pending = false
  #failure: { readonly error: unknown } | undefined

  constructor(prefix: string, remove: (waiter: Waiter) => void) {
    this.prefix = prefix
    this.remove = () => remove(this)
  }

  /** @param revision of the change; none: look, whatever the reason */
  wake(revision = Number.POSITIVE_INFINITY): void {
    this.#first = Math.min(this.#first, revision)
    this.#pending = true
    this.#resolve?.()
  }

  /** The wait fails with this. */
  fail(error: unknown): void {
    this.#failure = { error }
    this.wake()
  }

  /**
   * Waits until it is woken; a call that came before is not lost. Answers the revision of the first change for which it was woken: none
   * between the last look and that one concerned it. Undefined when it was woken for another reason.
   */
  async next(): Promise<number | undefined> {
    if (!this.#pending) await new Promise<void>(resolve => (this.#resolve = resolve))
    if (this.#failure !== undefined) throw this.#failure.error
    const first = this.#first
    this.#resolve = undefined
    this.#pending = false
    this.#first = Number.POSITIVE_INFINITY
    return Number.isFinite(first) ? first : undefined
  }
}

export class Waiters {
  readonly #clock: Pick<Clock, 'now'>
  readonly #byPrefix = new Map<string, Set<Waiter>>()
  /** How many different prefixes there are of each length; there are few lengths. */
  readonly #lengths = new Map<number, number>()
  #size = 0
  #allAt = 0
  #allRevision = 0

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  get size(): number {
    return this.#size
  }

  add(prefix: string): Waiter {
    const waiter = new Waiter(prefix, this.#remove)
    const others = this.#byPrefix.get(prefix)
    if (others === undefined) {
      this.#byPrefix.set(prefix, new Set([waiter]))
      this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1)
    } else others.add(waiter)
    this.#size++
    return waiter
  }

  /** A key has changed at a revision. */
  changed(key: string, revision: number): void {
    if (this.#size === 0) return
    const now = this.#clock.now()
    if (now - this.#allAt >= ALL_EVERY_MS || revision - this.#allRevision >= ALL_EVERY_REVISIONS) {
      this.#allAt = now
      this.#allRevision = revision
      this.#wakeAll(revision)
      return
    }
    for (const length of this.#lengths.keys()) {
      const waiters = length <= key.length ? this.#byPrefix.get(key.slice(0, length)) : undefined
      if (waiters !== undefined) for (const waiter of waiters) waiter.wake(revision)
    }
  }

  /** Whatever changed, or nothing did: everybody looks. */
  all(): void {
    this.#wakeAll(undefined)
  }

  fail(error: unknown): void {
    for (const waiters of this.#byPrefix.values()) for (const waiter of waiters) waiter.fail(error)
  }

  #wakeAll(revision: number | undefined): void {
    for (const waiters of this.#byPrefix.values()) for (const waiter of waiters) waiter.wake(revision)
  }

  readonly #remove = (waiter: Waiter): void => {
    const waiters = this.#byPrefix.get(waiter.prefix)
    if (waiters?.delete(waiter) !== true) return
    this.#size--
    if (waiters.size > 0) return
    this.#byPrefix.delete(waiter.prefix)
    const { length } = waiter.prefix
    const left = this.#lengths.get(length)! - 1
    if (left === 0) this.#lengths.delete(length)
    else this.#lengths.set(length, left)
  }
}
