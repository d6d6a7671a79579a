// Times as metav1.Time and metav1.MicroTime read and write them: RFC 3339, answered in UTC, in whole seconds or with six digits.
import { DecodeError } from '../engines.ts'

const SECONDS = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/
const LAYOUT = '2006-01-02T15:04:05Z07:00'
const MICRO_LAYOUT = '2006-01-02T15:04:05.000000Z07:00'

/** "2024-01-02T03:04:05Z", or null for Go's zero time. @throws DecodeError */
export function canonicalTime(text: string): string | null {
  if (SECONDS.test(text)) return text === '0001-01-01T00:00:00Z' ? null : text
  const { date } = read(text, LAYOUT, false)
  return written(date, '')
}

/** "2024-01-02T03:04:05.000006Z". The text must have exactly six digits after the point. @throws DecodeError */
export function canonicalMicroTime(text: string): string | null {
  const { date, fraction } = read(text, MICRO_LAYOUT, true)
  return written(date, `.${fraction}`)
}

function written(date: Date, fraction: string): string | null {
  const seconds = date.toISOString().slice(0, 19)
  return seconds === '0001-01-01T00:00:00' && /^\.?0*$/.test(fraction) ? null : `${seconds}${fraction}Z`
}

/** The parts of the layout in order, and how Go calls them when they do not fit. */
const PARTS: readonly (readonly [form: RegExp, name: string])[] = [
  [/^\d{4}/, '2006'],
  [/^-/, '-'],
  [/^\d{2}/, '01'],
  [/^-/, '-'],
  [/^\d{2}/, '02'],
  [/^T/, 'T'],
  [/^\d{2}/, '15'],
  [/^:/, ':'],
  [/^\d{2}/, '04'],
  [/^:/, ':'],
  [/^\d{2}/, '05'],
]

function read(text: string, layout: string, micro: boolean): { date: Date; fraction: string } {
  const shown = JSON.stringify(text)
  const fail = (why: string): never => {
    throw new DecodeError(`parsing time ${shown}${why}`)
  }
  const unfit = (rest: string, name: string) =>
    fail(` as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(name)}`)
  let rest = text
  const take = (form: RegExp, name: string): string => {
    const found = form.exec(rest)?.[0]
    if (found === undefined) return unfit(rest, name)
    rest = rest.slice(found.length)
    return found
  }
  const [year, , month, , day, , hour, , minute, , second] = PARTS.map(([form, name]) => Number(take(form, name)))
  let fraction = ''
  if (micro) fraction = take(/^\.\d{6}(?!\d)/, '.000000').slice(1)
  else fraction = (/^[.,]\d+/.exec(rest)?.[0] ?? '').slice(1)
  if (!micro && fraction !== '') rest = rest.slice(fraction.length + 1)
  const zone = take(/^(?:Z|[+-]\d{2}:\d{2})/, 'Z07:00')
  if (rest !== '') fail(`: extra text: ${JSON.stringify(rest)}`)

  if (month! < 1 || month! > 12) fail(': month out of range')
  if (hour! > 23) fail(': hour out of range')
  if (minute! > 59) fail(': minute out of range')
  if (second! > 59) fail(': second out of range')
  if (day! < 1 || day! > new Date(Date.UTC(2000 + (year! % 400), month!, 0)).getUTCDate()) fail(': day out of range')
  const date = new Date(0)
  date.setUTCFullYear(year!, month! - 1, day!)
  date.setUTCHours(hour!, minute!, second!)
  if (zone !== 'Z') {
    const offset = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4))
    date.setTime(date.getTime() - (zone.startsWith('-') ? -offset : offset) * 60_000)
  }
  return { date, fraction }
}
