// Jobs: pods until enough of them have succeeded, each counted once.
//
// A pod that has ended is counted in three steps, so that a crash between any two counts it neither twice nor never; the finalizer
// keeps it from vanishing before it is counted:
//
//   1. its UID is written to status.uncountedTerminatedPods     2. its finalizer is taken away
//   3. UIDs in that list whose pod has no finalizer (any more) are moved into status.succeeded or status.failed
//
// Pods of an Indexed Job that succeeded are counted by status.completedIndexes, which needs no list.
import type { Job, JobCondition } from '../api/batch/v1.ts'
import type { Pod } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import type { Change } from '../store/types.ts'
import { all, BURST, slowStart } from './bursts.ts'
import { JOBS, PODS } from './collections.ts'
import { isTrue, withCondition } from './conditions.ts'
import { type Assessment, assess, deadlineOf, isJobFinished, isSuspended } from './job/assess.ts'
import { nextTry, nextTryOfIndex } from './job/backoff.ts'
import { Indexes } from './job/indexes.ts'
import { Ledger } from './job/ledger.ts'
import { failuresBefore, ignoredBefore, indexOf, isFailed, isIndexed, isTracked, newPod, surplus, TRACKING } from './job/pods.ts'
import { judgeFailure, replacesOnlyFailed } from './job/policies.ts'
import { untrack } from './job/tracking.ts'
import { claim, controllerOf } from './owners.ts'
import { isReady, isTerminating } from './pods.ts'
import { createPod, deletePod, isNamespaceTerminating } from './replicas.ts'
import { matches } from './selectors.ts'
import { count } from './status.ts'
import { earliest, requeueAt, timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { controllerName, keyOf, own, owned, splitName } from './watches.ts'

const CONTROLLER = 'kubernetes.io/job-controller'
const JOB = { group: 'batch', kind: 'Job' }

/** Pods that admission refuses are tried again after 1 s, doubled to 1 min. */
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 60_000
/** How often in a row, by Job. Forgetting costs a try too early. */
const refusals = new Map<string, number>()
const MOST_REFUSALS = 10_000

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const jobs = await context.informer(JOBS)
  const target = splitName(name)
  if (target.about === 'pod') {
    const pod = (await context.informer(PODS)).get(objectKey(namespace, target.name))?.object as Pod | undefined
    if (pod === undefined) return undefined
    const fitting = jobs.list(`${namespace}/`).find(({ object }) => fits(object as Job, pod))?.object
    if (fitting !== undefined && controllerOf(pod) === undefined) return { also: [keyOf(fitting)] }
    const owner = controllerName(pod, JOB)
    const job = owner === undefined ? undefined : jobs.get(objectKey(namespace, owner))?.object
    // Nobody counts this pod any more.
    if (isTracked(pod) && job?.metadata.uid !== controllerOf(pod)?.uid) await untrack(pod, context)
    return undefined
  }
  const job = jobs.get(key)?.object as Job | undefined
  if (job?.spec === undefined || (job.spec.managedBy ?? CONTROLLER) !== CONTROLLER) return undefined
  return new Sync(job, context).run()
}

const fits = ({ spec, metadata }: Job, pod: Pod): boolean =>
  metadata.deletionTimestamp === undefined && matches(spec?.selector, pod.metadata.labels)

/** Pods that keep our finalizer though their Job is gone: told by the Job's deletion, or by the pod's own change. */
function* orphans({ type, object }: Change): Iterable<string> {
  const pod = object as Pod
  if (type !== 'deleted' && isTracked(pod) && (controllerOf(pod) === undefined || pod.metadata.deletionTimestamp !== undefined)) {
    yield objectKey(pod.metadata.namespace, `pod:${pod.metadata.name}`)
  }
}

export const jobController: Controller = {
  name: 'job',
  watches: [own(JOBS), owned(PODS, JOB, 'pod'), { resource: PODS, keys: orphans }],
  reconcile,
}

interface Managed {
  readonly active: number
  readonly ready: number
  readonly terminating: number
  /** When pods may be made again (ms since the epoch). */
  readonly next?: number
  readonly error?: unknown
  /** Whether a decision about the number of pods was taken at all. */
  readonly decided: boolean
  /** The Job ends, and a pod could not be deleted. */
  readonly undeleted?: boolean
}

class Sync {
  readonly #context: ControllerContext
  readonly #stored: Job
  readonly #ledger: Ledger

  constructor(job: Job, context: ControllerContext) {
    this.#context = context
    this.#stored = job
    this.#ledger = new Ledger(job, context)
  }

  async run(): Promise<Outcome | undefined> {
    const { client, informer, now } = this.#context
    const job = this.#stored
    const selector = job.spec!.selector
    const pods = await claim<Pod>(
      client,
      PODS,
      await informer(PODS),
      { object: job, resource: JOBS },
      pod => matches(selector, pod.metadata.labels),
      { selector, finalizers: [TRACKING] },
    )
    if (isJobFinished(job) !== undefined) {
      await all(pods.filter(isTracked), pod => untrack(pod, this.#context))
      return undefined
    }
    const { status } = this.#ledger
    const view = assess(job, pods, now())
    if (status.startTime === undefined && !isSuspended(job)) status.startTime = timestamp(now())

    const managed = view.ending === undefined ? await this.#manage(view, pods) : await this.#end(view)
    // While a pod is left that could not be deleted, nothing has ended: it would lose its finalizer, and nobody would look after it.
    let ending = managed.undeleted ? undefined : view.ending
    if (view.ending === undefined && this.#isComplete(view, managed.active)) {
      ending = { type: 'SuccessCriteriaMet', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }
    } else if (managed.decided) this.#suspendOrResume()
    status.active = count(managed.active)
    status.ready = managed.ready
    status.terminating = managed.terminating
    await this.#ledger.account(pods, { ...view, ending })
    const retry = managed.error === undefined ? this.#succeeded() : this.#failed(managed.error)
    // The start that the deadline counts from may have been set just now.
    const due = deadlineOf(this.#ledger.job)
    return isJobFinished(this.#ledger.job) === undefined ? requeueAt(earliest(managed.next, due, retry), now()) : undefined
  }

  #succeeded(): undefined {
    refusals.delete(this.#stored.metadata.uid!)
  }

  /** When to try again what was refused (ms since the epoch). It was told in an event already; anything else is a failed reconcile. */
  #failed(error: unknown): number {
    if (!isStatus(error, 'Forbidden') && !isStatus(error, 'Invalid')) throw error
    const uid = this.#stored.metadata.uid!
    const times = (refusals.get(uid) ?? 0) + 1
    refusals.delete(uid)
    refusals.set(uid, times)
    if (refusals.size > MOST_REFUSALS) refusals.delete(refusals.keys().next().value!)
    return this.#context.now() + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (times - 1))
  }

  #isComplete({ succeeded }: Assessment, active: number): boolean {
    const { completions } = this.#stored.spec!
    if (active > 0) return false
    return completions === undefined ? succeeded > 0 : succeeded >= completions
  }

  #suspendOrResume(): void {
    const { events, now } = this.#context
    const suspended = isSuspended(this.#stored)
    if (suspended === isTrue(this.#ledger.status.conditions, 'Suspended')) return
    const time = timestamp(now())
    const condition: JobCondition = suspended
      ? {
          type: 'Suspended',
          status: 'True',
          reason: 'JobSuspended',
          message: 'Job suspended',
          lastProbeTime: time,
          lastTransitionTime: time,
        }
      : { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed', lastProbeTime: time, lastTransitionTime: time }
    this.#ledger.status.conditions = withCondition(this.#ledger.status.conditions, condition)
    // The time that it may take begins anew.
    this.#ledger.status.startTime = suspended ? undefined : time
    void events.event(this.#stored, 'Normal', suspended ? 'Suspended' : 'Resumed', condition.message!)
  }

  /** The Job has failed, or enough has succeeded: what still runs is deleted. */
  async #end({ active, terminating }: Assessment): Promise<Managed> {
    let error: unknown
    const results = await Promise.allSettled(active.map(pod => deletePod(pod, this.#stored, this.#context)))
    for (const result of results) if (result.status === 'rejected') error ??= result.reason
    const deleted = results.filter(({ status }) => status === 'fulfilled').length
    return {
      active: active.length - deleted,
      ready: 0,
      terminating: terminating + deleted,
      error,
      decided: false,
      undeleted: deleted < active.length,
    }
  }

  async #manage(view: Assessment, pods: readonly Pod[]): Promise<Managed> {
    const job = this.#stored
    const { spec } = job
    const { active, terminating } = view
    const now = this.#context.now()
    const ready = active.filter(isReady).length
    const unchanged = { active: active.length, ready, terminating }
    if (job.metadata.deletionTimestamp !== undefined) return { ...unchanged, decided: false }

    const wanted = isSuspended(job) ? 0 : this.#wantedActive(view)
    const goners = surplus(job, active, Math.max(0, active.length - wanted), now).slice(0, BURST)
    if (goners.length > 0) return this.#remove(goners, view)

    const missing = wanted - active.length - (replacesOnlyFailed(spec!) ? terminating : 0)
    if (missing <= 0) return { ...unchanged, decided: true }
    const perIndex = spec?.backoffLimitPerIndex !== undefined
    const failed = pods.filter(pod => isFailed(job, pod))
    const succeeded = pods.filter(({ status }) => status?.phase === 'Succeeded')
    const next = perIndex ? 0 : nextTry(failed, succeeded)
    if (next > now) return { ...unchanged, next, decided: true }
    const made = await this.#create(Math.min(missing, BURST), view, pods)
    return { ...unchanged, active: active.length + made.succeeded, next: made.next, error: made.error, decided: true }
  }

  #wantedActive({ active, succeeded }: Assessment): number {
    const { completions, parallelism = 1 } = this.#stored.spec!
    // A queue of work: the first success says that it is empty; what runs may end.
    if (completions === undefined) return succeeded > 0 ? active.length : parallelism
    return Math.max(0, Math.min(parallelism, completions - succeeded))
  }

  /** Pods that are taken back are no failures: they lose their finalizer before they are deleted. */
  async #remove(goners: readonly Pod[], { active, terminating }: Assessment): Promise<Managed> {
    let error: unknown
    const results = await Promise.allSettled(
      goners.map(async pod => {
        if (isTracked(pod)) await untrack(pod, this.#context)
        await deletePod(pod, this.#stored, this.#context)
      }),
    )
    for (const result of results) if (result.status === 'rejected') error ??= result.reason
    const gone = new Set(goners.filter((_, i) => results[i]!.status === 'fulfilled'))
    const left = active.filter(pod => !gone.has(pod))
    return { active: left.length, ready: left.filter(isReady).length, terminating: terminating + gone.size, error, decided: true }
  }

  async #create(most: number, view: Assessment, pods: readonly Pod[]): Promise<{ succeeded: number; next?: number; error?: unknown }> {
    const job = this.#stored
    const now = this.#context.now()
    const { events } = this.#context
    let wanted: Pod[]
    let next: number | undefined
    if (isIndexed(job)) {
      const wait = new Map([...view.carriers].map(([index, pod]) => [index, nextTryOfIndex(pod, failuresBefore(pod) + ignoredBefore(pod))]))
      const ready = (index: number) => (wait.get(index) ?? 0) <= now
      const indexes = this.#missingIndexes(most, view, pods)
      next = earliest(...indexes.filter(index => !ready(index)).map(index => wait.get(index)))
      wanted = indexes.filter(ready).map(index => newPod(job, index, this.#history(view.carriers.get(index))))
    } else wanted = Array.from({ length: most }, () => newPod(job))
    const { succeeded, error } = await slowStart(wanted.length, async i => {
      const created = await createPod(wanted[i]!, job, this.#context)
      void events.event(job, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`)
    })
    return { succeeded, next, error: error !== undefined && isNamespaceTerminating(error) ? undefined : error }
  }

  /** The lowest indexes that nobody works on. */
  #missingIndexes(most: number, { active, completed, failedIndexes }: Assessment, pods: readonly Pod[]): number[] {
    const spec = this.#stored.spec!
    const busy = replacesOnlyFailed(spec) ? pods.filter(isTerminating) : []
    const taken = Indexes.of([...active, ...busy].map(indexOf).filter(index => index !== undefined))
    return completed!
      .union(taken)
      .union(failedIndexes ?? Indexes.none)
      .firstMissing(most, spec.completions!)
  }

  #history(before: Pod | undefined): { failures: number; ignored: number } | undefined {
    const { backoffLimitPerIndex, podFailurePolicy } = this.#stored.spec!
    if (backoffLimitPerIndex === undefined) return undefined
    if (before === undefined) return { failures: 0, ignored: 0 }
    const counts = judgeFailure(podFailurePolicy, before).counts ? 1 : 0
    return { failures: failuresBefore(before) + counts, ignored: ignoredBefore(before) + 1 - counts }
  }
}
