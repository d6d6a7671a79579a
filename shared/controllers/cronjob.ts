// CronJobs: a Job whenever the schedule says so. Between two times nothing runs: the next one is asked for as a wake-up.
import type { CronJob, CronJobStatus, Job } from '../api/batch/v1.ts'
import type { ObjectReference } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { CRON_JOBS, JOBS } from './collections.ts'
import { type Due, dueTime, hasZone, parseSchedule, type Schedule, ScheduleError, ZoneError } from './cronjob/schedule.ts'
import { inZone } from './cronjob/zone.ts'
import { isJobFinished } from './job/assess.ts'
import { controlledBy, controllerReference, isControlledBy } from './owners.ts'
import { isNamespaceTerminating, messageOf } from './replicas.ts'
import { writeStatus } from './status.ts'
import { parseTime, timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { own, owned } from './watches.ts'

const SCHEDULED_TIME = 'batch.kubernetes.io/cronjob-scheduled-timestamp'
/** A little late rather than early. */
const SLACK_S = 0.1

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const cronJob = (await context.informer(CRON_JOBS)).get(key)?.object as CronJob | undefined
  if (cronJob?.spec === undefined) return undefined
  return new Sync(cronJob, controlledBy<Job>(await context.informer(JOBS), cronJob.metadata.uid!), context).run()
}

export const cronJobController: Controller = {
  name: 'cronjob',
  watches: [own(CRON_JOBS), owned(JOBS, { group: 'batch', kind: 'CronJob' })],
  reconcile,
}

class Sync {
  readonly #cronJob: CronJob
  readonly #jobs: readonly Job[]
  readonly #context: ControllerContext
  #status: CronJobStatus

  constructor(cronJob: CronJob, jobs: readonly Job[], context: ControllerContext) {
    this.#cronJob = cronJob
    this.#jobs = jobs
    this.#context = context
    this.#status = { ...cronJob.status }
  }

  async run(): Promise<Outcome | undefined> {
    await this.#dropHistory()
    await this.#lookAtJobs()
    const outcome = this.#cronJob.metadata.deletionTimestamp === undefined ? await this.#start() : undefined
    const { active } = this.#status
    await writeStatus(this.#context, CRON_JOBS, this.#cronJob, { ...this.#status, active: active?.length ? active : undefined })
    return outcome
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    void this.#context.events.event(this.#cronJob, type, reason, message)
  }

  /** Finished Jobs beyond the limits go, those that started first before others. */
  async #dropHistory(): Promise<void> {
    const { successfulJobsHistoryLimit = 3, failedJobsHistoryLimit = 1 } = this.#cronJob.spec!
    for (const [type, limit] of [
      ['Complete', successfulJobsHistoryLimit],
      ['Failed', failedJobsHistoryLimit],
    ] as const) {
      const finished = this.#jobs.filter(job => isJobFinished(job)?.type === type && job.metadata.deletionTimestamp === undefined)
      const started = ({ status, metadata }: Job) => `${status?.startTime ?? ''} ${metadata.name}`
      finished.sort((a, b) => (started(a) < started(b) ? -1 : 1))
      for (const job of finished.slice(0, Math.max(0, finished.length - limit))) await this.#delete(job)
    }
  }

  async #delete({ metadata }: Job): Promise<void> {
    try {
      await this.#context.client.delete(JOBS, metadata.namespace, metadata.name, {
        propagationPolicy: 'Background',
        preconditions: { uid: metadata.uid },
      })
    } catch (error) {
      if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict')) return
      this.#say('Warning', 'FailedDelete', `Deleted job: ${messageOf(error)}`)
      throw error
    }
    this.#forget(metadata.uid!)
    this.#say('Normal', 'SuccessfulDelete', `Deleted job ${metadata.name}`)
  }

  #isListed(uid: string): boolean {
    return this.#status.active?.some(reference => reference.uid === uid) ?? false
  }

  #forget(uid: string): void {
    this.#status.active = this.#status.active?.filter(reference => reference.uid !== uid)
  }

  /** Takes finished and vanished Jobs from the list of active ones, and notes the last success. */
  async #lookAtJobs(): Promise<void> {
    for (const job of this.#jobs) {
      const { uid, name } = job.metadata
      const finished = isJobFinished(job)
      if (finished === undefined && !this.#isListed(uid!)) {
        this.#say('Warning', 'UnexpectedJob', `Saw a job that the controller did not create or forgot: ${name}`)
      } else if (finished !== undefined && this.#isListed(uid!)) {
        this.#forget(uid!)
        this.#say('Normal', 'SawCompletedJob', `Saw completed job: ${name}, condition: ${finished.type}`)
      }
      if (finished?.type === 'Complete') this.#noteSuccess(job.status?.completionTime)
    }
    const there = new Set(this.#jobs.map(({ metadata }) => metadata.uid))
    for (const reference of this.#status.active ?? []) {
      if (there.has(reference.uid)) continue
      this.#forget(reference.uid!)
      this.#say('Normal', 'MissingJob', `Active job went missing: ${reference.name}`)
    }
  }

  #noteSuccess(time: string | undefined): void {
    const last = this.#status.lastSuccessfulTime
    if (time !== undefined && (last === undefined || parseTime(time) > parseTime(last))) this.#status.lastSuccessfulTime = time
  }

  #schedule(): Schedule | undefined {
    const { schedule, timeZone } = this.#cronJob.spec!
    if (hasZone(schedule)) {
      const what = `CRON_TZ or TZ used in schedule ${JSON.stringify(schedule)} is not officially supported`
      const link = 'https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/'
      this.#say('Warning', 'UnsupportedSchedule', `${what}, see ${link} for more details`)
    }
    try {
      return parseSchedule(schedule, timeZone)
    } catch (error) {
      if (error instanceof ZoneError)
        this.#say('Warning', 'UnknownTimeZone', `invalid timeZone: ${JSON.stringify(timeZone)}: ${error.message}`)
      else if (error instanceof ScheduleError) {
        this.#say('Warning', 'UnparseableSchedule', `unparseable schedule: ${JSON.stringify(schedule)} : ${error.message}`)
      } else throw error
      return undefined
    }
  }

  async #start(): Promise<Outcome | undefined> {
    if (this.#cronJob.spec!.suspend) return undefined
    const schedule = this.#schedule()
    if (schedule === undefined) return undefined
    if (schedule.next(this.#since()) === undefined) {
      const what = `invalid schedule: ${this.#cronJob.spec!.schedule} : time difference between two schedules is less than 1 second`
      this.#say('Warning', 'InvalidSchedule', what)
      return undefined
    }
    const due = this.#due(schedule)
    if (due !== undefined) await this.#startFor(due)
    const now = this.#context.now()
    // Counted from the last time, not from now: "@every 1h" is an hour after the last one, whatever brought this key here.
    const next = schedule.next(dueTime(schedule, this.#since(), now)?.time ?? this.#since())
    return next === undefined ? undefined : { requeueAfter: (next - now) / 1000 + SLACK_S }
  }

  /** What came before is done with. */
  #since(): number {
    return parseTime(this.#status.lastScheduleTime ?? this.#cronJob.metadata.creationTimestamp!)
  }

  #due(schedule: Schedule): Due | undefined {
    const now = this.#context.now()
    const deadline = this.#cronJob.spec!.startingDeadlineSeconds
    const since = deadline === undefined ? this.#since() : Math.max(this.#since(), now - deadline * 1000)
    const due = dueTime(schedule, since, now)
    if (due?.tooMany) {
      const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew'
      this.#say('Warning', 'TooManyMissedTimes', message)
    }
    if (due !== undefined && deadline !== undefined && due.time + deadline * 1000 < now) {
      const time = new Date(due.time).toUTCString().replace('GMT', '+0000')
      this.#say('Warning', 'MissSchedule', `Missed scheduled time to start a job: ${time}`)
      return undefined
    }
    return due
  }

  async #startFor({ time }: Due): Promise<void> {
    const { concurrencyPolicy } = this.#cronJob.spec!
    const active = this.#status.active ?? []
    const name = `${this.#cronJob.metadata.name}-${Math.floor(time / 60_000)}`
    if (active.some(reference => reference.name === name) || this.#status.lastScheduleTime === timestamp(time)) return
    if (concurrencyPolicy === 'Forbid' && active.length > 0) {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid'
      this.#say('Normal', 'JobAlreadyActive', message)
      return
    }
    if (concurrencyPolicy === 'Replace') {
      for (const job of this.#jobs) if (this.#isListed(job.metadata.uid!)) await this.#delete(job)
    }
    const job = await this.#create(name, time)
    if (job === undefined) return
    this.#status.active = [...(this.#status.active ?? []), referenceTo(job)]
    this.#status.lastScheduleTime = timestamp(time)
  }

  /** Undefined when there is nothing to list as active. */
  async #create(name: string, time: number): Promise<Job | undefined> {
    const { client } = this.#context
    const { metadata, spec } = this.#cronJob
    const template = structuredClone(spec!.jobTemplate)
    try {
      const job = await client.create<Job>(JOBS, {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: {
          name,
          namespace: metadata.namespace,
          labels: template.metadata?.labels,
          annotations: { ...template.metadata?.annotations, [SCHEDULED_TIME]: inZone(time, spec!.timeZone) },
          ownerReferences: [controllerReference(this.#cronJob)],
        },
        spec: template.spec!,
      })
      this.#say('Normal', 'SuccessfulCreate', `Created job ${name}`)
      return job
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined
      if (isStatus(error, 'AlreadyExists')) {
        // An earlier attempt made it, and ended before it could say so. One of somebody else keeps the name, and this time is left out.
        const job = await client.get<Job>(JOBS, metadata.namespace, name)
        return job !== undefined && isControlledBy(job, this.#cronJob) && !this.#isListed(job.metadata.uid!) ? job : undefined
      }
      this.#say('Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`)
      throw error
    }
  }
}

const referenceTo = ({ apiVersion, kind, metadata }: Job): ObjectReference => ({
  apiVersion,
  kind,
  namespace: metadata.namespace,
  name: metadata.name,
  uid: metadata.uid,
  resourceVersion: metadata.resourceVersion,
})
