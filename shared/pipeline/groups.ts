// Which groups of work a worker holds, since when, and how much of their work is not done yet.

interface Held {
  /** Callers who hold it: two messages of one group never are, but a process may serve several environments. */
  holders: number
  readonly since: number
}

export class Groups {
  readonly #now: () => number
  readonly #held = new Map<string, Held>()
  readonly #open = new Map<string, number>()

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now
  }

  hold(groups: Iterable<string>): void {
    for (const group of groups) {
      const held = this.#held.get(group)
      if (held === undefined) this.#held.set(group, { holders: 1, since: this.#now() })
      else held.holders++
    }
  }

  release(groups: Iterable<string>): void {
    for (const group of groups) {
      const held = this.#held.get(group)!
      held.holders--
      if (held.holders === 0) this.#held.delete(group)
    }
  }

  holds(group: string): boolean {
    return this.#held.has(group)
  }

  /** When the group was taken over; undefined for one that is not held. */
  since(group: string): number | undefined {
    return this.#held.get(group)?.since
  }

  /** One piece of the group's work more, or one less, is waiting or running. */
  count(group: string, by: 1 | -1): void {
    const open = (this.#open.get(group) ?? 0) + by
    if (open === 0) this.#open.delete(group)
    else this.#open.set(group, open)
  }

  isOpen(groups: Iterable<string>): boolean {
    for (const group of groups) if (this.#open.has(group)) return true
    return false
  }
}
