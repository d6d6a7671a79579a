// WorkQueues: an SQS queue each, and Jobs by its depth. The queue is looked at while the WorkQueue exists, and never otherwise.
import type { Job } from '../api/batch/v1.ts'
import type { WorkQueue, WorkQueueStatus } from '../api/zeroplane/v1alpha1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import type { Change } from '../store/types.ts'
import { JOBS, WORK_QUEUES } from './collections.ts'
import { withCondition } from './conditions.ts'
import { isJobFinished } from './job/assess.ts'
import { controlledBy, isControlledBy, unlessGone } from './owners.ts'
import { isNamespaceTerminating, messageOf } from './replicas.ts'
import { writeStatus } from './status.ts'
import { timestamp } from './time.ts'
import { type Controller, type ControllerContext, type Outcome, told, type Watch } from './types.ts'
import { owned } from './watches.ts'
import { backlog, decide, nextNumbers } from './workqueue/decide.ts'
import { jobFor, jobName, numberOf, queueName } from './workqueue/job.ts'
import type { QueueDepth, Queues, QueueUrls } from './workqueue/queues.ts'

const FINALIZER = 'zeroplane.dev/queue'

/** Not our own writes of status and finalizers: each would ask for the next look at the queue. */
const wishes: Watch = {
  resource: WORK_QUEUES,
  keys: ({ key, object: { metadata }, previous }: Change) =>
    previous === undefined ||
    previous.metadata.generation !== metadata.generation ||
    previous.metadata.deletionTimestamp !== metadata.deletionTimestamp
      ? [key]
      : [],
}

const ofJobs = owned(JOBS, { group: 'zeroplane.dev', kind: 'WorkQueue' })

/** Jobs that end make room for others. */
const endedJobs: Watch = {
  resource: JOBS,
  keys(change) {
    const { type, object, previous } = change
    const hasEnded =
      type === 'deleted' ||
      (isJobFinished(object as Job) !== undefined && (previous === undefined || isJobFinished(previous as Job) === undefined))
    return hasEnded ? ofJobs.keys(change) : []
  },
}

/** `queues` is asked for when a WorkQueue is first reconciled: dispatch and tick only ask what is watched. */
export function workQueueController(queues: () => Queues): Controller {
  return {
    name: 'workqueue',
    watches: [wishes, endedJobs],
    async reconcile(key, context) {
      const workQueue = (await context.informer(WORK_QUEUES)).get(key)?.object as WorkQueue | undefined
      if (workQueue === undefined) return undefined
      if (workQueue.metadata.deletionTimestamp !== undefined) return remove(workQueue, context, queues())
      return new Sync(await withFinalizer(workQueue, context), context, queues()).run()
    },
  }
}

/** Its watches alone. */
export const workQueueWatches = workQueueController(() => {
  throw new Error('queues are not looked at from here')
})

/** Before the queue is made, so that none outlives its object whenever this process dies. */
async function withFinalizer(workQueue: WorkQueue, { client }: ControllerContext): Promise<WorkQueue> {
  const { finalizers = [] } = workQueue.metadata
  if (finalizers.includes(FINALIZER)) return workQueue
  return client.update<WorkQueue>(WORK_QUEUES, {
    ...workQueue,
    metadata: { ...workQueue.metadata, finalizers: [...finalizers, FINALIZER] },
  })
}

async function remove(workQueue: WorkQueue, { client }: ControllerContext, queues: Queues): Promise<undefined> {
  const { finalizers = [] } = workQueue.metadata
  if (!finalizers.includes(FINALIZER)) return
  await queues.remove(queueName(workQueue))
  await unlessGone(() =>
    client.update<WorkQueue>(WORK_QUEUES, {
      ...workQueue,
      metadata: { ...workQueue.metadata, finalizers: finalizers.filter(finalizer => finalizer !== FINALIZER) },
    }),
  )
}

class Sync {
  readonly #workQueue: WorkQueue
  readonly #context: ControllerContext
  readonly #queues: Queues
  #status: WorkQueueStatus

  constructor(workQueue: WorkQueue, context: ControllerContext, queues: Queues) {
    this.#workQueue = workQueue
    this.#context = context
    this.#queues = queues
    this.#status = { ...workQueue.status }
  }

  async run(): Promise<Outcome> {
    const { urls, depth } = await this.#look()
    const { spec } = this.#workQueue
    const now = this.#context.now()
    const jobs = controlledBy<Job>(await this.#context.informer(JOBS), this.#workQueue.metadata.uid!)
    const active = jobs.filter(job => isJobFinished(job) === undefined).length
    const { launch, next } = decide({ spec, status: this.#status, depth, active, now })
    const { created, error } = await this.#launch(launch, jobs, urls.queueUrl)
    Object.assign(this.#status, backlog({ depth, status: this.#status, now }), {
      depth: depth.visible,
      inFlight: depth.inFlight,
      deadLetters: depth.deadLetters,
      activeJobs: active + created,
    })
    if (created > 0) this.#status.lastLaunchTime = timestamp(now)
    await writeStatus(this.#context, WORK_QUEUES, this.#workQueue, this.#status)
    if (error !== undefined) throw error
    return { requeueAfter: next }
  }

  /** The queue's depth. Makes the queue where it is not there, or the spec has changed since it was made. */
  async #look(): Promise<{ urls: QueueUrls; depth: QueueDepth }> {
    const { queueUrl, deadLetterQueueUrl, observedGeneration } = this.#status
    const known =
      queueUrl !== undefined && deadLetterQueueUrl !== undefined && observedGeneration === this.#workQueue.metadata.generation
        ? { queueUrl, deadLetterQueueUrl }
        : undefined
    try {
      let urls = known ?? (await this.#ensure())
      let depth = await this.#queues.depth(urls)
      if (depth === undefined && known !== undefined) {
        this.#say('Warning', 'QueueMissing', `Queue ${queueUrl} or its dead-letter queue is gone; it is made again`)
        urls = await this.#ensure()
        depth = await this.#queues.depth(urls)
      }
      if (depth === undefined) throw new Error(`queue ${urls.queueUrl} was made and is not there yet`)
      this.#condition('True', 'QueueReady', 'The queue exists, with the settings of the spec')
      return { urls, depth }
    } catch (error) {
      this.#condition('False', 'QueueUnavailable', messageOf(error))
      await writeStatus(this.#context, WORK_QUEUES, this.#workQueue, this.#status)
      throw error
    }
  }

  async #ensure(): Promise<QueueUrls> {
    const { spec, metadata } = this.#workQueue
    const { visibilityTimeoutSeconds = 300, maxReceiveCount = 5 } = spec
    const urls = await this.#queues.ensure(queueName(this.#workQueue), { visibilityTimeoutSeconds, maxReceiveCount })
    Object.assign(this.#status, urls, { observedGeneration: metadata.generation })
    return urls
  }

  /** One after the other, in the order of their numbers: whoever dies on the way, or does the same beside us, leaves no gap. */
  async #launch(count: number, jobs: readonly Job[], queueUrl: string): Promise<{ created: number; error?: unknown }> {
    const numbers = jobs.flatMap(job => numberOf(this.#workQueue, job) ?? [])
    let created = 0
    let { launched = 0 } = this.#status
    try {
      for (const number of nextNumbers(launched, new Set(numbers))) {
        if (created === count) break
        if (await this.#create(number, queueUrl)) created++
        launched = number
      }
      return { created }
    } catch (error) {
      if (isNamespaceTerminating(error)) return { created }
      this.#say('Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`)
      told.add(error as object)
      return { created, error }
    } finally {
      this.#status.launched = Math.max(launched, ...numbers)
    }
  }

  /** False when the name belongs to somebody else's Job: the number is left out. */
  async #create(number: number, queueUrl: string): Promise<boolean> {
    const { client } = this.#context
    try {
      await client.create<Job>(JOBS, jobFor(this.#workQueue, number, this.#queues.environment(queueUrl)))
      this.#say('Normal', 'SuccessfulCreate', `Created job ${jobName(this.#workQueue, number)}`)
      return true
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error
      // Mostly somebody who reconciles the same beside us and was faster.
      const job = await client.get<Job>(JOBS, this.#workQueue.metadata.namespace, jobName(this.#workQueue, number))
      if (job === undefined || isControlledBy(job, this.#workQueue)) return true
      this.#say('Warning', 'FailedCreate', `Job ${job.metadata.name} exists already and belongs to somebody else; its number is left out`)
      return false
    }
  }

  #condition(status: 'True' | 'False', reason: string, message: string): void {
    const lastTransitionTime = timestamp(this.#context.now())
    this.#status.conditions = withCondition(this.#status.conditions, { type: 'Ready', status, reason, message, lastTransitionTime })
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    void this.#context.events.event(this.#workQueue, type, reason, message)
  }
}
