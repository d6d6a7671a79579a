// How long failed pods put off the next try: 10 s, doubled with every failure since the last success, at most 10 min. Pure.
import type { Pod } from '../../api/core/v1.ts'
import { podCondition } from '../pods.ts'
import { parseTime } from '../time.ts'

const FIRST_MS = 10_000
const LONGEST_MS = 600_000

/** When the pod ended, as far as it is known (ms since the epoch). */
export function finishTime(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) => parseTime(state?.terminated?.finishedAt ?? ''))
  const known = ends.filter(time => !Number.isNaN(time))
  if (known.length > 0) return Math.max(...known)
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, creationTimestamp } = pod.metadata
  if (deletionTimestamp !== undefined) return parseTime(deletionTimestamp) - deletionGracePeriodSeconds * 1000
  const ready = podCondition(pod, 'Ready')
  if (ready?.status === 'False' && ready.lastTransitionTime !== undefined) return parseTime(ready.lastTransitionTime)
  return parseTime(creationTimestamp ?? '') || 0
}

const wait = (failures: number): number => (failures === 0 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1)))

/** When the next pod may start (ms since the epoch), given those that failed and those that succeeded. */
export function nextTry(failed: readonly Pod[], succeeded: readonly Pod[]): number {
  const lastSuccess = Math.max(0, ...succeeded.map(finishTime))
  const since = failed.map(finishTime).filter(time => time > lastSuccess)
  return since.length === 0 ? 0 : Math.max(...since) + wait(since.length)
}

/** The same for one index, whose last failed pod had so many failures before it. */
export const nextTryOfIndex = (pod: Pod, before: number): number => finishTime(pod) + wait(before + 1)
