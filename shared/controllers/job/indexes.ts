// Sets of completion indexes, as text: "0-2,4,7,8" (a run of three or more is a range). Pure.

export class Indexes {
  /** Ascending, not touching. Both ends belong to it. */
  readonly ranges: readonly (readonly [first: number, last: number])[]

  private constructor(ranges: readonly (readonly [number, number])[]) {
    this.ranges = ranges
  }

  static readonly none = new Indexes([])

  static of(numbers: Iterable<number>): Indexes {
    const ranges: [number, number][] = []
    for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
      const last = ranges.at(-1)
      if (last !== undefined && number === last[1] + 1) last[1] = number
      else ranges.push([number, number])
    }
    return new Indexes(ranges)
  }

  /** What is at or above `completions` is left out. */
  static parse(text: string | undefined, completions: number): Indexes {
    const ranges: [number, number][] = []
    for (const part of text ? text.split(',') : []) {
      const [first, last = first] = part.split('-').map(Number)
      if (first === undefined || last === undefined || Number.isNaN(first) || Number.isNaN(last) || first >= completions) continue
      const end = Math.min(last, completions - 1)
      const before = ranges.at(-1)
      if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], end)
      else ranges.push([first, end])
    }
    return new Indexes(ranges)
  }

  get size(): number {
    return this.ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0)
  }

  has(index: number): boolean {
    let low = 0
    let high = this.ranges.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const [first, last] = this.ranges[middle]!
      if (index < first) high = middle - 1
      else if (index > last) low = middle + 1
      else return true
    }
    return false
  }

  union(other: Indexes): Indexes {
    const all = [...this.ranges, ...other.ranges].sort((a, b) => a[0] - b[0])
    const ranges: [number, number][] = []
    for (const [first, last] of all) {
      const before = ranges.at(-1)
      if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last)
      else ranges.push([first, last])
    }
    return new Indexes(ranges)
  }

  /** How many are in both. */
  overlap(other: Indexes): number {
    let count = 0
    for (const [first, last] of this.ranges) {
      for (const [from, to] of other.ranges) count += Math.max(0, Math.min(last, to) - Math.max(first, from) + 1)
    }
    return count
  }

  /** The lowest `count` indexes below `completions` that are not in the set. */
  firstMissing(count: number, completions: number): number[] {
    const missing: number[] = []
    let next = 0
    for (const [first, last] of [...this.ranges, [completions, completions] as const]) {
      for (; next < Math.min(first, completions) && missing.length < count; next++) missing.push(next)
      next = last + 1
    }
    return missing
  }

  toString(): string {
    return this.ranges
      .map(([first, last]) => (first === last ? `${first}` : last === first + 1 ? `${first},${last}` : `${first}-${last}`))
      .join(',')
  }
}
