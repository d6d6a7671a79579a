// Schedules as github.com/robfig/cron reads them, which upstream asks: what they say, and in its words what is wrong with them.

interface Bounds {
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
  /** The number of the first name. */
  readonly first?: number
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const FIELDS: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS, first: 1 },
  { min: 0, max: 6, names: DAYS, first: 0 },
]
const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

export class CronError extends Error {}

/** One of the five parts. */
export interface CronField {
  readonly numbers: ReadonlySet<number>
  /** "*" or "?" is in it, and takes every number. */
  readonly any: boolean
}

/** Minutes, hours, days of the month, months (from 1) and days of the week (from Sunday, 0). */
export type CronFields = readonly [CronField, CronField, CronField, CronField, CronField]

export interface CronSchedule {
  /** Of the prefix "TZ=" or "CRON_TZ=". */
  readonly zone?: string
  /** Absent for "@every". */
  readonly fields?: CronFields
  /** Of "@every": whole seconds, in milliseconds. */
  readonly every?: number
}

/** What is wrong with it; undefined when nothing is. */
export function scheduleProblem(schedule: string): string | undefined {
  try {
    parseCron(schedule)
    return undefined
  } catch (error) {
    if (error instanceof CronError) return error.message
    throw error
  }
}

/** @throws CronError */
export function parseCron(text: string): CronSchedule {
  let schedule = text
  let zone: string | undefined
  if (schedule === '') throw new CronError('empty spec string')
  if (schedule.startsWith('TZ=') || schedule.startsWith('CRON_TZ=')) {
    const space = schedule.indexOf(' ')
    if (space < 0) throw new CronError('invalid schedule format: runtime error: slice bounds out of range [:-1]')
    zone = schedule.slice(schedule.indexOf('=') + 1, space)
    if (zone !== '' && !isTimeZone(zone)) throw new CronError(`provided bad location ${zone}: unknown time zone ${zone}`)
    schedule = schedule.slice(space).trim()
  }
  if (schedule.startsWith('@')) {
    const standard = DESCRIPTORS[schedule]
    return standard === undefined ? { zone, every: pace(schedule) } : { zone, fields: fieldsOf(standard) }
  }
  return { zone, fields: fieldsOf(schedule) }
}

function fieldsOf(schedule: string): CronFields {
  const fields = schedule.split(/\s+/).filter(Boolean)
  if (fields.length !== FIELDS.length)
    throw new CronError(`expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(' ')}]`)
  return fields.map((field, i) => fieldOf(field, FIELDS[i] as Bounds)) as readonly CronField[] as CronFields
}

function fieldOf(text: string, bounds: Bounds): CronField {
  const numbers = new Set<number>()
  let any = false
  for (const part of text.split(',').filter(Boolean)) {
    const { start, end, step, star } = range(part, bounds)
    for (let number = start; number <= end; number += step) numbers.add(number)
    any ||= star
  }
  return { numbers, any }
}

const DURATION = /^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))*$/
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, μs: 1e-3, ns: 1e-6 }

/** At least a second, and whole ones. */
function pace(text: string): number {
  if (!text.startsWith('@every ')) throw new CronError(`unrecognized descriptor: ${text}`)
  const duration = text.slice('@every '.length)
  if (!DURATION.test(duration) && !/^[+-]?0$/.test(duration))
    throw new CronError(`failed to parse duration ${text}: time: invalid duration ${JSON.stringify(duration)}`)
  let sum = 0
  for (const [, amount, unit] of duration.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g)) sum += Number(amount) * (UNITS[unit!] ?? 0)
  return duration.startsWith('-') ? 1000 : Math.max(1, Math.floor(sum / 1000)) * 1000
}

interface Range {
  readonly start: number
  readonly end: number
  readonly step: number
  readonly star: boolean
}

function range(text: string, bounds: Bounds): Range {
  const [interval = '', step, ...moreSteps] = text.split('/')
  const [low = '', high, ...moreHighs] = interval.split('-')
  const star = low === '*' || low === '?'
  let start: number
  let end: number
  if (star) {
    start = bounds.min
    end = bounds.max
  } else {
    start = numberOrName(low, bounds)
    if (moreHighs.length > 0) throw new CronError(`too many hyphens: ${text}`)
    end = high === undefined ? start : numberOrName(high, bounds)
  }
  if (moreSteps.length > 0) throw new CronError(`too many slashes: ${text}`)
  const width = step === undefined ? 1 : integer(step, step)
  if (step !== undefined && high === undefined) end = bounds.max
  if (start < bounds.min) throw new CronError(`beginning of range (${start}) below minimum (${bounds.min}): ${text}`)
  if (end > bounds.max) throw new CronError(`end of range (${end}) above maximum (${bounds.max}): ${text}`)
  if (start > end) throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${text}`)
  if (width === 0) throw new CronError(`step of range should be a positive number: ${text}`)
  return { start, end, step: width, star: star && width === 1 }
}

function numberOrName(text: string, { names, first = 0 }: Bounds): number {
  const i = names?.indexOf(text.toLowerCase()) ?? -1
  return i < 0 ? integer(text, text) : i + first
}

function integer(text: string, whole: string): number {
  if (!/^[+-]?\d+$/.test(text))
    throw new CronError(`failed to parse int from ${whole}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
  const value = Number(text)
  if (value < 0) throw new CronError(`negative number (${value}) not allowed: ${whole}`)
  return value
}

/** A name of the IANA database, spelled as it is there; also "UTC" and "Local", which Go knows. */
export function isTimeZone(name: string): boolean {
  if (name === 'UTC' || name === 'Local') return true
  // Their names begin with capitals, whatever case the platform accepts.
  if (!name.split('/').every(part => /^[A-Z]/.test(part) || /^[a-z]+$/.test(part)) || !/^[A-Z]/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
