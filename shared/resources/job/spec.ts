// Defaults and validation of what a Job is, alone and in a CronJob's template (pkg/apis/batch).
import type { JobSpec, PodFailurePolicyRule, SuccessPolicyRule } from '../../api/batch/v1.ts'
import { duplicate, invalid, invalidPlace, notSupported, required, tooLong, tooMany } from '../../apimachinery/field-error.ts'
import { defaultPodTemplate } from '../pod-spec/defaults.ts'
import { validatePodTemplate } from '../pod-spec/spec.ts'
import { templateWarnings } from '../pod-spec/warnings.ts'
import { bytes, domainPrefixedPath, type Errors, MAX_INT32, nonNegative, qualifiedName } from '../validation/checks.ts'
import { countIndexes } from './indexes.ts'

const MANY_COMPLETIONS = 100_000
const LIMIT_FOR_MANY = 10_000
const MAX_INDEXED = 100_000
const MAX_RULES = 20
const MAX_EXIT_CODES = 255
const MAX_INDEXES_BYTES = 64 * 1024
const MAX_MANAGER = 63
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const OPERATORS = ['In', 'NotIn']
const CONDITION_STATUSES = ['False', 'True', 'Unknown']
const MANY_INDEXES =
  'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail'

const isIndexed = ({ completionMode }: JobSpec) => completionMode === 'Indexed'

/** What a Job and the template of a CronJob have in common. In place. */
export function defaultJobTemplate(spec: JobSpec): void {
  for (const { onPodConditions } of spec.podFailurePolicy?.rules ?? [])
    for (const pattern of onPodConditions ?? []) pattern.status ||= 'True'
  spec.template ??= {}
  defaultPodTemplate(spec.template)
}

export function defaultJobSpec(spec: JobSpec): void {
  defaultJobTemplate(spec)
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
  spec.parallelism ??= 1
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : MAX_INT32
  spec.completionMode ??= 'NonIndexed'
  spec.suspend ??= false
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'
  spec.manualSelector ??= false
}

/** Go's `%q` of a list. */
const quotedList = (values: readonly string[]) => `[${values.map(value => JSON.stringify(value)).join(' ')}]`

function chosen(value: string | undefined, values: readonly string[], field: string, errors: Errors): void {
  if (!value) errors.push(required(field, `valid values: ${quotedList(values)}`))
  else if (!values.includes(value)) errors.push(notSupported(field, value, values))
}

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const

export function validateJobSpec(spec: JobSpec, field: string, errors: Errors): void {
  const { backoffLimitPerIndex, maxFailedIndexes, managedBy, successPolicy } = spec
  for (const count of COUNTS) nonNegative(spec[count], `${field}.${count}`, errors)
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined)
    errors.push(required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'))
  if (managedBy !== undefined) {
    domainPrefixedPath(managedBy, `${field}.managedBy`, errors)
    if (bytes(managedBy) > MAX_MANAGER) errors.push(tooLong(`${field}.managedBy`, MAX_MANAGER))
  }
  completionMode(spec, field, errors)
  failurePolicy(spec, `${field}.podFailurePolicy.rules`, errors)
  if (successPolicy !== undefined) {
    if (isIndexed(spec)) successRules(spec, successPolicy.rules ?? [], `${field}.successPolicy.rules`, errors)
    else errors.push(invalid(`${field}.successPolicy`, printedSuccessPolicy(successPolicy.rules), 'requires indexed completion mode'))
  }
  replacementPolicy(spec, `${field}.podReplacementPolicy`, errors)
  validatePodTemplate(spec.template, `${field}.template`, errors)
  restartPolicy(spec, `${field}.template.spec.restartPolicy`, errors)
}

const printedSuccessPolicy = (rules: readonly SuccessPolicyRule[] | undefined) => ({
  Rules: rules?.map(rule => ({ SucceededIndexes: rule.succeededIndexes ?? null, SucceededCount: rule.succeededCount ?? null })) ?? null,
})

function completionMode(spec: JobSpec, field: string, errors: Errors): void {
  const { completionMode: mode, backoffLimitPerIndex, maxFailedIndexes } = spec
  const wrong = (member: 'parallelism' | 'maxFailedIndexes' | 'backoffLimitPerIndex', why: string) =>
    errors.push(invalid(`${field}.${member}`, spec[member], why))
  if (mode !== undefined && mode !== 'NonIndexed' && mode !== 'Indexed')
    errors.push(notSupported(`${field}.completionMode`, mode, ['NonIndexed', 'Indexed']))
  if (isIndexed(spec)) indexedMode(spec, field, wrong, errors)
  if (mode !== undefined && mode !== 'NonIndexed') return
  if (backoffLimitPerIndex !== undefined) wrong('backoffLimitPerIndex', 'requires indexed completion mode')
  if (maxFailedIndexes !== undefined) wrong('maxFailedIndexes', 'requires indexed completion mode')
}

type Wrong = (member: 'parallelism' | 'maxFailedIndexes' | 'backoffLimitPerIndex', why: string) => void

function indexedMode(
  { completions, parallelism = 0, maxFailedIndexes, backoffLimitPerIndex }: JobSpec,
  field: string,
  wrong: Wrong,
  errors: Errors,
): void {
  if (completions === undefined) errors.push(required(`${field}.completions`, 'when completion mode is Indexed'))
  if (parallelism > MAX_INDEXED) wrong('parallelism', `must be less than or equal to ${MAX_INDEXED} when completion mode is Indexed`)
  const failed = maxFailedIndexes ?? 0
  if (completions !== undefined && failed > completions) wrong('maxFailedIndexes', 'must be less than or equal to completions')
  if (failed > MAX_INDEXED) wrong('maxFailedIndexes', `must be less than or equal to ${MAX_INDEXED}`)
  if (completions === undefined || completions <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return
  if (maxFailedIndexes === undefined)
    errors.push(required(`${field}.maxFailedIndexes`, `must be specified when completions is above ${MANY_COMPLETIONS}`))
  const limit = `must be less than or equal to ${LIMIT_FOR_MANY} when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`
  if (parallelism > LIMIT_FOR_MANY) wrong('parallelism', limit)
  if (failed > LIMIT_FOR_MANY) wrong('maxFailedIndexes', limit)
}

function failurePolicy(spec: JobSpec, field: string, errors: Errors): void {
  if (spec.podFailurePolicy === undefined) return
  const rules = spec.podFailurePolicy.rules ?? []
  if (rules.length > MAX_RULES) errors.push(tooMany(field, rules.length, MAX_RULES))
  for (const [i, rule] of rules.entries()) failureRule(spec, rule, `${field}[${i}]`, errors)
}

function failureRule(spec: JobSpec, rule: PodFailurePolicyRule, at: string, errors: Errors): void {
  const { action, onExitCodes, onPodConditions } = rule
  if (action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined) errors.push(invalid(`${at}.action`, action, 'requires the backoffLimitPerIndex to be set'))
  } else chosen(action, ACTIONS, `${at}.action`, errors)
  if (onExitCodes !== undefined) exitCodes(spec, onExitCodes, `${at}.onExitCodes`, errors)
  if (onPodConditions?.length) podConditions(onPodConditions, `${at}.onPodConditions`, errors)
  if (onExitCodes !== undefined && onPodConditions?.length)
    errors.push(invalidPlace(at, 'specifying both OnExitCodes and OnPodConditions is not supported'))
  if (onExitCodes === undefined && !onPodConditions?.length)
    errors.push(invalidPlace(at, 'specifying one of OnExitCodes and OnPodConditions is required'))
}

function exitCodes(spec: JobSpec, requirement: NonNullable<PodFailurePolicyRule['onExitCodes']>, at: string, errors: Errors): void {
  const { operator, containerName } = requirement
  chosen(operator, OPERATORS, `${at}.operator`, errors)
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {}
  if (containerName !== undefined && ![...containers, ...initContainers].some(({ name }) => name === containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template'
    errors.push(invalid(`${at}.containerName`, containerName, why))
  }
  const field = `${at}.values`
  const values = requirement.values ?? []
  if (values.length === 0) errors.push(invalid(field, requirement.values ?? [], 'at least one value is required'))
  else if (values.length > MAX_EXIT_CODES) errors.push(tooMany(field, values.length, MAX_EXIT_CODES))
  const seen = new Set<number>()
  for (const [i, value] of values.entries()) {
    if (operator === 'In' && value === 0) errors.push(invalid(`${field}[${i}]`, value, 'must not be 0 for the In operator'))
    if (seen.has(value)) errors.push(duplicate(`${field}[${i}]`, value))
    seen.add(value)
  }
  if (values.some((value, i) => i > 0 && (values[i - 1] as number) > value)) errors.push(invalid(field, values, 'must be ordered'))
}

function podConditions(patterns: NonNullable<PodFailurePolicyRule['onPodConditions']>, at: string, errors: Errors): void {
  if (patterns.length > MAX_RULES) errors.push(tooMany(at, patterns.length, MAX_RULES))
  for (const [i, { type, status }] of patterns.entries()) {
    qualifiedName(type ?? '', `${at}[${i}].type`, errors)
    chosen(status, CONDITION_STATUSES, `${at}[${i}].status`, errors)
  }
}

function successRules(spec: JobSpec, rules: readonly SuccessPolicyRule[], field: string, errors: Errors): void {
  const completions = spec.completions ?? 0
  if (rules.length === 0) errors.push(required(field, 'at least one rules must be specified when the successPolicy is specified'))
  if (rules.length > MAX_RULES) errors.push(tooMany(field, rules.length, MAX_RULES))
  for (const [i, { succeededCount: count, succeededIndexes: indexes }] of rules.entries()) {
    const at = `${field}[${i}]`
    if (count === undefined && indexes === undefined)
      errors.push(required(at, 'at least one of succeededCount or succeededIndexes must be specified'))
    let total = 0
    if (indexes !== undefined) {
      if (bytes(indexes) > MAX_INDEXES_BYTES) errors.push(tooLong(`${at}.succeededIndexes`, MAX_INDEXES_BYTES))
      const counted = countIndexes(indexes, completions)
      if (typeof counted === 'number') total = counted
      else errors.push(invalid(`${at}.succeededIndexes`, indexes, `error parsing succeededIndexes: ${counted}`))
    }
    if (count === undefined) continue
    const wrong = (limit: number, of: string) =>
      errors.push(invalid(`${at}.succeededCount`, count, `must be less than or equal to ${limit} (the number of ${of})`))
    nonNegative(count, `${at}.succeededCount`, errors)
    if (count > completions) wrong(completions, 'specified completions')
    if (indexes !== undefined && count > total) wrong(total, 'indexes in the specified succeededIndexes field')
  }
}

function replacementPolicy({ podReplacementPolicy: policy, podFailurePolicy }: JobSpec, field: string, errors: Errors): void {
  if (policy === undefined) return
  const values = podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed']
  if (!values.includes(policy)) errors.push(notSupported(field, policy, values))
}

function restartPolicy({ template, podFailurePolicy }: JobSpec, field: string, errors: Errors): void {
  const policy = template?.spec?.restartPolicy
  if (!policy || policy === 'Always') errors.push(required(field, 'valid values: "OnFailure", "Never"'))
  else if (policy !== 'OnFailure' && policy !== 'Never') errors.push(notSupported(field, policy, ['OnFailure', 'Never']))
  else if (podFailurePolicy !== undefined && policy !== 'Never')
    errors.push(invalid(field, policy, 'only "Never" is supported when podFailurePolicy is specified'))
}

export function jobWarnings(spec: JobSpec, field: string): string[] {
  const many = isIndexed(spec) && (spec.completions ?? 0) > MANY_COMPLETIONS && (spec.parallelism ?? 0) > LIMIT_FOR_MANY
  return [...(many ? [`${field}: ${MANY_INDEXES}`] : []), ...templateWarnings(spec.template, `${field}.template`)]
}
