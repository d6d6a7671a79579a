// The pods of a Job: how they are made, told apart and taken apart. Pure.
import type { Job } from '../../api/batch/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { isActive, podFrom } from '../pods.ts'
import { deletionOrder } from '../rank.ts'
import { finishTime } from './backoff.ts'
import { replacesOnlyFailed } from './policies.ts'

export const TRACKING = 'batch.kubernetes.io/job-tracking'
export const INDEX = 'batch.kubernetes.io/job-completion-index'
const FAILURE_COUNT = 'batch.kubernetes.io/job-index-failure-count'
const IGNORED_COUNT = 'batch.kubernetes.io/job-index-ignored-failure-count'
/** A generated name is a prefix of so many characters at most, and five of chance. */
const LONGEST_PREFIX = 58

export const isIndexed = ({ spec }: Job): boolean => spec?.completionMode === 'Indexed'

export const isTracked = ({ metadata }: Pod): boolean => metadata.finalizers?.includes(TRACKING) ?? false

export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[INDEX]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** A pod that was deleted before it ended counts as failed, unless the Job waits for what becomes of it. */
export function isFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === 'Failed') return true
  if (replacesOnlyFailed(job.spec!)) return false
  return pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded'
}

/** Anybody may write annotations: what is no count is none. */
function countIn(text: string | undefined): number {
  const value = text !== undefined && /^\d+$/.test(text) ? Number(text) : 0
  return value < 2 ** 31 ? value : 0
}

export const failuresBefore = ({ metadata }: Pod): number => countIn(metadata.annotations?.[FAILURE_COUNT])
export const ignoredBefore = ({ metadata }: Pod): number => countIn(metadata.annotations?.[IGNORED_COUNT])

export interface IndexHistory {
  readonly failures: number
  readonly ignored: number
}

/** The API cuts long prefixes off at the end, where the index is: the name of the Job is what gives way. */
function prefixFor(job: string, index: number): string {
  const suffix = `-${index}-`
  return `${job.slice(0, LONGEST_PREFIX - suffix.length)}${suffix}`
}

export function newPod(job: Job, index?: number, history?: IndexHistory): Pod {
  const pod = podFrom(job.spec!.template, job)
  const { metadata, spec } = pod
  metadata.finalizers = [...(metadata.finalizers ?? []), TRACKING]
  if (index === undefined) return pod
  metadata.generateName = prefixFor(job.metadata.name!, index)
  metadata.labels = { ...metadata.labels, [INDEX]: String(index) }
  metadata.annotations = {
    ...metadata.annotations,
    [INDEX]: String(index),
    ...(history === undefined ? {} : { [FAILURE_COUNT]: String(history.failures) }),
    ...(history?.ignored ? { [IGNORED_COUNT]: String(history.ignored) } : {}),
  }
  // Pods of one Job find each other by these names: a hostname of the template would be the same for all.
  spec.hostname = `${job.metadata.name}-${index}`
  const variable = { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath: `metadata.labels['${INDEX}']` } } }
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    if (!container.env?.some(({ name }) => name === variable.name)) container.env = [...(container.env ?? []), structuredClone(variable)]
  }
  return pod
}

/** Active pods that should go: all but one of each index, those of indexes that are no longer wanted, and as many more as asked for. */
export function surplus(job: Job, active: readonly Pod[], atLeast: number, now: number): Pod[] {
  const goners: Pod[] = []
  let left = [...active]
  if (isIndexed(job)) {
    const byIndex = Map.groupBy(active, indexOf)
    left = []
    for (const [index, pods] of byIndex) {
      if (index === undefined || index >= (job.spec?.completions ?? 0)) goners.push(...pods)
      else {
        const ordered = deletionOrder(pods, [], now)
        goners.push(...ordered.slice(0, -1))
        left.push(ordered.at(-1)!)
      }
    }
  }
  if (goners.length < atLeast) goners.push(...deletionOrder(left, [], now).slice(0, atLeast - goners.length))
  return goners
}

/** Failed pods whose finalizer stays until their index has a successor: they carry the count of failures. */
export function carriers(job: Job, pods: readonly Pod[], isDone: (index: number) => boolean): Map<number, Pod> {
  const activeIndexes = new Set(pods.filter(isActive).map(indexOf))
  const kept = new Map<number, Pod>()
  const total = (pod: Pod) => failuresBefore(pod) + ignoredBefore(pod)
  for (const pod of pods) {
    const index = indexOf(pod)
    if (index === undefined || index >= (job.spec?.completions ?? 0) || !isTracked(pod) || !isFailed(job, pod)) continue
    if (isDone(index) || activeIndexes.has(index)) continue
    const other = kept.get(index)
    if (other === undefined || (total(other) <= total(pod) && finishTime(other) <= finishTime(pod))) kept.set(index, pod)
  }
  return kept
}
