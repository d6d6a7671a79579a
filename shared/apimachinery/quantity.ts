// Resource quantities ("500m", "1536Mi", "12e6"): exact decimal numbers with a suffix. Rules and canonical forms are those of
// k8s.io/apimachinery/pkg/api/resource.
//
// A quantity is unscaled * 10^scale. Nothing below a nano is kept (rounded up, away from zero: who asks for some gets some), and
// binary ones end at 2^63-1.

/** How a quantity was written, which is how it is written again: 1000 (decimal), 1Ki (binary), 1e3 (exponent). */
export type QuantityFormat = 'decimal' | 'binary' | 'exponent'

export interface Quantity {
  readonly unscaled: bigint
  readonly scale: number
  readonly format: QuantityFormat
}

/** The text is no quantity. The message is upstream's. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError'
}

const FORM_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const SUFFIX_WRONG = "unable to parse quantity's suffix"

const DECIMAL: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
])
const DECIMAL_SUFFIX: ReadonlyMap<number, string> = new Map([...DECIMAL].map(([suffix, exponent]) => [exponent, suffix]))
/** By powers of 1024. */
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

const NANO = -9
const MOST = 2n ** 63n - 1n
/** A number of so many digits fits an int64. */
const SHORT_DIGITS = 18

const ten = (power: number): bigint => 10n ** BigInt(power)

/** @throws QuantityError */
export const parseQuantity = (text: string): Quantity => read(text).quantity

/** `verbatim`: the text is as good as canonical, and stays as it is ("1E3", "+1"), although not every such text is what we would write. */
function read(text: string): { quantity: Quantity; verbatim: boolean } {
  const parts = /^([+-]?)0*(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/.exec(text)
  if (text === '' || parts === null) throw new QuantityError(FORM_WRONG)
  const [, sign, digits, fraction = '', suffix] = parts
  const num = digits === '' ? '0' : digits!
  const { exponent, binary, format } = readSuffix(suffix!)
  let unscaled = BigInt(num + fraction)
  let scale = binary > 0 ? -fraction.length : exponent - fraction.length

  const short =
    binary > 0
      ? fraction === '' && num.length + binary * 3 <= 14
      : num.length + fraction.length <= SHORT_DIGITS && exponent - fraction.length >= NANO
  const verbatim =
    short &&
    text !== '0' &&
    (binary > 0 ? (unscaled & 7n) !== 0n : scale % 3 === 0 && !(num + fraction).endsWith('000') && !num.startsWith('0'))
  // Nobody means more than this; numbers of a million digits would keep the server busy.
  if (scale > 400) scale = 400
  if (binary > 0) unscaled *= 1024n ** BigInt(binary)
  if (scale < NANO) {
    const unit = ten(NANO - scale)
    unscaled = (unscaled + unit - 1n) / unit
    scale = NANO
  }
  if (binary > 0 && unscaled > MOST * ten(-scale)) {
    unscaled = MOST
    scale = 0
  }
  return { quantity: normal(sign === '-' ? -unscaled : unscaled, scale, format), verbatim }
}

function readSuffix(suffix: string): { exponent: number; binary: number; format: QuantityFormat } {
  const decimal = DECIMAL.get(suffix)
  if (decimal !== undefined) return { exponent: decimal, binary: 0, format: 'decimal' }
  const binary = BINARY.indexOf(suffix)
  if (binary > 0) return { exponent: 0, binary, format: 'binary' }
  const power = /^[eE]([+-]?\d+)$/.exec(suffix)
  if (power === null) throw new QuantityError(SUFFIX_WRONG)
  return { exponent: Number(power[1]), binary: 0, format: 'exponent' }
}

/** Without the zeros at the end, so that equal numbers look equal. */
function normal(unscaled: bigint, scale: number, format: QuantityFormat): Quantity {
  if (unscaled === 0n) return { unscaled, scale: 0, format }
  let rest = unscaled
  let power = scale
  while (rest % 10n === 0n) {
    rest /= 10n
    power++
  }
  return { unscaled: rest, scale: power, format }
}

/** The canonical text: no more digits than needed, the largest suffix that leaves no fraction. */
export function formatQuantity(quantity: Quantity): string {
  const { unscaled, scale, format } = quantity
  if (unscaled === 0n) return '0'
  if (format === 'binary' && scale >= 0) {
    let rest = unscaled * ten(scale)
    if (rest >= 1024n || rest <= -1024n) {
      let power = 0
      while (power < BINARY.length - 1 && rest % 1024n === 0n) {
        rest /= 1024n
        power++
      }
      return `${rest}${BINARY[power]}`
    }
  }
  // Down to the next multiple of three, where the suffixes are.
  const exponent = Math.floor(scale / 3) * 3
  const number = unscaled * ten(scale - exponent)
  if (format === 'exponent') return exponent === 0 ? `${number}` : `${number}e${exponent}`
  const suffix = DECIMAL_SUFFIX.get(exponent)
  return suffix === undefined ? `${number}e${exponent}` : `${number}${suffix}`
}

// A cluster uses few different quantities, again and again.
const canonical = new Map<string, string>()

/** The canonical form of a quantity's text. @throws QuantityError */
export function canonicalQuantity(text: string): string {
  const known = canonical.get(text)
  if (known !== undefined) return known
  const { quantity, verbatim } = read(text)
  const answer = verbatim ? text : formatQuantity(quantity)
  if (canonical.size >= 4096) canonical.clear()
  canonical.set(text, answer)
  return answer
}

const asQuantity = (value: Quantity | string | number): Quantity => (typeof value === 'object' ? value : parseQuantity(String(value)))

/** Negative, zero or positive, as a is less than, equal to or more than b. */
export function compareQuantities(a: Quantity | string | number, b: Quantity | string | number): number {
  const [left, right] = align(asQuantity(a), asQuantity(b))
  return left < right ? -1 : left > right ? 1 : 0
}

/** The sum is written as the first is, or as the second when the first is zero. */
export function addQuantities(a: Quantity | string | number, b: Quantity | string | number): Quantity {
  const first = asQuantity(a)
  const second = asQuantity(b)
  const [left, right] = align(first, second)
  return normal(left + right, Math.min(first.scale, second.scale), first.unscaled === 0n ? second.format : first.format)
}

export function subtractQuantities(a: Quantity | string | number, b: Quantity | string | number): Quantity {
  const second = asQuantity(b)
  return addQuantities(a, { ...second, unscaled: -second.unscaled })
}

/** The number in units of 10^scale (0: whole ones, -3: thousandths), rounded up, away from zero. Exact up to 2^53. */
export function quantityInUnits(value: Quantity | string | number, scale: number): number {
  const { unscaled, scale: own } = asQuantity(value)
  if (own >= scale) return Number(unscaled * ten(own - scale))
  const unit = ten(scale - own)
  const whole = unscaled / unit
  return Number(unscaled % unit === 0n ? whole : unscaled > 0n ? whole + 1n : whole - 1n)
}

/** Whole units, rounded up: bytes of memory, a count. */
export const quantityValue = (value: Quantity | string | number): number => quantityInUnits(value, 0)

/** Thousandths, rounded up: CPU in millicores. */
export const quantityMilliValue = (value: Quantity | string | number): number => quantityInUnits(value, -3)

/** -1, 0 or 1. */
export const quantitySign = (value: Quantity | string | number): number => {
  const { unscaled } = asQuantity(value)
  return unscaled < 0n ? -1 : unscaled > 0n ? 1 : 0
}

function align(a: Quantity, b: Quantity): [bigint, bigint] {
  const scale = Math.min(a.scale, b.scale)
  return [a.unscaled * ten(a.scale - scale), b.unscaled * ten(b.scale - scale)]
}
