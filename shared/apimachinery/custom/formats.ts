// Formats of texts that are checked (k8s.io/kube-openapi/pkg/validation/strfmt); others say nothing.
import { isIP, isIPv4, isIPv6 } from 'node:net'

const HOSTNAME = /^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\.?$/
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const BASE64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/
/** Go's durations, and those with words ("3 days"). */
const GO_DURATION = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/
const WORD_DURATION = /^(?:\d+(?:\.\d+)?)\s*(?:ns|nano|us|µs|micro|ms|milli|s|sec|second|m|min|minute|h|hr|hour|d|day|w|week|wk)s?$/i

function isUri(text: string): boolean {
  if (/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text)) {
    try {
      return new URL(text) !== undefined
    } catch {
      return false
    }
  }
  return text.startsWith('/')
}

function isCidr(text: string, versions: readonly number[] = [4, 6]): boolean {
  const [address = '', bits = '', ...more] = text.split('/')
  const version = isIP(address)
  return more.length === 0 && versions.includes(version) && /^\d+$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)
}

function isDate(text: string): boolean {
  const found = DATE.exec(text)
  if (found === null) return false
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(found[3])
}

function isUuid(text: string, version?: string): boolean {
  return UUID.test(text) && (version === undefined || text.replaceAll('-', '')[12] === version)
}

const FORMATS: ReadonlyMap<string, (text: string) => boolean> = new Map<string, (text: string) => boolean>([
  ['bsonobjectid', text => /^[0-9a-f]{24}$/i.test(text)],
  ['uri', isUri],
  ['email', text => /^[^\s@<>]+@[^\s@<>]+$/.test(text)],
  ['hostname', text => text.length <= 255 && HOSTNAME.test(text)],
  ['ipv4', isIPv4],
  ['ipv6', isIPv6],
  ['cidr', text => isCidr(text)],
  ['mac', text => /^(?:[0-9a-f]{2}[:-]){5}(?:[0-9a-f]{2})$|^(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}$/i.test(text)],
  ['uuid', text => isUuid(text)],
  ['uuid3', text => isUuid(text, '3')],
  ['uuid4', text => isUuid(text, '4')],
  ['uuid5', text => isUuid(text, '5')],
  ['isbn', text => isIsbn10(text) || isIsbn13(text)],
  ['isbn10', isIsbn10],
  ['isbn13', isIsbn13],
  ['creditcard', text => /^\d{13,19}$/.test(text.replace(/[ -]/g, ''))],
  ['ssn', text => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text)],
  ['hexcolor', text => /^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/.test(text)],
  ['rgbcolor', text => /^rgb\(\s*(?:\d{1,3}\s*,\s*){2}\d{1,3}\s*\)$/.test(text)],
  ['byte', text => BASE64.test(text)],
  ['password', () => true],
  ['date', isDate],
  ['duration', text => GO_DURATION.test(text) || WORD_DURATION.test(text)],
  ['datetime', text => isDateTime(text)],
  ['date-time', text => isDateTime(text)],
])

function isDateTime(text: string): boolean {
  return DATE_TIME.test(text) && isDate(text.slice(0, 10)) && !Number.isNaN(Date.parse(text))
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[ -]/g, '')
  if (!/^\d{9}[\dX]$/.test(digits)) return false
  return [...digits].reduce((sum, digit, i) => sum + (digit === 'X' ? 10 : Number(digit)) * (10 - i), 0) % 11 === 0
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[ -]/g, '')
  return /^\d{13}$/.test(digits) && [...digits].reduce((sum, digit, i) => sum + Number(digit) * (i % 2 === 0 ? 1 : 3), 0) % 10 === 0
}

/** A format that nobody knows is kept by every text. */
export const matchesFormat = (format: string, text: string): boolean =>
  FORMATS.get(format.replaceAll('-', ''))?.(text) ?? FORMATS.get(format)?.(text) ?? true

const OF_NUMBERS = ['int32', 'int64', 'float', 'double', 'int-or-string']

export const isKnownFormat = (format: string): boolean =>
  OF_NUMBERS.includes(format) || FORMATS.has(format) || FORMATS.has(format.replaceAll('-', ''))
