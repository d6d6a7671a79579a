// WorkQueue: an SQS queue, and Jobs by its depth. A kind of our own; its rules are CronJob's wherever it has the same fields.
import type { JobSpec } from '../api/batch/v1.ts'
import type { WorkQueue, WorkQueueSpec } from '../api/zeroplane/v1alpha1.ts'
import { invalid, notSupported } from '../apimachinery/field-error.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { defaultJobTemplate, jobWarnings, validateJobSpec } from './job/spec.ts'
import { dropUnsupportedInTemplate } from './pod/prepare.ts'
import { workloadNameWarnings } from './pod-spec/warnings.ts'
import { age, columns, humanDuration, NONE } from './printers/text.ts'
import { apartFromStatus, collect, keep, specChanged } from './strategy.ts'
import { bytes, type Errors, inRange, nonNegative, positive } from './validation/checks.ts'

/** Names of Jobs are the WorkQueue's, a dash and up to ten digits; those of pods are longer still. */
const MAX_NAME = 52
/** Jobs are created one after the other, and one look at the queue must end in time. */
const MAX_JOBS = 1000
/** Limits of SQS. */
const MAX_RECEIVES = 1000
const LONGEST_VISIBILITY_SECONDS = 43_200
/** Thousands of finished Jobs help nobody: those that do not say otherwise go after an hour. */
const FINISHED_JOBS_STAY_SECONDS = 3600

function defaults(object: KubeObject): void {
  const workQueue = object as WorkQueue
  workQueue.spec ??= {} as WorkQueueSpec
  workQueue.spec.jobTemplate ??= {}
  workQueue.spec.jobTemplate.spec ??= {} as JobSpec
  const job = workQueue.spec.jobTemplate.spec
  defaultJobTemplate(job)
  job.ttlSecondsAfterFinished ??= FINISHED_JOBS_STAY_SECONDS
}

const specOf = ({ spec }: WorkQueue) => spec ?? ({} as WorkQueueSpec)
const jobOf = (workQueue: WorkQueue) => specOf(workQueue).jobTemplate?.spec ?? ({} as JobSpec)

function within(value: number | undefined, low: number, high: number, field: string, errors: Errors): void {
  if (value !== undefined && (value < low || value > high)) errors.push(invalid(field, value, inRange(low, high)))
}

function validate(workQueue: WorkQueue, errors: Errors): void {
  const { name = '' } = workQueue.metadata
  if (bytes(name) > MAX_NAME) errors.push(invalid('metadata.name', name, `must be no more than ${MAX_NAME} characters`))
  const { min = 0, max = 0, itemsPerJob, coolDownSeconds, maxReceiveCount, visibilityTimeoutSeconds } = specOf(workQueue)
  nonNegative(min, 'spec.min', errors)
  within(max, 0, MAX_JOBS, 'spec.max', errors)
  if (max < min) errors.push(invalid('spec.max', max, 'must be greater than or equal to `min`'))
  positive(itemsPerJob, 'spec.itemsPerJob', errors)
  nonNegative(coolDownSeconds, 'spec.coolDownSeconds', errors)
  within(maxReceiveCount, 1, MAX_RECEIVES, 'spec.maxReceiveCount', errors)
  within(visibilityTimeoutSeconds, 0, LONGEST_VISIBILITY_SECONDS, 'spec.visibilityTimeoutSeconds', errors)
  const job = jobOf(workQueue)
  const field = 'spec.jobTemplate.spec'
  validateJobSpec(job, field, errors)
  if (job.selector !== undefined) errors.push(invalid(`${field}.selector`, job.selector, '`selector` will be auto-generated'))
  if (job.manualSelector) errors.push(notSupported(`${field}.manualSelector`, true, ['nil', 'false']))
}

export default defineResource<WorkQueue>({
  group: 'zeroplane.dev',
  resource: 'workqueues',
  singular: 'workqueue',
  kind: 'WorkQueue',
  namespaced: true,
  shortNames: ['wq'],
  categories: ['all'],
  versions: [{ version: 'v1alpha1', storage: true, schema: 'dev.zeroplane.v1alpha1.WorkQueue', defaults }],
  generation: specChanged,
  prepareForCreate(workQueue) {
    apartFromStatus.prepareForCreate(workQueue)
    dropUnsupportedInTemplate(jobOf(workQueue).template)
  },
  prepareForUpdate(workQueue, old) {
    keep(workQueue, old, 'status')
    dropUnsupportedInTemplate(jobOf(workQueue).template)
  },
  validate: workQueue => collect(errors => validate(workQueue, errors)),
  validateUpdate: workQueue => collect(errors => validate(workQueue, errors)),
  warnings(workQueue, old) {
    if (old !== undefined && workQueue.metadata.generation === old.metadata.generation) return []
    const name = old === undefined ? workloadNameWarnings(workQueue.metadata.name) : []
    return [...name, ...jobWarnings(jobOf(workQueue), 'spec.jobTemplate.spec')]
  },
  parts: { status: {} },
  columns: columns('Name, Depth:integer, In Flight:integer, Jobs, Dead Letters:integer, Oldest, Age, Queue+'),
  cells: (workQueue, now) => {
    const { depth = 0, inFlight = 0, activeJobs = 0, deadLetters = 0, oldestAgeSeconds, queueUrl } = workQueue.status ?? {}
    return [
      workQueue.metadata.name,
      depth,
      inFlight,
      `${activeJobs}/${specOf(workQueue).max ?? 0}`,
      deadLetters,
      oldestAgeSeconds === undefined ? NONE : humanDuration(oldestAgeSeconds * 1000),
      age(workQueue, now),
      queueUrl ?? NONE,
    ]
  },
})
