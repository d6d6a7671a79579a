// Whether a text is a schedule, in the words of github.com/robfig/cron, which upstream asks.

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
const DESCRIPTORS = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']

class CronError extends Error {}

/** What is wrong with it; undefined when nothing is. */
export function scheduleProblem(schedule: string): string | undefined {
  try {
    parse(schedule)
    return undefined
  } catch (error) {
    if (error instanceof CronError) return error.message
    throw error
  }
}

function parse(text: string): void {
  let schedule = text
  if (schedule === '') throw new CronError('empty spec string')
  if (schedule.startsWith('TZ=') || schedule.startsWith('CRON_TZ=')) {
    const space = schedule.indexOf(' ')
    if (space < 0) throw new CronError('invalid schedule format: runtime error: slice bounds out of range [:-1]')
    const zone = schedule.slice(schedule.indexOf('=') + 1, space)
    if (zone !== '' && !isTimeZone(zone)) throw new CronError(`provided bad location ${zone}: unknown time zone ${zone}`)
    schedule = schedule.slice(space).trim()
  }
  if (schedule.startsWith('@')) {
    descriptor(schedule)
    return
  }
  const fields = schedule.split(/\s+/).filter(Boolean)
  if (fields.length !== FIELDS.length)
    throw new CronError(`expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(' ')}]`)
  for (const [i, field] of fields.entries()) for (const part of field.split(',').filter(Boolean)) range(part, FIELDS[i] as Bounds)
}

const DURATION = /^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))*$/

function descriptor(text: string): void {
  if (DESCRIPTORS.includes(text)) return
  if (!text.startsWith('@every ')) throw new CronError(`unrecognized descriptor: ${text}`)
  const duration = text.slice('@every '.length)
  if (!DURATION.test(duration) && !/^[+-]?0$/.test(duration))
    throw new CronError(`failed to parse duration ${text}: time: invalid duration ${JSON.stringify(duration)}`)
}

function range(text: string, bounds: Bounds): void {
  const [interval = '', step, ...moreSteps] = text.split('/')
  const [low = '', high, ...moreHighs] = interval.split('-')
  let start: number
  let end: number
  if (low === '*' || low === '?') {
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
