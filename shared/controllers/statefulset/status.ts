// What a StatefulSet says about itself. Pure.
import type { StatefulSet, StatefulSetStatus } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { isAvailable } from '../pods.ts'
import { count } from '../status.ts'
import { REVISION, replicasOf } from './identity.ts'
import { isRunningAndReady, isTerminating, type Revisions } from './plan.ts'

export function statefulSetStatus(
  set: StatefulSet,
  pods: readonly Pod[],
  revisions: Revisions,
  collisions: number,
  now: number,
): StatefulSetStatus {
  const minReady = set.spec?.minReadySeconds ?? 0
  const ready = pods.filter(isRunningAndReady)
  const available = ready.filter(pod => isAvailable(pod, minReady, now))
  const of = (revision: string) => pods.filter(pod => !isTerminating(pod) && pod.metadata.labels?.[REVISION] === revision).length
  const wanted = replicasOf(set)
  const updated = of(revisions.update)
  // The update is done: from now on the new revision is the current one.
  const done = set.spec?.updateStrategy?.type !== 'OnDelete' && updated === wanted && ready.length === wanted && pods.length === wanted
  const current = done ? revisions.update : revisions.current
  return {
    observedGeneration: set.metadata.generation,
    replicas: pods.length,
    readyReplicas: count(ready.length),
    currentReplicas: count(done ? updated : of(revisions.current)),
    updatedReplicas: count(updated),
    currentRevision: current,
    updateRevision: revisions.update,
    collisionCount: collisions,
    availableReplicas: available.length,
    conditions: set.status?.conditions,
  }
}
