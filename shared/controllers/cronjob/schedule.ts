// When a CronJob is due: five-field cron expressions, macros and @every, in a time zone. Pure.
import { Cron } from 'croner'

/** Milliseconds since the epoch. Undefined: never again (or never before). */
export interface Schedule {
  /** The first time after this one. */
  next(after: number): number | undefined
  /** The last time at or before this one. */
  last(at: number, after: number): number | undefined
}

/** The schedule cannot be understood. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError'
}

/** The time zone does not exist. */
export class ZoneError extends Error {
  override readonly name = 'ZoneError'
}

const ZONE_PREFIX = /^(?:CRON_)?TZ=(\S+)\s+/

/** Old objects may carry their zone in the schedule. */
export const zoneInSchedule = (text: string): string | undefined => ZONE_PREFIX.exec(text)?.[1]

export function parseSchedule(text: string, timeZone: string | undefined): Schedule {
  const zone = timeZone ?? zoneInSchedule(text) ?? 'UTC'
  if (!isZone(zone)) throw new ZoneError(`unknown time zone ${zone}`)
  const pattern = text.replace(ZONE_PREFIX, '').trim()
  const every = /^@every\s+(.+)$/.exec(pattern)
  if (every !== null) return constant(duration(every[1]!))
  let cron: Cron
  try {
    cron = new Cron(pattern.replaceAll('?', '*'), { timezone: zone, mode: '5-part' })
  } catch (error) {
    throw new ScheduleError(error instanceof Error ? error.message : String(error))
  }
  return {
    next: after => cron.nextRun(new Date(after))?.getTime(),
    last: at => cron.previousRuns(1, new Date(Math.floor(at / 1000) * 1000 + 1000))[0]?.getTime(),
  }
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }

/** A duration as Go writes it: "1h30m". */
function duration(text: string): number {
  let sum = 0
  const rest = text.trim().replace(/(\d+(?:\.\d+)?)(ms|h|m|s)/g, (_, number: string, unit: string) => {
    sum += Number(number) * UNITS[unit]!
    return ''
  })
  if (rest !== '' || sum <= 0) throw new ScheduleError(`failed to parse duration @every ${text}`)
  return Math.max(1000, Math.floor(sum / 1000) * 1000)
}

const constant = (delay: number): Schedule => ({
  next: after => Math.floor(after / 1000) * 1000 + delay,
  last: (at, after) => {
    const first = Math.floor(after / 1000) * 1000
    const runs = Math.floor((at - first) / delay)
    return runs < 1 ? undefined : first + runs * delay
  },
})

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
  return { time: schedule.last(now, since) ?? first, tooMany: missed > MANY }
}

/** RFC 3339 with the zone's offset at that time: "2024-03-31T03:30:00+09:00". */
export function inZone(time: number, zone: string | undefined): string {
  const utc = `${new Date(time).toISOString().slice(0, 19)}Z`
  if (zone === undefined) return utc
  const parts = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(time)
  const offset = /GMT([+-])(\d\d):(\d\d)/.exec(parts.find(({ type }) => type === 'timeZoneName')?.value ?? '')
  if (offset === null) return utc
  const [, sign, hours, minutes] = offset
  const shift = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1)
  return `${new Date(time + shift * 60_000).toISOString().slice(0, 19)}${sign}${hours}:${minutes}`
}
