// Clocks of time zones. Pure.

const DAY_MS = 86_400_000

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (format === undefined) {
    const numeric = 'numeric'
    format = new Intl.DateTimeFormat('en', {
      timeZone: zone,
      hourCycle: 'h23',
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
      second: numeric,
    })
    formats.set(zone, format)
  }
  return format
}

/** "Local" is the zone of the server, which is UTC. */
const isUtc = (zone: string): boolean => zone === 'UTC' || zone === 'Local' || zone === ''

/** What the clock shows at an instant, as if it were UTC. Milliseconds since the epoch, like everything here; `instant` in whole seconds. */
export function wallClock(zone: string, instant: number): number {
  if (isUtc(zone)) return instant
  const parts: Record<string, number> = {}
  for (const { type, value } of formatOf(zone).formatToParts(instant)) parts[type] = Number(value)
  return Date.UTC(parts.year!, parts.month! - 1, parts.day!, parts.hour!, parts.minute!, parts.second!)
}

/** The first instant of a day: where clocks are put forward at midnight it begins later. `midnight` is what the clock should show. */
export function startOfDay(zone: string, midnight: number): number {
  const ahead = (instant: number) => wallClock(zone, instant) - instant
  const candidates = [midnight - ahead(midnight - DAY_MS), midnight - ahead(midnight + DAY_MS)]
  return Math.min(...candidates.filter(instant => wallClock(zone, instant) >= midnight))
}

/** RFC 3339 with the zone's offset at that time: "2024-03-31T03:30:00+09:00". */
export function inZone(time: number, zone: string | undefined): string {
  const instant = Math.floor(time / 1000) * 1000
  const shown = zone === undefined ? instant : wallClock(zone, instant)
  const minutes = Math.round((shown - instant) / 60_000)
  const text = new Date(shown).toISOString().slice(0, 19)
  if (minutes === 0) return `${text}Z`
  const two = (number: number) => String(number).padStart(2, '0')
  const size = Math.abs(minutes)
  return `${text}${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}
