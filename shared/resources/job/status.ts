// What a Job's status may say, and how it may change (pkg/apis/batch/validation, ValidateJobStatusUpdate).
import type { Job } from '../../api/batch/v1.ts'
import { duplicate, invalid, invalidPlace, required } from '../../apimachinery/field-error.ts'
import { equal } from '../../apimachinery/objects.ts'
import { type Errors, IMMUTABLE, nonNegative } from '../validation/checks.ts'
import { countIndexes, overlap } from './indexes.ts'

const statusOf = ({ status }: Job) => status ?? {}

export const hasCondition = (job: Job, type: string, status = 'True'): boolean =>
  statusOf(job).conditions?.some(condition => condition.type === type && condition.status === status) ?? false

const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const

export function validateJobStatus(job: Job, old: Job, errors: Errors): void {
  for (const count of COUNTS) nonNegative(statusOf(job)[count], `status.${count}`, errors)
  const change = new Change(job, old)
  uncounted(job, errors)
  notBothEnds(change, errors)
  completion(change, errors)
  groundsOfTheEnd(change, errors)
  finished(change, errors)
  indexes(change, errors)
  moreThanActive(change, errors)
  criteria(change, errors)
  noWayBack(change, errors)
}

/** A job before and after. */
class Change {
  readonly job: Job
  readonly old: Job
  readonly status: NonNullable<Job['status']>
  readonly before: NonNullable<Job['status']>

  constructor(job: Job, old: Job) {
    this.job = job
    this.old = old
    this.status = statusOf(job)
    this.before = statusOf(old)
  }

  is(type: string): boolean {
    return hasCondition(this.job, type)
  }

  was(type: string): boolean {
    return hasCondition(this.old, type)
  }

  changed(...types: readonly string[]): boolean {
    return types.some(type => this.is(type) !== this.was(type))
  }

  get isFinished(): boolean {
    return this.is('Complete') || this.is('Failed')
  }

  get justFinished(): boolean {
    return this.isFinished !== (this.was('Complete') || this.was('Failed'))
  }
}

const refuse = (when: boolean, why: string, errors: Errors) => {
  if (when) errors.push(invalidPlace('status.conditions', why))
}

function uncounted(job: Job, errors: Errors): void {
  const seen = new Set<string>()
  const lists = statusOf(job).uncountedTerminatedPods
  for (const member of ['succeeded', 'failed'] as const) {
    for (const [i, uid] of (lists?.[member] ?? []).entries()) {
      const at = `status.uncountedTerminatedPods.${member}[${i}]`
      if (uid === '') errors.push(invalid(at, uid, 'must not be empty'))
      else if (seen.has(uid)) errors.push(duplicate(at, uid))
      seen.add(uid)
    }
  }
}

function notBothEnds(change: Change, errors: Errors): void {
  const complete = change.is('Complete')
  const both = change.changed('Complete', 'Failed') && complete && change.is('Failed')
  refuse(both, 'cannot set Complete=True and Failed=true conditions', errors)
  const target = change.changed('Complete', 'FailureTarget') && complete && change.is('FailureTarget')
  refuse(target, 'cannot set Complete=True and FailureTarget=true conditions', errors)
}

function completion(change: Change, errors: Errors): void {
  const { startTime, completionTime } = change.status
  const completionChanged = completionTime !== change.before.completionTime
  const isComplete = change.is('Complete')
  const field = 'status.completionTime'
  if (completionChanged || change.changed('Complete')) {
    if (completionTime && !isComplete)
      errors.push(invalid(field, completionTime, 'cannot set completionTime when there is no Complete=True condition'))
    if (!completionTime && isComplete) errors.push(required(field, 'completionTime is required for Complete jobs'))
  }
  const compared = completionChanged || startTime !== change.before.startTime
  if (compared && startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime))
    errors.push(invalid(field, completionTime, 'must be equal to or after `startTime`'))
}

function groundsOfTheEnd(change: Change, errors: Errors): void {
  const failedChanged = change.changed('Failed') || change.status.failedIndexes !== change.before.failedIndexes
  const withoutTarget = failedChanged && change.is('Failed') && !change.is('FailureTarget')
  refuse(withoutTarget, 'cannot set Failed=True condition without the FailureTarget=true condition', errors)
  const withoutCriteria = change.changed('Complete', 'SuccessCriteriaMet') && change.is('Complete') && !change.is('SuccessCriteriaMet')
  refuse(withoutCriteria, 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition', errors)
}

function finished(change: Change, errors: Errors): void {
  if (!change.isFinished) return
  const { status, before, justFinished, job } = change
  const { active = 0, startTime, uncountedTerminatedPods: uncountedPods } = status
  if ((justFinished || active !== (before.active ?? 0)) && active > 0)
    errors.push(invalid('status.active', active, 'active>0 is invalid for finished job'))
  const nothingToDo = job.spec?.suspend === true && job.spec.completions === 0
  if ((justFinished || startTime !== before.startTime) && !nothingToDo && !startTime)
    errors.push(required('status.startTime', 'startTime is required for finished job'))
  if (!justFinished && equal(uncountedPods, before.uncountedTerminatedPods)) return
  const { succeeded, failed } = uncountedPods ?? {}
  if (!succeeded?.length && !failed?.length) return
  const printed = { Succeeded: succeeded ?? null, Failed: failed ?? null }
  errors.push(invalid('status.uncountedTerminatedPods', printed, 'must be empty for finished job'))
}

function indexes({ job, status, before }: Change, errors: Errors): void {
  const { completedIndexes = '', failedIndexes } = status
  const { completions, backoffLimitPerIndex, completionMode } = job.spec ?? {}
  const completedChanged = completedIndexes !== (before.completedIndexes ?? '')
  const failedChanged = failedIndexes !== before.failedIndexes
  const wrong = (member: string, value: string, why: string) => errors.push(invalid(`status.${member}`, value, why))
  const parse = (member: string, value: string) => {
    const counted = countIndexes(value, completions ?? 0)
    if (typeof counted === 'string') wrong(member, value, `error parsing ${member}: ${counted}`)
  }
  if (completedChanged && completions !== undefined) parse('completedIndexes', completedIndexes)
  if (failedChanged && completions !== undefined && backoffLimitPerIndex !== undefined && failedIndexes !== undefined)
    parse('failedIndexes', failedIndexes)
  if (completedChanged && completedIndexes !== '' && completionMode !== 'Indexed')
    wrong('completedIndexes', completedIndexes, 'cannot set non-empty completedIndexes when non-indexed completion mode')
  if (failedIndexes === undefined) return
  if (failedChanged && backoffLimitPerIndex === undefined)
    wrong('failedIndexes', failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null')
  if (completions === undefined || !(failedChanged || completedChanged)) return
  const both = overlap(completedIndexes, failedIndexes, completions)
  if (both !== undefined) wrong('failedIndexes', failedIndexes, `failedIndexes and completedIndexes overlap at index: ${both}`)
}

function moreThanActive(change: Change, errors: Errors): void {
  const { terminating = 0, ready, active = 0 } = change.status
  const { before } = change
  if (change.isFinished && (change.justFinished || terminating !== (before.terminating ?? 0)) && terminating > 0)
    errors.push(invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'))
  if ((ready !== before.ready || active !== (before.active ?? 0)) && (ready ?? 0) > active)
    errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'))
}

function criteria(change: Change, errors: Errors): void {
  const met = change.is('SuccessCriteriaMet')
  refuse(met && change.is('Failed'), 'cannot set SuccessCriteriaMet=True and Failed=true conditions', errors)
  refuse(met && change.is('FailureTarget'), 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions', errors)
  const unmet = change.job.spec?.successPolicy !== undefined && !met && change.is('Complete')
  refuse(unmet, 'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True', errors)
}

function noWayBack(change: Change, errors: Errors): void {
  const { job, old, status, before } = change
  for (const type of ['Failed', 'Complete', 'FailureTarget'])
    refuse(change.was(type) && !change.is(type), `cannot disable the terminal ${type}=True condition`, errors)
  const { failed = 0, succeeded = 0, completionTime, startTime } = status
  if (failed < (before.failed ?? 0)) errors.push(invalid('status.failed', failed, 'cannot decrease the failed counter'))
  const { completionMode, completions, parallelism } = job.spec ?? {}
  const elastic = completionMode === 'Indexed' && completions === parallelism
  if (!elastic && succeeded < (before.succeeded ?? 0))
    errors.push(invalid('status.succeeded', succeeded, 'cannot decrease the succeeded counter'))
  if (completionTime && before.completionTime && completionTime !== before.completionTime)
    errors.push(invalid('status.completionTime', completionTime, IMMUTABLE))
  const resuming = hasCondition(old, 'Suspended') && hasCondition(job, 'Suspended', 'False')
  if (startTime !== before.startTime && !resuming && before.startTime && !job.spec?.suspend)
    errors.push(invalid('status.startTime', startTime ?? null, 'field is immutable for unsuspended job once set'))
  const met = change.is('SuccessCriteriaMet')
  refuse(change.was('SuccessCriteriaMet') && !met, 'cannot disable the SuccessCriteriaMet=True condition', errors)
  const late = change.was('Complete') && !change.was('SuccessCriteriaMet') && met
  refuse(late, 'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions', errors)
}
