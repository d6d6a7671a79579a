// Node selectors, taints and tolerations: rules about nodes alone, which other pods do not change.

import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, Taint, Toleration } from '../api/core/v1.ts'
import { member } from '../apimachinery/objects.ts'

type Labels = Readonly<Record<string, string>>

function satisfies({ key, operator, values = [] }: NodeSelectorRequirement, labels: Labels): boolean {
  const value = member(labels, key)
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    default: {
      const [have, limit] = [integer(value), integer(values[0])]
      if (have === undefined || limit === undefined) return false
      return operator === 'Gt' ? have > limit : operator === 'Lt' && have < limit
    }
  }
}

const integer = (text: string | undefined): bigint | undefined => (text !== undefined && /^[-+]?\d+$/.test(text) ? BigInt(text) : undefined)

/** A term without any requirement takes no node. */
export function matchesNodeTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false
  const labels = node.metadata.labels ?? {}
  const fields = { 'metadata.name': node.metadata.name }
  return matchExpressions.every(r => satisfies(r, labels)) && matchFields.every(r => satisfies(r, fields))
}

export const matchesNodeTerms = (terms: readonly NodeSelectorTerm[], node: Node): boolean => terms.some(term => matchesNodeTerm(term, node))

/** Both spec.nodeSelector and required node affinity. */
export function matchesNodeAffinity({ spec }: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {}
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) if (member(labels, key) !== value) return false
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required === undefined || matchesNodeTerms(required.nodeSelectorTerms, node)
}

/**
 * The only nodes that every term names, if they all name some (as a DaemonSet's pods do). Fields of one term must all hold, so none is
 * left where they name different nodes.
 */
export function namedNodes({ spec }: Pod): ReadonlySet<string> | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  if (terms === undefined || terms.length === 0) return undefined
  const names = new Set<string>()
  for (const { matchFields = [] } of terms) {
    const [first, ...others] = matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
    if (first === undefined) return undefined
    for (const name of first.values ?? []) if (others.every(({ values }) => values?.includes(name))) names.add(name)
  }
  return names
}

export function tolerates({ key = '', operator = 'Equal', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false
  if (key !== '' && key !== taint.key) return false
  if (operator === 'Exists') return true
  if (operator === 'Equal') return value === (taint.value ?? '')
  const [have, limit] = [integer(taint.value), integer(value)]
  if (have === undefined || limit === undefined) return false
  return operator === 'Lt' ? have < limit : operator === 'Gt' && have > limit
}

export const isTolerated = (tolerations: readonly Toleration[] | undefined, taint: Taint): boolean =>
  tolerations?.some(toleration => tolerates(toleration, taint)) ?? false

/** The first taint that keeps new pods away and is not tolerated. */
export function untoleratedTaint(tolerations: readonly Toleration[] | undefined, taints: readonly Taint[] | undefined): Taint | undefined {
  return taints?.find(taint => (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !isTolerated(tolerations, taint))
}

export const UNSCHEDULABLE_TAINT: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }
