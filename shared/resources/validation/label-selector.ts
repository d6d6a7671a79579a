// metav1.LabelSelector in specs (k8s.io/apimachinery/pkg/apis/meta/v1/validation).
import type { LabelSelector, LabelSelectorRequirement } from '../../api/meta/v1.ts'
import { forbidden, invalid, required } from '../../apimachinery/field-error.ts'
import { isLabelValue } from '../../apimachinery/names.ts'
import { addInvalid, type Errors, labelName, labels } from './checks.ts'

export function labelSelector(selector: LabelSelector | undefined, field: string, errors: Errors, anyValue = false): void {
  if (selector === undefined) return
  labels(selector.matchLabels, `${field}.matchLabels`, errors)
  for (const [i, requirement] of (selector.matchExpressions ?? []).entries())
    selectorRequirement(requirement, `${field}.matchExpressions[${i}]`, errors, anyValue)
}

function selectorRequirement(requirement: LabelSelectorRequirement, field: string, errors: Errors, anyValue: boolean): void {
  selectorOperator(requirement.operator, requirement.values, field, errors)
  labelName(requirement.key, `${field}.key`, errors)
  if (anyValue) return
  for (const [i, value] of (requirement.values ?? []).entries()) addInvalid(isLabelValue(value), `${field}.values[${i}]`, value, errors)
}

/** In and NotIn need values, Exists and DoesNotExist have none. */
export function selectorOperator(operator: string | undefined, values: readonly string[] | undefined, field: string, errors: Errors): void {
  if (operator === 'In' || operator === 'NotIn') {
    if (!values?.length) errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values?.length) errors.push(forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
  } else errors.push(invalid(`${field}.operator`, operator ?? '', 'not a valid selector operator'))
}

export const isEmptySelector = (selector: LabelSelector): boolean =>
  Object.keys(selector.matchLabels ?? {}).length === 0 && !selector.matchExpressions?.length

/** Whether client-go could make a selector of it at all: known operators, keys and values. */
export function isUsableSelector(selector: LabelSelector | undefined): boolean {
  const errors: Errors = []
  labelSelector(selector, '', errors)
  return errors.length === 0
}
