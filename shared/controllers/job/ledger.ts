// The account of a Job's pods: its status, and the three steps in which a pod that has ended comes into it (see job.ts).
import type { Job, JobCondition, JobStatus } from '../../api/batch/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { all } from '../bursts.ts'
import { JOBS } from '../collections.ts'
import { findCondition } from '../conditions.ts'
import { equal } from '../equality.ts'
import { compact, count } from '../status.ts'
import { timestamp } from '../time.ts'
import type { ControllerContext } from '../types.ts'
import { type Assessment, isJobFinished, isValid } from './assess.ts'
import { Indexes } from './indexes.ts'
import { indexOf, isFailed, isIndexed, isTracked } from './pods.ts'
import { judgeFailure } from './policies.ts'
import { untrack } from './tracking.ts'

/** So many pods are counted in one reconcile: the list of UIDs must not outgrow the object. */
const MOST_UNCOUNTED = 500

export class Ledger {
  readonly #context: ControllerContext
  readonly #stored: Job
  #job: Job
  /** What the status becomes; written when a step asks for it. */
  readonly status: JobStatus

  constructor(job: Job, context: ControllerContext) {
    this.#context = context
    this.#stored = job
    this.#job = job
    this.status = structuredClone(job.status ?? {})
    this.status.uncountedTerminatedPods ??= {}
  }

  /** The Job as it was last written. */
  get job(): Job {
    return this.#job
  }

  /** Counts what has ended, and ends the Job if that was all. */
  async account(pods: readonly Pod[], view: Assessment): Promise<void> {
    const tracked = new Set(pods.filter(isTracked).map(pod => pod.metadata.uid!))
    this.#settle(tracked)
    const { finished, full } = this.#list(pods, view)
    this.#announce(view)
    if (isIndexed(this.#stored)) {
      const completed = view.completedBefore!.union(
        Indexes.of(
          finished
            .filter(({ status }) => status?.phase === 'Succeeded')
            .map(pod => indexOf(pod)!)
            .filter(index => view.completed!.has(index)),
        ),
      )
      this.status.succeeded = count(completed.size)
      const text = completed.toString()
      this.status.completedIndexes = text === '' ? undefined : text
      this.status.failedIndexes = view.failedIndexes?.toString()
    }
    if (finished.length > 0) {
      await this.#flush()
      await all(finished, async pod => {
        await untrack(pod, this.#context)
        tracked.delete(pod.metadata.uid!)
      })
      this.#settle(tracked)
    }
    const ended = !full && this.#conclude(view)
    await this.#flush()
    if (ended) this.#tellEnd()
  }

  /** Moves what is listed, and has lost its finalizer, into the counters. */
  #settle(tracked: ReadonlySet<string>): void {
    const list = this.status.uncountedTerminatedPods!
    for (const [kind, counter] of [
      ['succeeded', 'succeeded'],
      ['failed', 'failed'],
    ] as const) {
      const left = (list[kind] ?? []).filter(uid => tracked.has(uid))
      const settled = (list[kind]?.length ?? 0) - left.length
      if (settled === 0) continue
      this.status[counter] = (this.status[counter] ?? 0) + settled
      if (left.length === 0) delete list[kind]
      else list[kind] = left
    }
  }

  /** Lists the pods that have ended, and answers those that may lose their finalizer once the list is written. */
  #list(pods: readonly Pod[], view: Assessment): { readonly finished: Pod[]; readonly full: boolean } {
    const job = this.#stored
    const list = this.status.uncountedTerminatedPods!
    const indexed = isIndexed(job)
    const finished: Pod[] = []
    let counted = (list.succeeded?.length ?? 0) + (list.failed?.length ?? 0)
    const add = (kind: 'succeeded' | 'failed', uid: string) => {
      counted++
      list[kind] = [...(list[kind] ?? []), uid]
    }
    for (const pod of pods) {
      if (!isTracked(pod) || !this.#mayLoseFinalizer(pod, view)) continue
      const uid = pod.metadata.uid!
      const listed = list.failed?.includes(uid) || list.succeeded?.includes(uid)
      finished.push(pod)
      if (pod.status?.phase === 'Succeeded' && !list.failed?.includes(uid)) {
        if (indexed) counted++
        else if (!listed) add('succeeded', uid)
      } else if (!listed && isValid(job, pod) && (isFailed(job, pod) || view.ending?.type === 'FailureTarget')) {
        if (judgeFailure(job.spec?.podFailurePolicy, pod).counts) add('failed', uid)
      }
      if (counted >= MOST_UNCOUNTED) return { finished, full: true }
    }
    return { finished, full: false }
  }

  #mayLoseFinalizer(pod: Pod, { ending, carriers }: Assessment): boolean {
    if (this.#stored.metadata.deletionTimestamp !== undefined || ending !== undefined || pod.status?.phase === 'Succeeded') return true
    if (!isFailed(this.#stored, pod)) return false
    const index = indexOf(pod)
    return index === undefined || carriers.get(index) !== pod
  }

  /** The interim condition: written before any pod is let go, so that the reason survives a crash. */
  #announce({ ending }: Assessment): void {
    if (ending === undefined || findCondition(this.status.conditions, ending.type) !== undefined) return
    this.status.conditions = [...(this.status.conditions ?? []), this.#condition(ending.type, ending.reason, ending.message)]
  }

  #condition(type: string, reason: string, message: string): JobCondition {
    const time = timestamp(this.#context.now())
    return { type, status: 'True', reason, message, lastProbeTime: time, lastTransitionTime: time }
  }

  /** The final condition, once every pod has ended and is counted. */
  #conclude({ ending }: Assessment): boolean {
    const { uncountedTerminatedPods: list, terminating } = this.status
    if (ending === undefined || list?.succeeded?.length || list?.failed?.length || (terminating ?? 0) > 0) return false
    const condition = this.#condition(ending.type === 'FailureTarget' ? 'Failed' : 'Complete', ending.reason, ending.message)
    this.status.conditions = [...(this.status.conditions ?? []), condition]
    if (condition.type === 'Complete') this.status.completionTime = condition.lastTransitionTime
    return true
  }

  #tellEnd(): void {
    const { events } = this.#context
    const end = isJobFinished(this.#job)!
    const { completions } = this.#stored.spec!
    if (end.type === 'Failed') {
      void events.event(this.#stored, 'Warning', end.reason!, end.message!)
      return
    }
    if (completions !== undefined && (this.status.succeeded ?? 0) > completions) {
      const message = 'Too many succeeded pods running after completion count reached'
      void events.event(this.#stored, 'Warning', 'TooManySucceededPods', message)
    }
    void events.event(this.#stored, 'Normal', 'Completed', 'Job completed')
  }

  async #flush(): Promise<void> {
    if (equal(this.status, this.#job.status)) return
    this.#job = await this.#context.client.updateStatus<Job>(JOBS, { ...this.#job, status: compact(structuredClone(this.status)) })
  }
}
