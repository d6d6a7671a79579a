// Label selectors of objects, as controllers use them.
import { member } from '../apimachinery/objects.ts'
import type { LabelSelector } from '../apimachinery/types.ts'

export type Labels = Readonly<Record<string, string>> | undefined

/** An empty selector takes everything, an absent one nothing. */
export function matches(selector: LabelSelector | undefined, labels: Labels): boolean {
  // Stored objects may say null, too.
  if (!selector) return false
  if (!matchesLabels(selector.matchLabels, labels)) return false
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = member(labels, key)
    if (operator === 'In') return value !== undefined && values.includes(value)
    if (operator === 'NotIn') return value === undefined || !values.includes(value)
    if (operator === 'Exists') return value !== undefined
    return operator === 'DoesNotExist' && value === undefined
  })
}

/** The older kind of selector: every pair is there. */
export function matchesLabels(wanted: Labels, labels: Labels): boolean {
  for (const key in wanted) if (member(labels, key) !== wanted[key]) return false
  return true
}

export function isEmptySelector(selector: LabelSelector | undefined): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector?.matchExpressions ?? []).length === 0
}

/** As Go prints a pointer to a selector, which is in upstream's messages. */
export function printedSelector(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil'
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  )
  const map = labels.map(([key, value]) => `${key}: ${value},`).join('')
  return `&LabelSelector{MatchLabels:map[string]string{${map}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`
}
