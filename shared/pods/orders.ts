// What the control plane wants of an agent now, from the pod as it is stored.
import type { Pod } from '../api/core/v1.ts'
import { isFinished } from '../controllers/pods.ts'
import { parseTime } from '../controllers/time.ts'
import type { Deletion } from './agent-protocol.ts'
import { taskRecord } from './record.ts'

/** Seconds between two calls of an agent that has nothing to say: while the pod is starting or ending, and when it has settled. */
const RESTLESS_SECONDS = 2
const SETTLED_SECONDS = 30

export function deletionOf(pod: Pod, now: number): Deletion | undefined {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata
  if (deletionTimestamp !== undefined) {
    // The timestamp was cut to whole seconds: the true end is up to a second later, which is all of a grace of one second.
    const secondsLeft = Math.min(deletionGracePeriodSeconds, (parseTime(deletionTimestamp) + 999 - now) / 1000)
    return { gracePeriodSeconds: deletionGracePeriodSeconds, secondsLeft, reason: 'deleted' }
  }
  // Failed by somebody else than its own containers (deadline, eviction): what still runs must end.
  if (isFinished(pod) && !taskRecord(pod)?.finished) {
    const grace = pod.spec.terminationGracePeriodSeconds ?? 30
    return { gracePeriodSeconds: grace, secondsLeft: grace, reason: 'deadline' }
  }
  return undefined
}

/** Where nobody can push, how soon an agent shall ask again. */
export function syncAfter(pod: Pod): number {
  const settled =
    pod.metadata.deletionTimestamp === undefined &&
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
  return settled ? SETTLED_SECONDS : RESTLESS_SECONDS
}
