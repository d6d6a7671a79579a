// How long failed pods put off the next try: 10 s, doubled with every failure since the last success, at most 10 min. Pure.
import type { ContainerStatus, Pod } from '../../api/core/v1.ts'
import { podCondition } from '../pods.ts'
import { parseTime } from '../time.ts'

const FIRST_MS = 10_000
const LONGEST_MS = 600_000

/** When the last of these containers ended; undefined while one of them has not, or nobody knows when it did. */
function lastEnd(statuses: readonly ContainerStatus[]): number | undefined {
  const ends = statuses.map(({ state }) => parseTime(state?.terminated?.finishedAt ?? ''))
  return ends.length === 0 || ends.some(Number.isNaN) ? undefined : Math.max(...ends)
}

/** Containers, and the sidecars, which end after them. */
function endOfContainers({ spec, status }: Pod): number | undefined {
  const sidecars = new Set((spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name))
  return lastEnd([...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name))])
}

/** When the pod ended, as far as it is known (ms since the epoch). */
export function finishTime(pod: Pod): number {
  const known = endOfContainers(pod)
  if (known !== undefined) return known
  // Whoever ends a pod without its containers ending says that it is not ready; one that was deleted is known by that.
  const ready = podCondition(pod, 'Ready')
  if (ready?.status === 'False' && ready.lastTransitionTime !== undefined) return parseTime(ready.lastTransitionTime)
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, creationTimestamp } = pod.metadata
  if (deletionTimestamp !== undefined) return parseTime(deletionTimestamp) - deletionGracePeriodSeconds * 1000
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
