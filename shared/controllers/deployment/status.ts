// What a Deployment says about itself. Pure.
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/apps/v1.ts'
import { findCondition, withCondition, withoutCondition } from '../conditions.ts'
import { count } from '../status.ts'
import { parseTime, timestamp } from '../time.ts'
import { maxUnavailable, progressDeadline, replicasOf } from './limits.ts'
import { totalSize } from './scaling.ts'

const COMPLETE = 'NewReplicaSetAvailable'
const TIMED_OUT = 'ProgressDeadlineExceeded'
const PAUSED = 'DeploymentPaused'

export function condition(type: string, status: string, reason: string, message: string, now: number): DeploymentCondition {
  const time = timestamp(now)
  return { type, status, reason, message, lastUpdateTime: time, lastTransitionTime: time }
}

/** Counts, and whether the Deployment is available. `deployment.status` is what was said before. */
export function countedStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  fresh: ReplicaSet | undefined,
  now: number,
): DeploymentStatus {
  const sum = (of: (status: NonNullable<ReplicaSet['status']>) => number | undefined) =>
    all.reduce((total, set) => total + (set.status === undefined ? 0 : (of(set.status) ?? 0)), 0)
  const available = sum(status => status.availableReplicas)
  const terminating = all.every(set => set.status?.terminatingReplicas !== undefined)
  const availability =
    available >= replicasOf(deployment) - maxUnavailable(deployment)
      ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', now)
      : condition('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.', now)
  return {
    observedGeneration: deployment.metadata.generation,
    replicas: count(sum(status => status.replicas)),
    updatedReplicas: count(fresh?.status?.replicas ?? 0),
    readyReplicas: count(sum(status => status.readyReplicas)),
    availableReplicas: count(available),
    unavailableReplicas: count(Math.max(0, totalSize(all) - available)),
    terminatingReplicas: terminating ? sum(status => status.terminatingReplicas) : undefined,
    collisionCount: deployment.status?.collisionCount,
    conditions: withCondition(deployment.status?.conditions, availability),
  }
}

/** Every wanted pod is of the new template and available, and nothing else is left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus | undefined): boolean {
  const replicas = replicasOf(deployment)
  return (
    (status?.updatedReplicas ?? 0) === replicas &&
    (status?.replicas ?? 0) === replicas &&
    (status?.availableReplicas ?? 0) === replicas &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

function isProgressing(before: DeploymentStatus | undefined, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus | undefined) => (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0)
  const grew = (of: 'updatedReplicas' | 'readyReplicas' | 'availableReplicas') => (after[of] ?? 0) > (before?.[of] ?? 0)
  return grew('updatedReplicas') || old(after) < old(before) || grew('readyReplicas') || grew('availableReplicas')
}

/** When the Deployment will have made no progress for too long (ms since the epoch), unless it makes some. */
export function deadlineOf(deployment: Deployment, status: DeploymentStatus): number | undefined {
  const deadline = progressDeadline(deployment)
  const progress = findCondition(status.conditions, 'Progressing')
  if (deadline === undefined || progress?.lastUpdateTime === undefined) return undefined
  if (progress.reason === COMPLETE || progress.reason === TIMED_OUT || progress.reason === PAUSED) return undefined
  // Times are in whole seconds: the deadline is over once the next one begins.
  return parseTime(progress.lastUpdateTime) + deadline * 1000 + 1
}

/** The status in the course of a rollout: how it goes, and what fails. */
export function rolloutStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  fresh: ReplicaSet | undefined,
  now: number,
): DeploymentStatus {
  const status = countedStatus(deployment, all, fresh, now)
  let conditions = status.conditions!
  if (progressDeadline(deployment) === undefined) conditions = withoutCondition(conditions, 'Progressing')
  const current = findCondition(deployment.status?.conditions, 'Progressing')
  const settled = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === COMPLETE
  if (progressDeadline(deployment) !== undefined && !settled) {
    const what =
      fresh === undefined ? `Deployment ${JSON.stringify(deployment.metadata.name)}` : `ReplicaSet ${JSON.stringify(fresh.metadata.name)}`
    const due = deadlineOf(deployment, status)
    if (isComplete(deployment, status)) {
      conditions = withCondition(conditions, condition('Progressing', 'True', COMPLETE, `${what} has successfully progressed.`, now))
    } else if (isProgressing(deployment.status, status)) {
      // Not the first progress: its time must move on although neither status nor reason change.
      const progress = condition('Progressing', 'True', 'ReplicaSetUpdated', `${what} is progressing.`, now)
      if (current?.status === 'True') progress.lastTransitionTime = current.lastTransitionTime
      conditions = [...withoutCondition(conditions, 'Progressing'), progress]
    } else if (due !== undefined && due <= now) {
      conditions = withCondition(conditions, condition('Progressing', 'False', TIMED_OUT, `${what} has timed out progressing.`, now))
    }
  }
  const failure = replicaFailure(all, fresh)
  conditions = failure === undefined ? withoutCondition(conditions, 'ReplicaFailure') : withCondition(conditions, failure)
  return { ...status, conditions }
}

/** What a ReplicaSet reports as failing: the new one first. */
function replicaFailure(all: readonly ReplicaSet[], fresh: ReplicaSet | undefined): DeploymentCondition | undefined {
  for (const set of [fresh, ...all]) {
    const failure = findCondition(set?.status?.conditions, 'ReplicaFailure')
    if (failure !== undefined) return { ...failure, lastUpdateTime: failure.lastTransitionTime }
  }
  return undefined
}

/** Conditions once it is known whether the Deployment is paused. The same array when there is nothing to say. */
export function pausedConditions(deployment: Deployment, now: number): readonly DeploymentCondition[] | undefined {
  const conditions = deployment.status?.conditions
  const current = findCondition(conditions, 'Progressing')
  if (progressDeadline(deployment) === undefined || current?.reason === TIMED_OUT) return conditions
  const paused = deployment.spec.paused === true
  if (paused === (current?.reason === PAUSED)) return conditions
  return withCondition(
    conditions,
    paused
      ? condition('Progressing', 'Unknown', PAUSED, 'Deployment is paused', now)
      : condition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now),
  )
}
