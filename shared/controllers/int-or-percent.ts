import type { IntOrString } from '../api/meta/v1.ts'

/** "25%" of the total, rounded up or down; a number as it is. */
export function scaled(value: IntOrString | undefined, total: number, rounding: 'up' | 'down'): number {
  if (value === undefined) return 0
  if (typeof value === 'number') return value
  const percent = Number.parseInt(value, 10)
  if (Number.isNaN(percent)) return 0
  return value.endsWith('%') ? Math[rounding === 'up' ? 'ceil' : 'floor']((percent * total) / 100) : percent
}
