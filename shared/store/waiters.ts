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
  /** Prefixes that are neither everything nor a namespace: found by trying, which is cheap beside waking. */
  readonly #odd = new Set<string>()
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
    if (others === undefined) this.#byPrefix.set(prefix, new Set([waiter]))
    else others.add(waiter)
    if (isOdd(prefix)) this.#odd.add(prefix)
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
    this.#wake('', revision)
    this.#wake(key.slice(0, key.indexOf('/') + 1), revision)
    for (const prefix of this.#odd) if (key.startsWith(prefix)) this.#wake(prefix, revision)
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

  #wake(prefix: string, revision: number): void {
    const waiters = this.#byPrefix.get(prefix)
    if (waiters !== undefined) for (const waiter of waiters) waiter.wake(revision)
  }

  readonly #remove = (waiter: Waiter): void => {
    const waiters = this.#byPrefix.get(waiter.prefix)
    if (waiters?.delete(waiter) !== true) return
    this.#size--
    if (waiters.size > 0) return
    this.#byPrefix.delete(waiter.prefix)
    this.#odd.delete(waiter.prefix)
  }
}

/** A whole key too: "d/a" is the key of a, and begins the key of ab. */
const isOdd = (prefix: string) => prefix !== '' && !prefix.endsWith('/')
