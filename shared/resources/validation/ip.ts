// IP addresses and CIDR ranges as upstream accepts them (k8s.io/apimachinery/pkg/util/validation/ip.go, Go's net and net/netip).
import { invalid } from '../../apimachinery/field-error.ts'
import type { Errors } from './checks.ts'

export interface Address {
  readonly family: 4 | 6
  /** 4 or 16. An IPv6 address that maps an IPv4 one is of family 4, as in Go. */
  readonly bytes: readonly number[]
  /** Written as "::ffff:1.2.3.4". */
  readonly mapped: boolean
  /** Some part of the IPv4 address began with a zero that it did not need. */
  readonly leadingZeros: boolean
}

export interface Range {
  readonly address: Address
  readonly prefix: number
  readonly leadingZeros: boolean
}

/** Leading zeros are read as decimal, as Kubernetes always did. */
export function parseIP(text: string): Address | undefined {
  if (text.includes(':')) return parseIPv6(text)
  const quad = parseQuad(text)
  return quad === undefined ? undefined : { family: 4, ...quad, mapped: false }
}

function parseQuad(text: string): { bytes: number[]; leadingZeros: boolean } | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let leadingZeros = false
  const bytes: number[] = []
  for (const part of parts) {
    if (!/^\d+$/.test(part) || Number(part) > 255) return undefined
    if (part.length > 1 && part.startsWith('0')) leadingZeros = true
    bytes.push(Number(part))
  }
  return { bytes, leadingZeros }
}

function parseIPv6(text: string): Address | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  let leadingZeros = false
  const read = (half: string): number[] | undefined => {
    if (half === '') return []
    const words: number[] = []
    const parts = half.split(':')
    for (const [i, part] of parts.entries()) {
      if (i === parts.length - 1 && part.includes('.')) {
        const quad = parseQuad(part)
        if (quad === undefined) return undefined
        leadingZeros = quad.leadingZeros
        const [a, b, c, d] = quad.bytes as [number, number, number, number]
        words.push(a * 256 + b, c * 256 + d)
      } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) words.push(Number.parseInt(part, 16))
      else return undefined
    }
    return words
  }
  const head = read(halves[0] ?? '')
  const tail = halves.length === 2 ? read(halves[1] ?? '') : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const words = [...head, ...new Array<number>(missing).fill(0), ...tail]
  const bytes = words.flatMap(word => [word >> 8, word & 255])
  const mapped = bytes.slice(0, 10).every(byte => byte === 0) && bytes[10] === 255 && bytes[11] === 255
  return mapped ? { family: 4, bytes: bytes.slice(12), mapped, leadingZeros } : { family: 6, bytes, mapped, leadingZeros }
}

/** RFC 5952; a mapped address is written as the IPv4 address that it maps. */
export function formatIP({ family, bytes }: Pick<Address, 'family' | 'bytes'>): string {
  if (family === 4) return bytes.join('.')
  const words = Array.from({ length: 8 }, (_, i) => (bytes[2 * i] as number) * 256 + (bytes[2 * i + 1] as number))
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && words[end] === 0) end++
    if (end - start > best.length) best = { start, length: end - start }
  }
  const hex = (from: number, to: number) =>
    words
      .slice(from, to)
      .map(word => word.toString(16))
      .join(':')
  return best.start < 0 ? hex(0, 8) : `${hex(0, best.start)}::${hex(best.start + best.length, 8)}`
}

export function parseCIDR(text: string): Range | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = parseIP(text.slice(0, slash))
  const length = text.slice(slash + 1)
  if (address === undefined || !/^\d+$/.test(length)) return undefined
  const bits = Number(length)
  if (bits > (text.slice(0, slash).includes(':') ? 128 : 32)) return undefined
  return { address, prefix: bits, leadingZeros: address.leadingZeros || (length.length > 1 && length.startsWith('0')) }
}

/** The address with the bits behind the prefix cleared. */
export function maskedAddress({ address, prefix }: Range): Address {
  const skipped = address.mapped ? 96 : 0
  const bytes = address.bytes.map((byte, i) => byte & (0xff << (8 - Math.min(8, Math.max(0, prefix - skipped - 8 * i)))))
  return { ...address, bytes }
}

const sameBytes = (a: Address, b: Address) => a.bytes.every((byte, i) => byte === b.bytes[i])

export const formatCIDR = (range: Range): string =>
  `${formatIP(maskedAddress(range))}/${range.address.mapped ? Math.max(0, range.prefix - 96) : range.prefix}`

const NOT_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
const NOT_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'

/** For the older fields, where other than the canonical form is only warned about. `old` values stay allowed. */
export function validIP(value: string, field: string, errors: Errors, old: readonly string[] = []): void {
  if (old.includes(value)) return
  const address = parseIP(value)
  if (address === undefined) errors.push(invalid(field, value, NOT_IP))
  else {
    if (address.leadingZeros) errors.push(invalid(field, value, 'must not have leading 0s'))
    if (address.mapped && !address.leadingZeros) errors.push(invalid(field, value, 'must not be an IPv4-mapped IPv6 address'))
  }
}

/** For newer fields: canonical form only. */
export function canonicalIP(value: string, field: string, errors: Errors): void {
  const before = errors.length
  validIP(value, field, errors)
  if (errors.length > before) return
  const canonical = formatIP(parseIP(value) as Address)
  if (canonical !== value) errors.push(invalid(field, value, `must be in canonical form (${JSON.stringify(canonical)})`))
}

/** The same, for names: what is wrong, without the value. */
export function ipProblems(value: string): string[] {
  const address = parseIP(value)
  if (address === undefined) return [NOT_IP]
  if (address.leadingZeros) return ['must not have leading 0s']
  if (address.mapped) return ['must not be an IPv4-mapped IPv6 address']
  const canonical = formatIP(address)
  return canonical === value ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`]
}

/** Whether `part` lies in `whole`, or is the same. */
export function coversRange(whole: Range, part: Range): boolean {
  if (whole.address.family !== part.address.family || whole.prefix > part.prefix) return false
  return sameBytes(maskedAddress(whole), maskedAddress({ address: part.address, prefix: whole.prefix, leadingZeros: false }))
}

/** Whether `part` lies in `whole` and is smaller. */
export const containsRange = (whole: Range, part: Range): boolean => whole.prefix < part.prefix && coversRange(whole, part)

export const coversAddress = (whole: Range, address: Address): boolean =>
  coversRange(whole, { address, prefix: address.family === 4 ? 32 : 128, leadingZeros: false })

export function validCIDR(value: string, field: string, errors: Errors, old: readonly string[] = []): void {
  if (old.includes(value)) return
  const range = parseCIDR(value)
  if (range === undefined) errors.push(invalid(field, value, NOT_CIDR))
  else if (range.leadingZeros) errors.push(invalid(field, value, 'must not have leading 0s in IP or prefix length'))
  else if (range.address.mapped) errors.push(invalid(field, value, 'must not have an IPv4-mapped IPv6 address'))
  else if (!sameBytes(range.address, maskedAddress(range)))
    errors.push(invalid(field, value, 'must not have bits set beyond the prefix length'))
}

export function canonicalCIDR(value: string, field: string, errors: Errors): void {
  const before = errors.length
  validCIDR(value, field, errors)
  if (errors.length > before) return
  const canonical = formatCIDR(parseCIDR(value) as Range)
  if (canonical !== value) errors.push(invalid(field, value, `must be in canonical form (${JSON.stringify(canonical)})`))
}

/** Warnings about an address that is accepted but not in the one form that everybody reads alike. */
export function warnAboutIP(value: string, field: string, warnings: string[]): void {
  const address = parseIP(value)
  if (address === undefined) return
  const canonical = JSON.stringify(formatIP(address))
  if (address.leadingZeros || address.mapped)
    warnings.push(`${field}: non-standard IP address ${JSON.stringify(value)} is invalid: use ${canonical}`)
  else if (address.family === 6 && JSON.stringify(value) !== canonical)
    warnings.push(`${field}: IPv6 address ${JSON.stringify(value)} should be in RFC 5952 canonical format (${canonical})`)
}

export function warnAboutCIDR(value: string, field: string, warnings: string[]): void {
  const range = parseCIDR(value)
  if (range === undefined) return
  const canonical = JSON.stringify(formatCIDR(range))
  const before = warnings.length
  if (!sameBytes(range.address, maskedAddress(range))) {
    const single = JSON.stringify(`${formatIP(range.address)}/${range.address.family === 4 ? 32 : 128}`)
    warnings.push(`${field}: CIDR value ${JSON.stringify(value)} is ambiguous in this context (should be ${canonical} or ${single}?)`)
  }
  if (range.leadingZeros || range.address.mapped)
    warnings.push(`${field}: non-standard CIDR value ${JSON.stringify(value)} is invalid: use ${canonical}`)
  if (warnings.length === before && range.address.family === 6) {
    const written = `${formatIP(range.address)}/${range.prefix}`
    if (written !== value)
      warnings.push(
        `${field}: IPv6 CIDR value ${JSON.stringify(value)} should be in RFC 5952 canonical format (${JSON.stringify(written)})`,
      )
  }
}

/** Addresses that traffic cannot be sent to. */
export function endpointIP(value: string, field: string, errors: Errors): void {
  const address = parseIP(value)
  if (address === undefined) {
    errors.push(invalid(field, value, 'must be a valid IP address'))
    return
  }
  const { family, bytes } = address
  const [a, b, c] = bytes as [number, number, number]
  const rest = (from: number, to: number) => bytes.slice(from, to).every(byte => byte === 0)
  if (rest(0, bytes.length)) errors.push(invalid(field, value, `may not be unspecified (${value})`))
  if (family === 4 ? a === 127 : rest(0, 15) && bytes[15] === 1)
    errors.push(invalid(field, value, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'))
  if (family === 4 ? a === 169 && b === 254 : a === 0xfe && (b & 0xc0) === 0x80)
    errors.push(invalid(field, value, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'))
  if (family === 4 ? a === 224 && b === 0 && c === 0 : a === 0xff && (b & 0x0f) === 0x02)
    errors.push(invalid(field, value, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'))
}

/** One of each family. */
export const isDualStack = (values: readonly string[]): boolean => new Set(values.map(value => parseIP(value)?.family)).size === 2
