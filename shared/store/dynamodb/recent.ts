// Objects that this process has decoded lately. A revision names one state for ever, so what is here is never stale: it spares
// parsing again, and it is where an update finds the state before it.
import type { Stored } from '../types.ts'

/** A state, and where its bytes are when they are not in the object's item. */
export interface Known extends Stored {
  /** In how many parts the body is stored; 0 when it is inside the item. */
  readonly parts: number
}

/** Bytes of packed bodies whose objects are kept; objects in memory take perhaps ten times that. */
const MOST_BYTES = 4 * 1024 * 1024

export class Recent {
  readonly #known = new Map<string, { readonly known: Known; readonly bytes: number }>()
  #bytes = 0

  get(collection: string, key: string, revision: number): Known | undefined {
    const entry = this.#known.get(`${collection} ${key}`)
    return entry?.known.revision === revision ? entry.known : undefined
  }

  /** The newest state that is known. */
  newest(collection: string, key: string): Known | undefined {
    return this.#known.get(`${collection} ${key}`)?.known
  }

  remove(collection: string, key: string): void {
    const id = `${collection} ${key}`
    this.#bytes -= this.#known.get(id)?.bytes ?? 0
    this.#known.delete(id)
  }

  add(collection: string, known: Known, bytes: number): void {
    const id = `${collection} ${known.key}`
    const old = this.#known.get(id)
    // An answer that was long on its way must not put an old state in place of a newer one.
    if (old !== undefined && old.known.revision > known.revision) return
    if (old !== undefined) this.#bytes -= old.bytes
    this.#known.delete(id)
    this.#known.set(id, { known, bytes })
    this.#bytes += bytes
    for (const [oldest, { bytes }] of this.#known) {
      if (this.#bytes <= MOST_BYTES) break
      this.#known.delete(oldest)
      this.#bytes -= bytes
    }
  }
}
