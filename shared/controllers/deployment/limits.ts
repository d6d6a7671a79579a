// How many pods a rollout may have too many, and how many too few.
import type { Deployment } from '../../api/apps/v1.ts'
import { scaled } from '../int-or-percent.ts'

export const replicasOf = (deployment: Deployment): number => deployment.spec.replicas ?? 1

export const isRolling = (deployment: Deployment): boolean => deployment.spec.strategy?.type !== 'Recreate'

interface Limits {
  readonly surge: number
  readonly unavailable: number
}

/** Percentages of surge are rounded up, of unavailable pods down; if both come to nothing, one pod may be unavailable: something must move. */
function limits(deployment: Deployment): Limits {
  const replicas = replicasOf(deployment)
  const { maxSurge, maxUnavailable } = deployment.spec.strategy?.rollingUpdate ?? {}
  const surge = scaled(maxSurge ?? '25%', replicas, 'up')
  const unavailable = scaled(maxUnavailable ?? '25%', replicas, 'down')
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable }
}

export const maxSurge = (deployment: Deployment): number => (isRolling(deployment) ? limits(deployment).surge : 0)

export function maxUnavailable(deployment: Deployment): number {
  const replicas = replicasOf(deployment)
  if (!isRolling(deployment) || replicas === 0) return 0
  return Math.min(limits(deployment).unavailable, replicas)
}

/** Sentinel of progressDeadlineSeconds and revisionHistoryLimit: none. */
const NO_LIMIT = 2 ** 31 - 1

export function progressDeadline(deployment: Deployment): number | undefined {
  const seconds = deployment.spec.progressDeadlineSeconds
  return seconds === undefined || seconds === NO_LIMIT ? undefined : seconds
}

export function historyLimit(deployment: Deployment): number | undefined {
  const limit = deployment.spec.revisionHistoryLimit
  return limit === undefined || limit === NO_LIMIT ? undefined : limit
}
