// Sizes and costs in the arithmetic of CEL's estimator: whole numbers that stop at the largest a machine word holds.

export interface Size {
  readonly min: number
  readonly max: number
}

/** What nobody knows, and what is too much to count. */
export const MOST = 2 ** 64
export const UNKNOWN: Size = { min: 0, max: MOST }
/** Cost of looking at one character of a text, and at one of a regular expression. */
export const TEXT_FACTOR = 0.1
export const PATTERN_FACTOR = 0.25

export const fixed = (size: number): Size => ({ min: size, max: size })
export const plus = (a: number, b: number): number => Math.min(MOST, a + b)
export const times = (a: number, b: number): number => Math.min(MOST, a * b)
export const scaled = (size: number, factor: number): number => Math.min(MOST, Math.ceil(size * factor))

export const sumOf = (costs: readonly number[]): number => costs.reduce(plus, 0)
export const sizeSum = (a: Size, b: Size): Size => ({ min: plus(a.min, b.min), max: plus(a.max, b.max) })
export const sizeProduct = (a: Size, b: Size): Size => ({ min: times(a.min, b.min), max: times(a.max, b.max) })
export const sizeUnion = (a: Size, b: Size): Size => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) })
