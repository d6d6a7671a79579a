import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  quantityMilliValue,
  quantityValue,
  subtractQuantities,
} from '../../shared/apimachinery/quantity.ts'

describe('quantities', () => {
  it.each([
    ['1000m', '1'],
    ['0.5', '500m'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.1Ki', '102400m'],
    ['1000000', '1M'],
    ['12e6', '12e6'],
    ['10e4', '100e3'],
    ['1E3', '1E3'],
    ['012', '012'],
    ['00', '0'],
    ['.', '0'],
    ['0.1n', '1n'],
    ['1.23456789012345', '1234567891n'],
    ['16Ei', '9223372036854775807'],
    ['-1.5Gi', '-1536Mi'],
    ['5e-10', '1e-9'],
  ])('writes %s as %s', (text, canonical) => expect(canonicalQuantity(text)).toBe(canonical))

  it.each(['1K', '1ki', '1e', '1m1', '--1'])('has no suffix like that of %s', text =>
    expect(() => parseQuantity(text)).toThrow("unable to parse quantity's suffix"),
  )

  it.each(['', 'abc', '1..2', '1 Gi', '0x10', '1e1.5'])('refuses %j', text =>
    expect(() => parseQuantity(text)).toThrow('quantities must match the regular expression'),
  )

  it('counts in whole units and thousandths, rounded up', () => {
    expect(quantityValue('1500m')).toBe(2)
    expect(quantityValue('64Mi')).toBe(67108864)
    expect(quantityMilliValue('0.1')).toBe(100)
    expect(quantityMilliValue('2')).toBe(2000)
    expect(quantityValue('-1500m')).toBe(-2)
  })

  it('compares by value and adds in the form of the first that is not zero', () => {
    expect(compareQuantities('1Gi', '1G')).toBe(1)
    expect(compareQuantities('1000m', '1')).toBe(0)
    expect(formatQuantity(addQuantities('1Gi', '512Mi'))).toBe('1536Mi')
    expect(formatQuantity(addQuantities('0', '512Mi'))).toBe('512Mi')
    expect(formatQuantity(subtractQuantities('1', '250m'))).toBe('750m')
  })

  it('does not choke on exponents that nobody means', () => expect(compareQuantities('1e999999999', '1')).toBe(1))

  it('writes nothing that it would read as another number', () => {
    const text = fc
      .tuple(
        fc.constantFrom('', '-'),
        fc.nat(1e9),
        fc.nat(999),
        fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'e-2'),
      )
      .map(([sign, whole, part, suffix]) => `${sign}${whole}.${part}${suffix}`)
    fc.assert(
      fc.property(text, value => {
        const written = formatQuantity(parseQuantity(value))
        expect(compareQuantities(written, value)).toBe(0)
        expect(formatQuantity(parseQuantity(written))).toBe(written)
      }),
    )
  })
})
