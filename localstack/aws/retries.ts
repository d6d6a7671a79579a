// At-least-once delivery with back-off that survives a restart: what was accepted and not yet delivered is in the journal.
import type { Cancel, Clock } from './clock.ts'
import type { Journal } from './journal.ts'
import type { Targets } from './targets.ts'

export interface Delivery {
  readonly id: string
  readonly targetArn: string
  readonly payload: string
  readonly messageGroupId?: string
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number
  /** Given up after this many further attempts, or this many milliseconds. */
  readonly maxAttempts: number
  readonly maxAge: number
  readonly deadLetterArn?: string
}

export type DeliveryEntry = { k: 'deliver'; d: Delivery } | { k: 'done'; id: string }

const FIRST_DELAY = 500
const LONGEST_DELAY = 60_000

export class Deliveries {
  readonly #pending = new Map<string, Delivery>()
  readonly #timers = new Set<Cancel>()
  readonly #clock: Clock
  readonly #targets: Targets
  readonly #journal: () => Journal<DeliveryEntry>
  readonly #log: (line: string) => void
  #started = false
  #closed = false

  constructor(clock: Clock, targets: Targets, journal: () => Journal<DeliveryEntry>, log: (line: string) => void) {
    this.#clock = clock
    this.#targets = targets
    this.#journal = journal
    this.#log = log
  }

  get pending(): Iterable<Delivery> {
    return this.#pending.values()
  }

  /** From the journal: an earlier life accepted or finished it. */
  replay(entry: DeliveryEntry): void {
    if (entry.k === 'deliver') this.#pending.set(entry.d.id, entry.d)
    else this.#pending.delete(entry.id)
  }

  /** Sends what an earlier life left over. Call once targets can be reached. */
  resume(): void {
    if (this.#started) return
    this.#started = true
    for (const delivery of this.#pending.values()) void this.#attempt(delivery, 0)
  }

  accept(delivery: Delivery): void {
    this.#journal().append({ k: 'deliver', d: delivery })
    this.#pending.set(delivery.id, delivery)
    if (this.#started) void this.#attempt(delivery, 0)
  }

  close(): void {
    this.#closed = true
    for (const cancel of this.#timers) cancel()
  }

  async #attempt(delivery: Delivery, attempt: number): Promise<void> {
    try {
      await this.#targets.deliver(delivery.targetArn, delivery.payload, delivery)
    } catch (error) {
      return this.#failed(delivery, attempt, error)
    }
    this.#finish(delivery)
  }

  #finish(delivery: Delivery): void {
    this.#pending.delete(delivery.id)
    if (!this.#closed) this.#journal().append({ k: 'done', id: delivery.id })
  }

  #failed(delivery: Delivery, attempt: number, error: unknown): void {
    if (this.#closed) return
    const reason = error instanceof Error ? error.message : String(error)
    if (attempt >= delivery.maxAttempts || this.#clock.now() - delivery.acceptedAt > delivery.maxAge) {
      this.#log(`local AWS: gave up delivering to ${delivery.targetArn} after ${attempt + 1} attempts: ${reason}`)
      if (delivery.deadLetterArn) {
        this.#targets
          .deliver(delivery.deadLetterArn, delivery.payload, {})
          .catch(() => this.#log(`local AWS: its dead-letter queue ${delivery.deadLetterArn} refused it too`))
      }
      this.#finish(delivery)
      return
    }
    const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt)
    const cancel = this.#clock.at(this.#clock.now() + delay, () => {
      this.#timers.delete(cancel)
      void this.#attempt(delivery, attempt + 1)
    })
    this.#timers.add(cancel)
  }
}
