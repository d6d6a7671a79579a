// What one environment remembers about the keys it has reconciled. Forgetting costs a needless reconcile, never a missing one.
import { type WorkItem, workId } from './work.ts'

interface Known {
  /** By collection: the last successful reconcile saw at least this revision. */
  seen?: Readonly<Record<string, number>>
  /** How often in a row it has failed. */
  failures: number
  /** When the wake-up that this environment asked for last is due, in milliseconds since the epoch. */
  wakeUp?: number
}

const MOST_KEYS = 50_000
/** Two wake-ups that close together are one. */
const SLACK_MS = 20

export class KeyMemory {
  readonly #known = new Map<string, Known>()

  /** Whether a reconcile has already seen everything that asked for this work, or a later wake-up has taken this one's place. */
  isDone(item: WorkItem): boolean {
    const known = this.#known.get(workId(item))
    if (known === undefined) return false
    // A wake-up cannot be called off once it is on the queue. Of several for one key only the last is honoured: otherwise each
    // would ask for the next, and they would never become fewer.
    if (item.due !== undefined) return known.wakeUp !== undefined && known.wakeUp > item.due + SLACK_MS
    if (item.seen === undefined || known.seen === undefined) return false
    for (const [collection, revision] of Object.entries(item.seen)) {
      if ((known.seen[collection] ?? 0) < revision) return false
    }
    return true
  }

  succeeded(item: WorkItem, seen: Readonly<Record<string, number>>): void {
    const known = this.#touch(item)
    known.seen = seen
    known.failures = 0
  }

  /** Answers how often it has failed in a row by now. */
  failed(item: WorkItem): number {
    const known = this.#touch(item)
    known.seen = undefined
    known.failures = Math.max(known.failures, item.failures ?? 0) + 1
    return known.failures
  }

  /**
   * Whether a wake-up must be sent for the key; remembers it if so. One that comes earlier than needed will do: the reconcile it
   * starts asks for the next. So a key that is reconciled often has one wake-up on the queue and not one for each time.
   */
  needsWakeUp(item: WorkItem, due: number, now: number): boolean {
    const known = this.#touch(item)
    // One that is due about now may be the very one that is at work: timers ring up to a millisecond early.
    if (known.wakeUp !== undefined && known.wakeUp > now + SLACK_MS && known.wakeUp <= due + SLACK_MS) return false
    known.wakeUp = due
    return true
  }

  /** The wake-up could not be sent after all. */
  forgetWakeUp(item: WorkItem): void {
    this.#touch(item).wakeUp = undefined
  }

  #touch(item: WorkItem): Known {
    const id = workId(item)
    const known = this.#known.get(id) ?? { failures: 0 }
    // The key used longest ago is the first in the map.
    this.#known.delete(id)
    this.#known.set(id, known)
    if (this.#known.size > MOST_KEYS) this.#known.delete(this.#known.keys().next().value!)
    return known
  }
}
