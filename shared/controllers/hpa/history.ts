// What was recommended and done lately, as far as windows and rates look back. Pure.
//
// It outlives the process as a note, which is written only when it says something new: the newest recommendation is stored without a time,
// because it still holds. Whoever reads it takes it as given at the last look, a period ago.
//
//   look    : 0     15    30    45    60
//   asks for: 5     5     5     2     2
//   note    : [5]               [5 at 30, 2]          two writes
import type { HorizontalPodAutoscaler } from '../../api/autoscaling/v2.ts'

export interface Timed {
  readonly at: number
  readonly replicas: number
}

export interface History {
  /** Oldest first; each with the last time at which it was given. */
  readonly recommendations: readonly Timed[]
  /** Changes of scale, by how many. */
  readonly ups: readonly Timed[]
  readonly downs: readonly Timed[]
}

/** As the note has it. */
export interface StoredHistory {
  readonly recommendations: readonly { readonly at?: number; readonly replicas: number }[]
  readonly ups: readonly Timed[]
  readonly downs: readonly Timed[]
}

/** The scale that an autoscaler finds is its first recommendation: it does not shrink what it has just met. */
export const beginning = (replicas: number, now: number): History => ({ recommendations: [{ at: now, replicas }], ups: [], downs: [] })

/** `lastLook`: when the newest recommendation was given for the last time. */
export function fromStored({ recommendations, ups, downs }: StoredHistory, lastLook: number): History {
  return { recommendations: recommendations.map(({ at = lastLook, replicas }) => ({ at, replicas })), ups, downs }
}

export function toStored({ recommendations, ups, downs }: History): StoredHistory {
  const newest = recommendations.length - 1
  return { recommendations: recommendations.map((timed, index) => (index === newest ? { replicas: timed.replicas } : timed)), ups, downs }
}

/** Seconds that the windows and policies of an autoscaler look back. */
export function reachOf({ spec }: HorizontalPodAutoscaler): { readonly windows: number; readonly policies: number } {
  const { scaleUp, scaleDown } = spec?.behavior ?? {}
  const periods = [scaleUp, scaleDown].flatMap(rules => rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds)
  return {
    windows: Math.max(scaleUp?.stabilizationWindowSeconds ?? 0, scaleDown?.stabilizationWindowSeconds ?? 300),
    policies: spec?.behavior === undefined ? 0 : Math.max(15, ...periods),
  }
}

/** With what is recommended now, and without what no window or policy can see any more. */
export function withRecommendation(history: History, replicas: number, now: number, reach: ReturnType<typeof reachOf>): History {
  const young = (timed: readonly Timed[], seconds: number) => timed.filter(({ at }) => at > now - seconds * 1000)
  const before = young(history.recommendations, reach.windows)
  return {
    recommendations: reach.windows === 0 ? [] : telling([...before, { at: now, replicas }]),
    ups: young(history.ups, reach.policies),
    downs: young(history.downs, reach.policies),
  }
}

/** Only the least and the most within a window are asked for: what a later recommendation is both below and above of tells nothing. */
function telling(recommendations: readonly Timed[]): Timed[] {
  const kept: Timed[] = []
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const timed of [...recommendations].reverse()) {
    if (timed.replicas >= least && timed.replicas <= most) continue
    least = Math.min(least, timed.replicas)
    most = Math.max(most, timed.replicas)
    kept.push(timed)
  }
  return kept.reverse()
}

/** With a change of scale. */
export function withChange(history: History, from: number, to: number, now: number): History {
  if (to > from) return { ...history, ups: [...history.ups, { at: now, replicas: to - from }] }
  if (to < from) return { ...history, downs: [...history.downs, { at: now, replicas: from - to }] }
  return history
}
