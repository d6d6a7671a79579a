// A generator that gives the same numbers everywhere for one seed (mulberry32), so that a random history can be repeated.
export interface Random {
  /** 0 to n - 1. */
  below(n: number): number
  chance(p: number): boolean
  /** Undefined of an empty list. */
  pick<T>(list: readonly T[]): T | undefined
}

export function randomFrom(seed: number): Random {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    below: n => Math.floor(next() * n),
    chance: p => next() < p,
    pick: list => list[Math.floor(next() * list.length)],
  }
}
