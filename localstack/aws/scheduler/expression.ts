// at(), rate() and cron() as EventBridge and EventBridge Scheduler take them.
import { Cron } from 'croner'
import { validation } from '../errors.ts'

export type Expression =
  | { readonly kind: 'at'; readonly time: number }
  | { readonly kind: 'rate'; readonly every: number }
  | { readonly kind: 'cron'; readonly cron: Cron }

const UNITS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }

/** @throws AwsError ValidationException */
export function parseExpression(text: string, timeZone: string): Expression {
  const invalid = () => validation(`Invalid Schedule Expression ${text}.`)
  const [, kind, body = ''] = text.match(/^(at|rate|cron)\((.*)\)$/) ?? []
  if (kind === 'at') {
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(body)) throw invalid()
    return { kind, time: localTime(body, timeZone, invalid) }
  }
  if (kind === 'rate') {
    const [, count, unit, plural] = body.match(/^([1-9]\d*) (minute|hour|day)(s?)$/) ?? []
    if (!count || !unit || (count === '1' && plural === 's')) throw invalid()
    return { kind, every: Number(count) * UNITS[unit]! }
  }
  if (kind === 'cron') return { kind, cron: parseCron(body, timeZone, invalid) }
  throw invalid()
}

/** The first time after `after`; for rate, counted from `from`. Undefined when there is none. */
export function nextTime(expression: Expression, after: number, from = after): number | undefined {
  if (expression.kind === 'at') return expression.time > after ? expression.time : undefined
  if (expression.kind === 'rate') return from + (Math.floor((after - from) / expression.every) + 1) * expression.every
  return expression.cron.nextRun(new Date(after))?.getTime()
}

/** A wall-clock time of a zone: the offset is looked up at the instant it leads to, twice, for hours next to a change of clocks. */
function localTime(text: string, timeZone: string, invalid: () => Error): number {
  const wall = Date.parse(`${text}Z`)
  if (Number.isNaN(wall)) throw invalid()
  let time = wall
  for (let round = 0; round < 2; round++) time = wall - offsetAt(time, timeZone)
  return time
}

function offsetAt(time: number, timeZone: string): number {
  let parts: Intl.DateTimeFormatPart[]
  try {
    parts = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    }).formatToParts(time)
  } catch {
    throw validation(`Provided ScheduleExpressionTimezone: ${timeZone} is invalid.`)
  }
  const of = (type: string) => Number(parts.find(part => part.type === type)?.value)
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second')) - Math.floor(time / 1000) * 1000
}

/** Six fields: minutes hours day-of-month month day-of-week year. Days of the week count from 1 = Sunday, and one of the two day fields is "?". */
function parseCron(body: string, timeZone: string, invalid: () => Error): Cron {
  const fields = body.trim().split(/\s+/)
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year] = fields
  if (fields.length !== 6 || !dayOfWeek || (dayOfMonth === '?') === (dayOfWeek === '?')) throw invalid()
  // "5/15" counts on from 5; the library wants to know how far.
  const steps = (field: string, last: number) => field.replace(/(^|,)(\d+)\//g, `$1$2-${last}/`)
  // Numbers of days shift by one; a number after "/" or "#" is a step or a week.
  const weekday = dayOfWeek === '?' ? '*' : dayOfWeek.replace(/(?<![#/\d])\d+/g, digit => String(Number(digit) - 1))
  const day = dayOfMonth === '?' ? '*' : dayOfMonth
  try {
    return new Cron(
      `0 ${steps(minutes!, 59)} ${steps(hours!, 23)} ${steps(day!, 31)} ${steps(month!, 12)} ${steps(weekday, 6)} ${steps(year!, 2199)}`,
      { timezone: timeZone, paused: true },
    )
  } catch {
    throw invalid()
  }
}
