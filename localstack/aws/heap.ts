// A binary heap by time. Entries are never taken out of its middle: owners check, when an entry comes up, whether it still holds.

export interface Timed {
  readonly time: number
}

export class Heap<T extends Timed> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (items[parent]!.time <= item.time) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= items.length) break
      if (child + 1 < items.length && items[child + 1]!.time < items[child]!.time) child++
      if (items[child]!.time >= last.time) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return first
  }
}
