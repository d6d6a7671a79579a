// Making room for a more important pod: which pods would have to go on which node, and which node costs least.
import type { PodDisruptionBudget } from '../api/policy/v1.ts'
import { isEmptySelector, matches } from '../controllers/selectors.ts'
import { parseTime } from '../controllers/time.ts'
import type { Filter, Rejection } from './filters.ts'
import type { PodInfo } from './pod-info.ts'
import type { NodeInfo, Snapshot } from './snapshot.ts'

export interface Preemption {
  readonly node: NodeInfo
  readonly victims: readonly PodInfo[]
}

interface Candidate extends Preemption {
  /** How many of the victims a disruption budget would protect. */
  readonly violations: number
}

const started = ({ pod }: PodInfo): number => parseTime(pod.status?.startTime ?? '') || Number.POSITIVE_INFINITY

/** More important first: higher priority, then longer running. */
const byImportance = (a: PodInfo, b: PodInfo): number => b.priority - a.priority || started(a) - started(b)

/** Splits what may go into what budgets protect and what they do not, using the budgets up in order. */
function protectedBy(budgets: readonly PodDisruptionBudget[], pods: readonly PodInfo[]): { guarded: PodInfo[]; free: PodInfo[] } {
  const left = budgets.map(({ status }) => status?.disruptionsAllowed ?? 0)
  const guarded: PodInfo[] = []
  const free: PodInfo[] = []
  for (const info of pods) {
    const { namespace, labels, name } = info.pod.metadata
    let violates = false
    budgets.forEach(({ metadata, spec, status }, i) => {
      // A pod without labels is in no budget, and a budget without a selector has no pods: not for preemption.
      if (metadata.namespace !== namespace || labels === undefined || Object.keys(labels).length === 0) return
      if (isEmptySelector(spec?.selector) || !matches(spec?.selector, labels)) return
      // One that is being evicted already was counted then.
      if (status?.disruptedPods?.[name] !== undefined) return
      left[i]!--
      if (left[i]! < 0) violates = true
    })
    ;(violates ? guarded : free).push(info)
  }
  return { guarded, free }
}

/**
 * The fewest pods, the least important first, whose going lets the pod onto the node; or why not even all of them would. The snapshot is
 * as before afterwards.
 */
function victimsOn(
  info: PodInfo,
  node: NodeInfo,
  snapshot: Snapshot,
  fits: Filter,
  budgets: readonly PodDisruptionBudget[],
): Candidate | Rejection {
  const lower = [...node.pods.values()].filter(({ priority }) => priority < info.priority).sort(byImportance)
  if (lower.length === 0) return NONE_LOWER
  for (const pod of lower) snapshot.take(pod, node)
  const victims: PodInfo[] = []
  let violations = 0
  const rejected = fits(node)
  if (rejected === undefined) {
    const { guarded, free } = protectedBy(budgets, lower)
    const spare = (pod: PodInfo): boolean => {
      snapshot.put(pod, node)
      if (fits(node) === undefined) return true
      snapshot.take(pod, node)
      victims.push(pod)
      return false
    }
    for (const pod of guarded) if (!spare(pod)) violations++
    for (const pod of free) spare(pod)
  }
  for (const pod of lower) if (!node.pods.has(pod.key)) snapshot.put(pod, node)
  return rejected ?? { node, victims: victims.sort(byImportance), violations }
}

/** Fewest broken budgets, then the least important victims, then few of them, then those that started last. */
function better(a: Candidate, b: Candidate): number {
  const sum = ({ victims }: Candidate) => victims.reduce((total, { priority }) => total + priority + 2 ** 31, 0)
  const earliest = ({ victims }: Candidate) => Math.min(...victims.filter(({ priority }) => priority === victims[0]!.priority).map(started))
  return (
    a.violations - b.violations ||
    a.victims[0]!.priority - b.victims[0]!.priority ||
    sum(a) - sum(b) ||
    a.victims.length - b.victims.length ||
    (earliest(a) === earliest(b) ? 0 : earliest(b) - earliest(a))
  )
}

export const NOT_HELPFUL = 'Preemption is not helpful for scheduling'
const NONE_LOWER: Rejection = { reasons: ['No preemption victims found for incoming pod'], resolvable: false }

/**
 * Where room can be made, or why nowhere: a reason for each node.
 * @param rejections why each node, by index, cannot take the pod as things are
 */
export function preempt(
  info: PodInfo,
  snapshot: Snapshot,
  fits: Filter,
  rejections: readonly Rejection[],
  budgets: readonly PodDisruptionBudget[],
): Preemption | { readonly reasons: readonly string[] } {
  const reasons: string[] = []
  let best: Candidate | undefined
  for (const node of snapshot.nodes) {
    if (!rejections[node.index]!.resolvable) {
      reasons.push(NOT_HELPFUL)
      continue
    }
    const candidate = victimsOn(info, node, snapshot, fits, budgets)
    if ('reasons' in candidate) reasons.push(...candidate.reasons)
    else if (best === undefined || better(candidate, best) < 0) best = candidate
  }
  return best ?? { reasons }
}
