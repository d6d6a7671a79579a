// Conditions of the kind that every API shares (apimachinery, ValidateConditions).
import type { Condition } from '../../api/meta/v1.ts'
import { duplicate, invalid, notSupported, required, tooLong } from '../../apimachinery/field-error.ts'
import { bytes, type Errors, labelName, pattern } from './checks.ts'

const STATUSES = ['False', 'True', 'Unknown']
const MAX_REASON = 1024
const MAX_MESSAGE = 32 * 1024
const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?'
const reasonRegexp = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/
const WRONG_REASON = pattern(
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
  REASON,
  'my_name',
  'MY_NAME',
  'MyName',
  'ReasonA,ReasonB',
  'ReasonA:ReasonB',
)

export function conditions(list: readonly Condition[] | undefined, field: string, errors: Errors): void {
  const seen = new Set<string>()
  for (const [i, condition] of (list ?? []).entries()) {
    const at = `${field}[${i}]`
    const { type, status, observedGeneration = 0, lastTransitionTime, reason = '', message = '' } = condition
    if (seen.has(type)) errors.push(duplicate(`${at}.type`, type))
    seen.add(type)
    labelName(type, `${at}.type`, errors)
    if (!STATUSES.includes(status)) errors.push(notSupported(`${at}.status`, status ?? '', STATUSES))
    if (observedGeneration < 0)
      errors.push(invalid(`${at}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero'))
    if (!lastTransitionTime) errors.push(required(`${at}.lastTransitionTime`))
    if (reason === '') errors.push(required(`${at}.reason`))
    else {
      if (!reasonRegexp.test(reason)) errors.push(invalid(`${at}.reason`, reason, WRONG_REASON))
      if (bytes(reason) > MAX_REASON) errors.push(tooLong(`${at}.reason`, MAX_REASON))
    }
    if (bytes(message) > MAX_MESSAGE) errors.push(tooLong(`${at}.message`, MAX_MESSAGE))
  }
}
