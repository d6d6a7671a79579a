// What has become of a Job, from its status and its pods. Pure (k8s.io/kubernetes pkg/controller/job, syncJob).
import type { Job, JobCondition } from '../../api/batch/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { findCondition, isTrue } from '../conditions.ts'
import { isActive, isTerminating } from '../pods.ts'
import { parseTime } from '../time.ts'
import { Indexes } from './indexes.ts'
import { carriers, failuresBefore, indexOf, isFailed, isIndexed, isTracked } from './pods.ts'
import { judgeFailure, metSuccess } from './policies.ts'

/** Why the Job ends: the interim condition, from which the final one follows. */
export interface Ending {
  readonly type: 'FailureTarget' | 'SuccessCriteriaMet'
  readonly reason: string
  readonly message: string
}

export interface Assessment {
  readonly active: readonly Pod[]
  readonly terminating: number
  /** Counted ones, and those that are about to be. */
  readonly succeeded: number
  readonly failed: number
  readonly ending?: Ending
  /** Of an Indexed Job. */
  readonly completed?: Indexes
  /** The same without what is new. */
  readonly completedBefore?: Indexes
  readonly failedIndexes?: Indexes
  /** Failed pods by index whose finalizer must stay for now. */
  readonly carriers: ReadonlyMap<number, Pod>
  /** When the deadline is over (ms since the epoch). */
  readonly deadline?: number
}

export const isSuspended = ({ spec }: Job): boolean => spec?.suspend === true

export const isJobFinished = ({ status }: Job): JobCondition | undefined =>
  status?.conditions?.find(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True')

export function assess(job: Job, pods: readonly Pod[], now: number): Assessment {
  const spec = job.spec!
  const status = job.status ?? {}
  const completions = spec.completions
  const indexed = isIndexed(job)
  const uncounted = status.uncountedTerminatedPods ?? {}
  const known = new Set([...(uncounted.succeeded ?? []), ...(uncounted.failed ?? [])])
  const fresh = pods.filter(pod => isTracked(pod) && !known.has(pod.metadata.uid!) && isValid(job, pod))
  const freshFailed = fresh.filter(pod => isFailed(job, pod) && judgeFailure(spec.podFailurePolicy, pod).counts)
  const freshSucceeded = fresh.filter(pod => pod.status?.phase === 'Succeeded')
  const failed = (status.failed ?? 0) + freshFailed.length + (uncounted.failed?.length ?? 0)
  let succeeded = (status.succeeded ?? 0) + freshSucceeded.length + (uncounted.succeeded?.length ?? 0)

  let ending = earlier(job) ?? failedByPolicy(job, pods)
  const deadline = deadlineOf(job)
  if (ending === undefined) {
    if (failed > (spec.backoffLimit ?? 6) || restartedTooOften(job, pods)) {
      ending = { type: 'FailureTarget', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' }
    } else if (deadline !== undefined && deadline <= now) {
      ending = { type: 'FailureTarget', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' }
    }
  }

  let completed: Indexes | undefined
  let completedBefore: Indexes | undefined
  let failedIndexes: Indexes | undefined
  let kept: ReadonlyMap<number, Pod> = new Map()
  if (indexed) {
    completedBefore = Indexes.parse(status.completedIndexes, completions!)
    completed = completedBefore.union(Indexes.of(freshSucceeded.map(pod => indexOf(pod)!)))
    succeeded = completed.size
    if (spec.backoffLimitPerIndex !== undefined) {
      const lost = pods.filter(pod => isTracked(pod) && isValid(job, pod) && isIndexLost(job, pod)).map(pod => indexOf(pod)!)
      failedIndexes = Indexes.parse(status.failedIndexes, completions!).union(Indexes.of(lost.filter(index => !completed!.has(index))))
      ending ??= failedByIndexes(job, failedIndexes, completed)
      const [done, lostOnes] = [completed, failedIndexes]
      kept = carriers(job, pods, index => done.has(index) || lostOnes.has(index))
    }
    const met = metSuccess(spec.successPolicy, completed, completions!)
    if (met !== undefined) ending ??= { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: met }
  }
  return {
    active: pods.filter(isActive),
    terminating: pods.filter(isTerminating).length,
    succeeded,
    failed,
    ending,
    completed,
    completedBefore,
    failedIndexes,
    carriers: kept,
    deadline,
  }
}

/** Pods of an Indexed Job without an index, or with one that is no longer wanted, do not count. */
export function isValid(job: Job, pod: Pod): boolean {
  if (!isIndexed(job)) return true
  const index = indexOf(pod)
  return index !== undefined && index < (job.spec?.completions ?? 0)
}

/** What was decided in an earlier reconcile stays decided. */
function earlier({ status }: Job): Ending | undefined {
  for (const type of ['SuccessCriteriaMet', 'FailureTarget'] as const) {
    const condition = findCondition(status?.conditions, type)
    if (condition?.status === 'True') return { type, reason: condition.reason ?? '', message: condition.message ?? '' }
  }
  return undefined
}

function failedByPolicy(job: Job, pods: readonly Pod[]): Ending | undefined {
  const policy = job.spec?.podFailurePolicy
  if (policy === undefined) return undefined
  for (const pod of pods) {
    if (!isFailed(job, pod)) continue
    const { failJob } = judgeFailure(policy, pod)
    if (failJob !== undefined) return { type: 'FailureTarget', reason: 'PodFailurePolicy', message: failJob }
  }
  return undefined
}

/** The index has used up its tries, or a rule gives it up. */
function isIndexLost(job: Job, pod: Pod): boolean {
  if (!isFailed(job, pod)) return false
  const verdict = judgeFailure(job.spec?.podFailurePolicy, pod)
  if (verdict.failIndex) return true
  return verdict.counts && failuresBefore(pod) >= job.spec!.backoffLimitPerIndex!
}

function failedByIndexes({ spec }: Job, failed: Indexes, completed: Indexes): Ending | undefined {
  if (spec?.maxFailedIndexes !== undefined && failed.size > spec.maxFailedIndexes) {
    return {
      type: 'FailureTarget',
      reason: 'MaxFailedIndexesExceeded',
      message: 'Job has exceeded the specified maximal number of failed indexes',
    }
  }
  if (failed.size > 0 && failed.size + completed.size >= spec!.completions!) {
    return { type: 'FailureTarget', reason: 'FailedIndexes', message: 'Job has failed indexes' }
  }
  return undefined
}

/** Containers that are restarted in place count as tries. */
function restartedTooOften({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec?.template.spec?.restartPolicy !== 'OnFailure') return false
  let restarts = 0
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue
    for (const { restartCount } of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) restarts += restartCount
  }
  const limit = spec.backoffLimit ?? 6
  return limit === 0 ? restarts > 0 : restarts >= limit
}

/** When the Job will have been active for too long (ms since the epoch). */
export function deadlineOf(job: Job): number | undefined {
  const { spec, status } = job
  if (spec?.activeDeadlineSeconds === undefined || status?.startTime === undefined) return undefined
  if (isSuspended(job) || isTrue(status.conditions, 'Suspended')) return undefined
  return parseTime(status.startTime) + spec.activeDeadlineSeconds * 1000
}
