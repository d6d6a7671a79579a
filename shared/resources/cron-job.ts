import type { CronJob, CronJobSpec, JobSpec } from '../api/batch/v1.ts'
import { invalid, notSupported, required } from '../apimachinery/field-error.ts'
import { defineResource } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { defaultJobTemplate, jobWarnings, validateJobSpec } from './job/spec.ts'
import { dropUnsupportedInTemplate } from './pod/prepare.ts'
import { workloadNameWarnings } from './pod-spec/warnings.ts'
import { age, columns, containerCells, NONE, selectorText, since, UNSET } from './printers/text.ts'
import { apartFromStatus, collect, keep, specChanged } from './strategy.ts'
import { bytes, type Errors, nonNegative, requiredOneOf } from './validation/checks.ts'
import { isTimeZone, scheduleProblem } from './validation/cron.ts'

/** Names of Jobs are the CronJob's and eleven characters. */
const MAX_NAME = 52
const ZONE_IN_SCHEDULE =
  'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details'

function defaults(object: KubeObject): void {
  const cronJob = object as CronJob
  cronJob.spec ??= {} as CronJobSpec
  const { spec } = cronJob
  spec.concurrencyPolicy ||= 'Allow'
  spec.suspend ??= false
  spec.successfulJobsHistoryLimit ??= 3
  spec.failedJobsHistoryLimit ??= 1
  spec.jobTemplate ??= {}
  spec.jobTemplate.spec ??= {} as JobSpec
  defaultJobTemplate(spec.jobTemplate.spec)
}

const specOf = ({ spec }: CronJob) => spec ?? ({} as CronJobSpec)
const jobOf = (cronJob: CronJob) => specOf(cronJob).jobTemplate?.spec ?? ({} as JobSpec)

function schedule({ schedule: text = '', timeZone }: CronJobSpec, old: CronJobSpec | undefined, errors: Errors): void {
  const field = 'spec.schedule'
  if (text === '') {
    errors.push(required(field))
    return
  }
  const problem = scheduleProblem(text)
  if (problem !== undefined) errors.push(invalid(field, text, problem))
  if (!text.includes('TZ')) return
  if (!old?.schedule?.includes('TZ')) errors.push(invalid(field, text, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'))
  else if (timeZone !== undefined) errors.push(invalid(field, text, 'cannot use both timeZone field and TZ or CRON_TZ in schedule'))
}

const ZONE_PART = /^[A-Za-z._0-9+-]{1,14}$/

function zone(timeZone: string | undefined, errors: Errors): void {
  if (timeZone === undefined) return
  const wrong = (why: string) => errors.push(invalid('spec.timeZone', timeZone, why))
  const parts = timeZone.split('/')
  if (timeZone === '') wrong('timeZone must be nil or non-empty string')
  else if (parts.some(part => part === '.' || part === '..' || part.startsWith('-') || !ZONE_PART.test(part)))
    wrong(`unknown time zone ${timeZone}`)
  else {
    if (timeZone.toLowerCase() === 'local') wrong('timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')
    if (!isTimeZone(timeZone)) wrong(`unknown time zone ${timeZone}`)
  }
}

function validate(cronJob: CronJob, old: CronJob | undefined, errors: Errors): void {
  const spec = specOf(cronJob)
  const before = old === undefined ? undefined : specOf(old)
  schedule(spec, before, errors)
  nonNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds', errors)
  if (before === undefined || before.timeZone !== spec.timeZone) zone(spec.timeZone, errors)
  const policy = spec.concurrencyPolicy
  requiredOneOf(policy, ['Allow', 'Forbid', 'Replace'], 'spec.concurrencyPolicy', errors)
  const job = jobOf(cronJob)
  const field = 'spec.jobTemplate.spec'
  validateJobSpec(job, field, errors)
  if (job.selector !== undefined) errors.push(invalid(`${field}.selector`, job.selector, '`selector` will be auto-generated'))
  if (job.manualSelector) errors.push(notSupported(`${field}.manualSelector`, true, ['nil', 'false']))
  nonNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit', errors)
  nonNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit', errors)
  const { name = '' } = cronJob.metadata
  if (old === undefined && bytes(name) > MAX_NAME)
    errors.push(invalid('metadata.name', name, `must be no more than ${MAX_NAME} characters`))
}

export default defineResource<CronJob>({
  group: 'batch',
  resource: 'cronjobs',
  singular: 'cronjob',
  kind: 'CronJob',
  namespaced: true,
  shortNames: ['cj'],
  categories: ['all'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.batch.v1.CronJob', defaults }],
  generation: specChanged,
  prepareForCreate(cronJob) {
    apartFromStatus.prepareForCreate(cronJob)
    cronJob.status = {}
    dropUnsupportedInTemplate(jobOf(cronJob).template)
  },
  prepareForUpdate(cronJob, old) {
    keep(cronJob, old, 'status')
    dropUnsupportedInTemplate(jobOf(cronJob).template)
  },
  validate: cronJob => collect(errors => validate(cronJob, undefined, errors)),
  validateUpdate: (cronJob, old) => collect(errors => validate(cronJob, old, errors)),
  warnings(cronJob, old) {
    const warnings: string[] = []
    if (old === undefined) warnings.push(...workloadNameWarnings(cronJob.metadata.name))
    if (old === undefined || cronJob.metadata.generation !== old.metadata.generation)
      warnings.push(...jobWarnings(jobOf(cronJob), 'spec.jobTemplate.spec'))
    if (old !== undefined && specOf(cronJob).schedule?.includes('TZ')) warnings.push(ZONE_IN_SCHEDULE)
    return warnings
  },
  parts: { status: {} },
  columns: columns('Name, Schedule, Timezone, Suspend:boolean, Active:integer, Last Schedule, Age, Containers+, Images+, Selector+'),
  cells: (cronJob, now) => {
    const { schedule: text = '', timeZone, suspend } = specOf(cronJob)
    return [
      cronJob.metadata.name,
      text,
      timeZone ?? NONE,
      suspend === undefined ? UNSET : suspend ? 'True' : 'False',
      cronJob.status?.active?.length ?? 0,
      cronJob.status?.lastScheduleTime ? since(cronJob.status.lastScheduleTime, now) : NONE,
      age(cronJob, now),
      ...containerCells(jobOf(cronJob).template?.spec?.containers),
      selectorText(jobOf(cronJob).selector),
    ]
  },
})
