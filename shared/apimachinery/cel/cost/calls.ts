// What calls cost, by function: the standard's (cel-go, checker/cost.go) and Kubernetes' own (k8s.io/apiserver/pkg/cel/library/cost.go).
// Everything that is not here costs 1.
import { fixed, MOST, PATTERN_FACTOR, plus, type Size, scaled, sizeProduct, sizeSum, TEXT_FACTOR, times, UNKNOWN } from './amounts.ts'
import type { Estimate } from './estimate.ts'

export interface CallCost {
  /** Without what target and arguments cost. */
  readonly cost: number
  readonly size?: Size | undefined
}

type Estimator = (target: Estimate, args: readonly Estimate[]) => CallCost | undefined

const sizeOf = (one: Estimate | undefined): Size => one?.size ?? UNKNOWN
const textCost = (size: Size): number => scaled(size.max, TEXT_FACTOR)

const traversal: Estimator = target => {
  const { elementSize, isList } = target
  if (!isList) return { cost: textCost(sizeOf(target)) }
  return { cost: times(sizeOf(target).max, plus(1, elementSize === undefined ? 0 : textCost(elementSize))) }
}

const sameSize: Estimator = target => ({ cost: textCost(sizeOf(target)), size: sizeOf(target) })

/** One more than there are characters, so that matching nothing is not free. */
const matching = (text: Size, pattern: Size): number => times(scaled(plus(text.max, 1), TEXT_FACTOR), scaled(pattern.max, PATTERN_FACTOR))

const find: Estimator = (target, [pattern]) => ({
  cost: matching(sizeOf(target), sizeOf(pattern)),
  size: { min: 0, max: sizeOf(target).max },
})

/** The longest that can come of it: nothing replaced, or the shortest places by the longest text. */
function replacedSize(text: Size, from: Size, to: Size): Size {
  const longest = () => {
    if (from.min === 0) return plus(times(plus(text.max, 1), to.max), text.max)
    return to.max <= from.min ? text.max : times(Math.ceil(text.max / from.min), to.max)
  }
  const shortest = () => {
    if (from.max === 0) return plus(times(plus(text.min, 1), to.min), text.min)
    return from.max <= to.min ? text.min : times(Math.ceil(text.min / from.max), to.min)
  }
  return { min: shortest(), max: longest() }
}

const replace: Estimator = (target, [from, to]) => ({
  cost: scaled(sizeOf(target).max, 2 * TEXT_FACTOR),
  size: replacedSize(sizeOf(target), sizeOf(from), sizeOf(to)),
})

const split: Estimator = (target, [, limit]) => {
  const { max } = sizeOf(target)
  const literal = limit?.literal
  const parts = typeof literal === 'bigint' ? (literal < 0n ? MOST : Number(literal)) : max
  return { cost: scaled(max, 2 * TEXT_FACTOR), size: { min: 0, max: parts } }
}

const join: Estimator = (target, [separator]) => {
  const list = sizeOf(target)
  const items = target.isList ? sizeProduct(list, target.itemSize ?? UNKNOWN) : fixed(0)
  const between = { min: Math.max(0, list.min - 1), max: Math.max(0, list.max - 1) }
  const size = separator === undefined ? items : sizeSum(items, sizeProduct(sizeOf(separator), between))
  return { cost: textCost(size), size }
}

const ADDRESS: Size = { min: 4, max: 16 }
const twice = textCost(sizeSum(ADDRESS, ADDRESS))
/** A text is parsed first. */
const parsed = (arg: Estimate | undefined): number => (arg?.type === 'string' || arg?.type === 'dyn' ? textCost(sizeOf(arg)) : 0)

const LONGEST_FORMAT = 128

const METHODS: Readonly<Record<string, Estimator>> = {
  isSorted: traversal,
  sum: traversal,
  max: traversal,
  min: traversal,
  indexOf: traversal,
  lastIndexOf: traversal,
  lowerAscii: sameSize,
  upperAscii: sameSize,
  substring: sameSize,
  trim: sameSize,
  replace,
  split,
  join,
  find,
  findAll: find,
  matches: (target, [pattern]) => ({ cost: matching(sizeOf(target), sizeOf(pattern)) }),
  contains: (target, [part]) => ({ cost: times(textCost(sizeOf(target)), textCost(sizeOf(part))) }),
  startsWith: (_, [part]) => ({ cost: textCost(sizeOf(part)) }),
  endsWith: (_, [part]) => ({ cost: textCost(sizeOf(part)) }),
  format: target => ({ cost: textCost(sizeOf(target)) }),
  containsIP: (_, [arg]) => ({ cost: plus(twice, parsed(arg)) }),
  containsCIDR: (_, [arg]) => ({ cost: plus(twice + textCost(ADDRESS) + 1, parsed(arg)) }),
  validate: (_, [text]) => ({ cost: scaled(textCost(sizeOf(text)), LONGEST_FORMAT * PATTERN_FACTOR) }),
}

const FUNCTIONS: Readonly<Record<string, (args: readonly Estimate[]) => CallCost | undefined>> = {
  url: ([text]) => ({ cost: textCost(sizeOf(text)), size: sizeOf(text) }),
  bytes: ([text]) =>
    text?.type === 'string' || text?.type === 'dyn'
      ? { cost: textCost(sizeOf(text)), size: { min: sizeOf(text).min, max: times(sizeOf(text).max, 4) } }
      : undefined,
  string: ([bytes]) =>
    bytes?.type === 'bytes'
      ? { cost: textCost(sizeOf(bytes)), size: { min: Math.floor(sizeOf(bytes).min / 4), max: sizeOf(bytes).max } }
      : bytes?.type === 'dyn'
        ? { cost: Math.max(1, textCost(sizeOf(bytes))) }
        : undefined,
}

const NOMINAL: CallCost = { cost: 1 }

export function methodCost(name: string, target: Estimate, args: readonly Estimate[]): CallCost {
  return (Object.hasOwn(METHODS, name) ? METHODS[name]?.(target, args) : undefined) ?? NOMINAL
}

export function functionCost(name: string, args: readonly Estimate[]): CallCost {
  return (Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name]?.(args) : undefined) ?? NOMINAL
}

/** Values whose comparison takes no longer for one than for another. */
const COMPARED_AT_ONCE = new Set(['Quantity', 'net.IP', 'net.CIDR', 'URL'])
const FORMAT = 'Format'
const ORDER = new Set(['<', '<=', '>', '>='])

/** Costs of an operator on two values. */
export function operatorCost(op: string, left: Estimate, right: Estimate): CallCost {
  const shorter = Math.min(sizeOf(left).max, sizeOf(right).max)
  const compared = scaled(shorter, TEXT_FACTOR)
  const isDynamic = left.type === 'dyn' && right.type === 'dyn'
  const either = (type: string) => left.type === type || right.type === type
  if (op === '==' && left.type === right.type && COMPARED_AT_ONCE.has(left.type)) return NOMINAL
  if (op === '==' && left.type === FORMAT && right.type === FORMAT) return { cost: scaled(64, TEXT_FACTOR) }
  if (op === '==' || op === '!=') return { cost: compared }
  if (ORDER.has(op)) {
    if (isDynamic) return { cost: Math.max(1, compared) }
    return either('string') || either('bytes') ? { cost: compared } : NOMINAL
  }
  if (op === 'in') {
    if (right.isList) return { cost: sizeOf(right).max }
    return right.type === 'dyn' ? { cost: Math.max(1, sizeOf(right).max) } : NOMINAL
  }
  if (op !== '+') return NOMINAL
  const size = sizeSum(sizeOf(left), sizeOf(right))
  if (left.isList || right.isList) return { cost: 1, size }
  if (either('string') || either('bytes')) return { cost: textCost(size), size }
  return isDynamic ? { cost: Math.max(1, textCost(size)), size } : NOMINAL
}
