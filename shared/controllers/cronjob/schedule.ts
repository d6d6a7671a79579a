// When a CronJob is due, to the minute as upstream's library counts it (github.com/robfig/cron), in a time zone. Pure.
//
// The clock on the wall decides: a time that it skips when it is put forward does not come that day, and one that it shows twice when it
// is put back comes twice.
import { CronError, type CronFields, type CronSchedule, isTimeZone, parseCron } from '../../resources/validation/cron.ts'
import { startOfDay, wallClock } from './zone.ts'

/** Milliseconds since the epoch. */
export interface Schedule {
  /** The first time after this one. Undefined: none within five years. */
  next(after: number): number | undefined
  /** The last time at or before `at`, which `first` is, too. */
  last(at: number, first: number): number
}

/** The schedule cannot be understood. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError'
}

/** The time zone does not exist. */
export class ZoneError extends Error {
  override readonly name = 'ZoneError'
}

/** Old objects may carry their zone in the schedule, which then goes before the field. */
export const hasZone = (text: string): boolean => text.includes('TZ')

/** @throws ZoneError, ScheduleError */
export function parseSchedule(text: string, timeZone: string | undefined): Schedule {
  if (timeZone !== undefined && !isTimeZone(timeZone)) throw new ZoneError(`unknown time zone ${timeZone}`)
  let parsed: CronSchedule
  try {
    parsed = parseCron(text)
  } catch (error) {
    if (error instanceof CronError) throw new ScheduleError(error.message)
    throw error
  }
  const { every, fields, zone = timeZone ?? 'UTC' } = parsed
  return fields === undefined ? paced(every!) : timed(fields, zone)
}

const paced = (delay: number): Schedule => ({
  next: after => Math.floor(after / 1000) * 1000 + delay,
  last: (at, first) => first + Math.floor((at - first) / delay) * delay,
})

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const MOST_YEARS = 5

function timed(fields: CronFields, zone: string): Schedule {
  const next = (after: number) => nextTime(fields, zone, after)
  return {
    next,
    last(at, first) {
      for (let back = HOUR_MS; ; back *= 2) {
        let last: number | undefined
        for (let time = next(Math.max(first - 1, at - back)); time !== undefined && time <= at; time = next(time)) last = time
        if (last !== undefined) return last
        if (at - back < first) return first
      }
    },
  }
}

function nextTime(fields: CronFields, zone: string, after: number): number | undefined {
  const [minutes, hours, , months] = fields
  let instant = (Math.floor(after / MINUTE_MS) + 1) * MINUTE_MS
  const lastYear = new Date(wallClock(zone, instant)).getUTCFullYear() + MOST_YEARS
  for (;;) {
    const clock = new Date(wallClock(zone, instant))
    const [year, month, day, minute] = [clock.getUTCFullYear(), clock.getUTCMonth(), clock.getUTCDate(), clock.getUTCMinutes()]
    if (year > lastYear) return undefined
    if (!months.numbers.has(month + 1)) instant = startOfDay(zone, Date.UTC(year, month + 1, 1))
    else if (!isDay(fields, clock)) instant = startOfDay(zone, Date.UTC(year, month, day + 1))
    else if (!hours.numbers.has(clock.getUTCHours())) instant += (60 - minute) * MINUTE_MS
    else if (!minutes.numbers.has(minute)) instant += MINUTE_MS
    else return instant
  }
}

/** Where both kinds of days are restricted, either will do. */
function isDay([, , days, , weekdays]: CronFields, clock: Date): boolean {
  const [day, weekday] = [days.numbers.has(clock.getUTCDate()), weekdays.numbers.has(clock.getUTCDay())]
  return days.any || weekdays.any ? day && weekday : day || weekday
}

/** So many missed times are a sign that something is wrong. */
const MANY = 100

export interface Due {
  readonly time: number
  /** Far more times than one were missed. */
  readonly tooMany: boolean
}

/** The time for which a Job should be started now: only the last one that was missed. */
export function dueTime(schedule: Schedule, since: number, now: number): Due | undefined {
  const first = schedule.next(since)
  if (first === undefined || first > now) return undefined
  const second = schedule.next(first)
  if (second === undefined || second > now) return { time: first, tooMany: false }
  const missed = Math.floor((now - first) / (second - first)) + 1
  return { time: schedule.last(now, first), tooMany: missed > MANY }
}
