// What a Job's status may say, and how it may change (pkg/apis/batch/validation, ValidateJobStatusUpdate).
import type { Job } from '../../api/batch/v1.ts'
import { duplicate, invalid, invalidPlace, required } from '../../apimachinery/field-error.ts'
import { equal } from '../../apimachinery/objects.ts'
import { type Errors, nonNegative } from '../validation/checks.ts'
import { countIndexes, overlap } from './indexes.ts'

const statusOf = ({ status }: Job) => status ?? {}

export const hasCondition = (job: Job, type: string, status = 'True'): boolean =>
  statusOf(job).conditions?.some(condition => condition.type === type && condition.status === status) ?? false

const isFinished = (job: Job) => hasCondition(job, 'Complete') || hasCondition(job, 'Failed')

const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const

export function validateJobStatus(job: Job, old: Job, errors: Errors): void {
  const status = statusOf(job)
  for (const count of COUNTS) nonNegative(status[count], `status.${count}`, errors)
  uncounted(job, errors)
  conditions(job, old, errors)
  times(job, old, errors)
  finished(job, old, errors)
  indexes(job, old, errors)
  counters(job, old, errors)
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

function conditions(job: Job, old: Job, errors: Errors): void {
  const is = (type: string) => hasCondition(job, type)
  const was = (type: string) => hasCondition(old, type)
  const changed = (...types: string[]) => types.some(type => is(type) !== was(type))
  const refuse = (when: boolean, why: string) => {
    if (when) errors.push(invalidPlace('status.conditions', why))
  }
  const complete = is('Complete')
  const failed = is('Failed')
  const target = is('FailureTarget')
  const met = is('SuccessCriteriaMet')
  refuse(changed('Complete', 'Failed') && complete && failed, 'cannot set Complete=True and Failed=true conditions')
  refuse(changed('Complete', 'FailureTarget') && complete && target, 'cannot set Complete=True and FailureTarget=true conditions')
  const failedChanged = changed('Failed') || statusOf(job).failedIndexes !== statusOf(old).failedIndexes
  refuse(failedChanged && failed && !target, 'cannot set Failed=True condition without the FailureTarget=true condition')
  refuse(
    changed('Complete', 'SuccessCriteriaMet') && complete && !met,
    'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
  )
  refuse(met && failed, 'cannot set SuccessCriteriaMet=True and Failed=true conditions')
  refuse(met && target, 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions')
  refuse(
    job.spec?.successPolicy !== undefined && !met && complete,
    'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True',
  )
  for (const type of ['Failed', 'Complete', 'FailureTarget'])
    refuse(was(type) && !is(type), `cannot disable the terminal ${type}=True condition`)
  refuse(was('SuccessCriteriaMet') && !met, 'cannot disable the SuccessCriteriaMet=True condition')
  refuse(
    was('Complete') && !was('SuccessCriteriaMet') && met,
    'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions',
  )
}

function times(job: Job, old: Job, errors: Errors): void {
  const { startTime, completionTime } = statusOf(job)
  const before = statusOf(old)
  const isComplete = hasCondition(job, 'Complete')
  const startChanged = startTime !== before.startTime
  const completionChanged = completionTime !== before.completionTime
  const refuse = (value: unknown, why: string) => errors.push(invalid('status.completionTime', value, why))
  if (completionChanged || isComplete !== hasCondition(old, 'Complete')) {
    if (completionTime && !isComplete) refuse(completionTime, 'cannot set completionTime when there is no Complete=True condition')
    if (!completionTime && isComplete) errors.push(required('status.completionTime', 'completionTime is required for Complete jobs'))
  }
  if ((startChanged || completionChanged) && startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime))
    refuse(completionTime, 'must be equal to or after `startTime`')
  if (completionTime && before.completionTime && completionChanged) refuse(completionTime, 'field is immutable')
  const resuming = hasCondition(old, 'Suspended') && hasCondition(job, 'Suspended', 'False')
  if (startChanged && !resuming && before.startTime && !job.spec?.suspend)
    errors.push(invalid('status.startTime', startTime ?? null, 'field is immutable for unsuspended job once set'))
}

function finished(job: Job, old: Job, errors: Errors): void {
  if (!isFinished(job)) return
  const status = statusOf(job)
  const before = statusOf(old)
  const justFinished = !isFinished(old)
  const { active = 0, startTime, uncountedTerminatedPods: uncountedPods, terminating = 0 } = status
  if ((justFinished || active !== (before.active ?? 0)) && active > 0)
    errors.push(invalid('status.active', active, 'active>0 is invalid for finished job'))
  const nothingToDo = job.spec?.suspend === true && job.spec.completions === 0
  if ((justFinished || startTime !== before.startTime) && !nothingToDo && !startTime)
    errors.push(required('status.startTime', 'startTime is required for finished job'))
  if (justFinished || !equal(uncountedPods, before.uncountedTerminatedPods)) {
    const { succeeded, failed } = uncountedPods ?? {}
    if (succeeded?.length || failed?.length) {
      const printed = { Succeeded: succeeded ?? null, Failed: failed ?? null }
      errors.push(invalid('status.uncountedTerminatedPods', printed, 'must be empty for finished job'))
    }
  }
  if ((justFinished || terminating !== (before.terminating ?? 0)) && terminating > 0)
    errors.push(invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'))
}

function indexes(job: Job, old: Job, errors: Errors): void {
  const { completedIndexes = '', failedIndexes } = statusOf(job)
  const { completions, backoffLimitPerIndex, completionMode } = job.spec ?? {}
  const completedChanged = completedIndexes !== (statusOf(old).completedIndexes ?? '')
  const failedChanged = failedIndexes !== statusOf(old).failedIndexes
  const refuse = (member: string, value: string, why: string) => errors.push(invalid(`status.${member}`, value, why))
  const parse = (member: string, value: string) => {
    const counted = countIndexes(value, completions ?? 0)
    if (typeof counted === 'string') refuse(member, value, `error parsing ${member}: ${counted}`)
  }
  if (completedChanged) {
    if (completions !== undefined) parse('completedIndexes', completedIndexes)
    if (completedIndexes !== '' && completionMode !== 'Indexed')
      refuse('completedIndexes', completedIndexes, 'cannot set non-empty completedIndexes when non-indexed completion mode')
  }
  if (failedIndexes === undefined) return
  if (failedChanged) {
    if (completions !== undefined && backoffLimitPerIndex !== undefined) parse('failedIndexes', failedIndexes)
    if (backoffLimitPerIndex === undefined)
      refuse('failedIndexes', failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null')
  }
  if (completions === undefined || !(failedChanged || completedChanged)) return
  const both = overlap(completedIndexes, failedIndexes, completions)
  if (both !== undefined) refuse('failedIndexes', failedIndexes, `failedIndexes and completedIndexes overlap at index: ${both}`)
}

function counters(job: Job, old: Job, errors: Errors): void {
  const { failed = 0, succeeded = 0, ready, active = 0 } = statusOf(job)
  const before = statusOf(old)
  const readyOrActiveChanged = ready !== before.ready || active !== (before.active ?? 0)
  if (readyOrActiveChanged && (ready ?? 0) > active) errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'))
  if (failed < (before.failed ?? 0)) errors.push(invalid('status.failed', failed, 'cannot decrease the failed counter'))
  const { completionMode, completions, parallelism } = job.spec ?? {}
  const elastic = completionMode === 'Indexed' && completions === parallelism
  if (!elastic && succeeded < (before.succeeded ?? 0))
    errors.push(invalid('status.succeeded', succeeded, 'cannot decrease the succeeded counter'))
}
