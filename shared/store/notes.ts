// Notes: small facts that are nobody's object. They have no revision and no log, nobody watches them, and they expire by themselves. The
// last write wins, so each note has one writer, or says something that is as true whoever says it.
export interface Note {
  readonly key: string
  readonly value: unknown
}

export interface Notes {
  /** Read strongly: shows every put that was acknowledged before. Undefined: there is none, or its time is over. */
  get(topic: string, key: string): Promise<unknown>
  /** Of the keys that begin with `prefix`, in key order. Read at half the price: may lack the puts of the last second. */
  list(topic: string, prefix?: string): Promise<readonly Note[]>
  /** `value` is JSON of a few kilobytes at most; `expires` in milliseconds since the epoch. */
  put(topic: string, key: string, value: unknown, expires: number): Promise<void>
}

interface Kept {
  readonly text: string
  readonly expires: number
}

/** The reference, for tests and for processes that keep nothing. */
export class MemoryNotes implements Notes {
  readonly #topics = new Map<string, Map<string, Kept>>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  async get(topic: string, key: string): Promise<unknown> {
    const kept = this.#topics.get(topic)?.get(key)
    return kept === undefined || kept.expires <= this.#now() ? undefined : JSON.parse(kept.text)
  }

  async list(topic: string, prefix = ''): Promise<readonly Note[]> {
    const now = this.#now()
    const notes = this.#topics.get(topic) ?? new Map<string, Kept>()
    for (const [key, { expires }] of notes) if (expires <= now) notes.delete(key)
    return [...notes]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { text }]) => ({ key, value: JSON.parse(text) as unknown }))
  }

  async put(topic: string, key: string, value: unknown, expires: number): Promise<void> {
    const notes = this.#topics.get(topic) ?? new Map<string, Kept>()
    this.#topics.set(topic, notes)
    notes.set(key, { text: JSON.stringify(value), expires })
  }
}
