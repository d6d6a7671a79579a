// Stored objects by key and in key order: a map beside a sorted array. Inserting costs a binary search and a memory move, which
// beats a tree up to some hundred thousand items; reading a range is a slice.
import type { Stored } from './types.ts'

export class OrderedItems {
  readonly #byKey = new Map<string, Stored>()
  readonly #sorted: Stored[] = []

  get size(): number {
    return this.#sorted.length
  }

  get(key: string): Stored | undefined {
    return this.#byKey.get(key)
  }

  /** Adds the item, or replaces the one with its key. Answers what was there. */
  set(item: Stored): Stored | undefined {
    const old = this.#byKey.get(item.key)
    this.#byKey.set(item.key, item)
    const position = this.#position(item.key)
    if (old === undefined) this.#sorted.splice(position, 0, item)
    else this.#sorted[position] = item
    return old
  }

  /** Answers what was removed. */
  remove(key: string): Stored | undefined {
    const old = this.#byKey.get(key)
    if (old === undefined) return undefined
    this.#byKey.delete(key)
    this.#sorted.splice(this.#position(key), 1)
    return old
  }

  clear(): void {
    this.#byKey.clear()
    this.#sorted.length = 0
  }

  /** All items whose key begins with `prefix`, in key order, in an array of their own. */
  list(prefix = ''): Stored[] {
    if (prefix === '') return this.#sorted.slice()
    const start = this.#position(prefix)
    // Keys are ASCII (names and namespaces are DNS labels), so this is larger than every key with the prefix.
    return this.#sorted.slice(start, this.#position(prefix + '\uffff'))
  }

  /** Index of the first item whose key is not smaller. */
  #position(key: string): number {
    const sorted = this.#sorted
    let low = 0
    let high = sorted.length
    // Lists are loaded in order: look at the end first.
    if (high > 0 && sorted[high - 1]!.key < key) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sorted[middle]!.key < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Cuts a page out of items in key order, as ListOptions asks. */
export function page(
  items: readonly Stored[],
  { after, limit }: { readonly after?: string; readonly limit?: number },
): { items: readonly Stored[]; next?: string; remaining?: number } {
  const start = after === undefined ? 0 : firstAfter(items, after)
  const end = limit === undefined || limit <= 0 ? items.length : Math.min(start + limit, items.length)
  const cut = start === 0 && end === items.length ? items : items.slice(start, end)
  return end < items.length ? { items: cut, next: items[end - 1]!.key, remaining: items.length - end } : { items: cut }
}

function firstAfter(items: readonly Stored[], key: string): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (items[middle]!.key <= key) low = middle + 1
    else high = middle
  }
  return low
}
