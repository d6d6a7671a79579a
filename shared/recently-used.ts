// A map for what can be made again: it keeps the entries that were used last.
export class RecentlyUsed<V> {
  readonly #most: number
  readonly #dropped: (key: string, value: V) => void
  readonly #entries = new Map<string, V>()

  /** @param dropped told of each entry that had to make room, or was deleted */
  constructor(most: number, dropped: (key: string, value: V) => void = () => {}) {
    this.#most = most
    this.#dropped = dropped
  }

  keys(): readonly string[] {
    return [...this.#entries.keys()]
  }

  /** The entry, made when it is not there. */
  use(key: string, make: () => V): V {
    const value = this.#entries.has(key) ? this.#entries.get(key)! : make()
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#most) this.delete(this.#entries.keys().next().value!)
    return value
  }

  delete(key: string): void {
    if (!this.#entries.has(key)) return
    const value = this.#entries.get(key)!
    this.#entries.delete(key)
    this.#dropped(key, value)
  }
}
