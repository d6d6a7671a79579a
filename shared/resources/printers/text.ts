// Cells of tables that many kinds share (pkg/printers/internalversion). A Table's columns are written as one line of text.
import type { Container } from '../../api/core/v1.ts'
import type { LabelSelector } from '../../api/meta/v1.ts'
import { formatSelector, fromLabelSelector } from '../../apimachinery/label-selector.ts'
import type { Column } from '../../apimachinery/resource.ts'

export const NONE = '<none>'
export const UNSET = '<unset>'
export const UNKNOWN = '<unknown>'

/** "Name, Desired:integer, Age, Images+": a type that is not "string" behind a colon, "+" where the column is shown with -o wide only. */
export function columns(line: string): readonly Column[] {
  return line.split(', ').map(text => {
    const [head = '', type = 'string'] = text.replace('+', '').split(':')
    return {
      name: head,
      type: type as Column['type'],
      ...(head === 'Name' ? { format: 'name' } : {}),
      ...(text.endsWith('+') ? { priority: 1 } : {}),
    }
  })
}

/** "5s", "3m20s", "2d3h": as few units as tell enough. Milliseconds. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(seconds / 60)
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / 24)
  if (hours < 192) return withRest(days, 'd', hours % 24, 'h')
  if (days < 730) return `${days}d`
  const years = Math.trunc(days / 365)
  return days < 2920 ? withRest(years, 'y', days % 365, 'd') : `${years}y`
}

const withRest = (whole: number, unit: string, rest: number, restUnit: string) => `${whole}${unit}${rest === 0 ? '' : `${rest}${restUnit}`}`

/** How long ago; "<unknown>" for no time. */
export const since = (time: string | undefined, now: number): string => (time ? humanDuration(now - Date.parse(time)) : UNKNOWN)

/** How long until then. */
export const until = (time: string | undefined, now: number): string => (time ? humanDuration(Date.parse(time) - now) : UNKNOWN)

export const age = (object: { readonly metadata: { readonly creationTimestamp?: string } }, now: number): string =>
  since(object.metadata.creationTimestamp, now)

export function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  const keys = Object.keys(labels ?? {}).sort()
  return keys.length === 0 ? NONE : keys.map(key => `${key}=${labels?.[key]}`).join(',')
}

export function selectorText(selector: LabelSelector | undefined): string {
  const requirements = fromLabelSelector(selector)
  if (requirements === undefined || requirements.length === 0) return NONE
  return formatSelector(requirements)
}

/** Names and images of the containers, with commas. */
export function containerCells(containers: readonly Container[] | undefined): [names: string, images: string] {
  const list = containers ?? []
  return [list.map(container => container.name).join(','), list.map(container => container.image ?? '').join(',')]
}
