// The addresses and ports that Services take their own from. A band at the start of each range is left to those who ask for a
// fixed one (pkg/registry/core/service/ipallocator, portallocator): dynamic allocation goes there only when nothing else is free.
import { randomInt } from 'node:crypto'
import { type Address, formatIP, maskedAddress, parseCIDR, parseIP } from '../validation/ip.ts'

export type Family = 'IPv4' | 'IPv6'

/** A range of numbers with its band for fixed ones. `last` is inside. */
export interface Numbers {
  readonly first: bigint
  readonly last: bigint
  /** How many at the start are for fixed ones. */
  readonly band: bigint
}

export interface AddressRange extends Numbers {
  readonly family: Family
}

const toNumber = ({ bytes }: Address) => bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n)

export function formatNumber(number: bigint, family: Family): string {
  const length = family === 'IPv4' ? 4 : 16
  const bytes = Array.from({ length }, (_, i) => Number((number >> BigInt(8 * (length - 1 - i))) & 255n))
  return formatIP({ family: family === 'IPv4' ? 4 : 6, bytes })
}

const clamp = (value: bigint, low: bigint, high: bigint) => (value < low ? low : value > high ? high : value)

/** "10.96.0.0/16": without the network's own address, and without IPv4's broadcast address. @throws Error when it is no range */
export function addressRange(cidr: string): AddressRange {
  const range = parseCIDR(cidr)
  if (range === undefined) throw new Error(`${JSON.stringify(cidr)} is no range of addresses, such as 10.96.0.0/16`)
  const family: Family = range.address.family === 4 ? 'IPv4' : 'IPv6'
  const bits = BigInt((family === 'IPv4' ? 32 : 128) - range.prefix)
  const network = toNumber(maskedAddress(range))
  const size = 1n << bits
  const last = network + size - (family === 'IPv4' ? 2n : 1n)
  const band = size <= 16n ? 0n : clamp(size / 16n, 16n, 256n)
  return { family, first: network + 1n, last, band }
}

/** "10.96.0.0/16" or, for both families, "10.96.0.0/16,fd00::/108". */
export const addressRanges = (cidrs: string): readonly AddressRange[] => cidrs.split(',').map(cidr => addressRange(cidr.trim()))

export function portRange(first: number, last: number): Numbers {
  const size = BigInt(last - first + 1)
  const band = size <= 16n ? 0n : clamp(size / 32n, 16n, 128n)
  return { first: BigInt(first), last: BigInt(last), band }
}

export function contains({ first, last, family }: AddressRange, ip: string): boolean {
  const address = parseIP(ip)
  if (address === undefined || address.family !== (family === 'IPv4' ? 4 : 6)) return false
  const number = toNumber(address)
  return number >= first && number <= last
}

/** All numbers of the range, in an order that two allocators do not share: first those above the band, then those in it. */
export function* candidates({ first, last, band }: Numbers): Generator<bigint> {
  const bands: (readonly [from: bigint, to: bigint])[] = [
    [first + band, last],
    [first, first + band - 1n],
  ]
  for (const [from, to] of bands) {
    const size = to - from + 1n
    if (size <= 0n) continue
    const start = size > 2n ** 40n ? 0n : BigInt(randomInt(Number(size)))
    for (let i = 0n; i < size; i++) yield from + ((start + i) % size)
  }
}
