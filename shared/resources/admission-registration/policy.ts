// ValidatingAdmissionPolicies and their bindings.
import type {
  AuditAnnotation,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '../../api/admissionregistration/v1.ts'
import { duplicate, type FieldError, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { admissionEnvironment, type Environment, expressionErrors } from './expressions.ts'
import { declare, failurePolicyErrors, paramKindErrors, paramRefErrors, policyNameErrors } from './policy-parts.ts'
import { conditionErrors, matchErrors } from './rules.ts'

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge']

export function policyErrors({ metadata, spec }: ValidatingAdmissionPolicy): FieldError[] {
  const errors: FieldError[] = []
  const { failurePolicy, paramKind, matchConstraints, matchConditions, variables = [], validations = [], auditAnnotations = [] } = spec
  errors.push(...failurePolicyErrors(failurePolicy), ...paramKindErrors(paramKind))
  if (matchConstraints === undefined) errors.push(required('spec.matchConstraints'))
  else errors.push(...matchErrors(matchConstraints, 'spec.matchConstraints', true))
  const environment = admissionEnvironment({ hasParams: paramKind !== undefined })
  errors.push(...conditionErrors(matchConditions, 'spec.matchConditions', environment))
  const declared = declare(variables, environment, paramKind !== undefined, errors)
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const why = 'validations or auditAnnotations must contain at least one item'
    errors.push(required('spec.validations', why), required('spec.auditAnnotations', why))
  }
  for (const [i, validation] of validations.entries()) errors.push(...validationErrors(validation, `spec.validations[${i}]`, declared))
  const keys = new Set<string>()
  for (const [i, annotation] of auditAnnotations.entries()) {
    errors.push(...annotationErrors(annotation, metadata.name ?? '', `spec.auditAnnotations[${i}]`, declared))
    if (keys.has(annotation.key)) errors.push(duplicate(`spec.auditAnnotations[${i}].key`, annotation.key))
    keys.add(annotation.key)
  }
  return errors
}

function validationErrors(validation: Validation, field: string, environment: Environment): FieldError[] {
  const errors: FieldError[] = []
  const { expression, message, messageExpression, reason } = validation
  errors.push(...expressionErrors(expression, `${field}.expression`, environment, ['bool'], 'expression is not specified'))
  if (messageExpression !== undefined && messageExpression !== '') {
    errors.push(
      ...expressionErrors(messageExpression, `${field}.messageExpression`, environment, ['string'], 'must be non-empty if specified'),
    )
  }
  if (message !== undefined && message !== '') {
    if (message.trim() === '') errors.push(invalid(`${field}.message`, message, 'message must be non-empty if specified'))
    else if (message.trim().includes('\n')) errors.push(invalid(`${field}.message`, message, 'must not contain line breaks'))
  } else if (expression?.trim().includes('\n')) {
    errors.push(required(`${field}.message`, 'message must be specified if expression contains line breaks'))
  }
  if (reason !== undefined && reason !== '' && !REASONS.includes(reason)) errors.push(notSupported(`${field}.reason`, reason, REASONS))
  return errors
}

function annotationErrors(
  { key, valueExpression }: AuditAnnotation,
  policy: string,
  field: string,
  environment: Environment,
): FieldError[] {
  const errors = isQualifiedName(`${policy}/${key}`).map(why => invalid(`${field}.key`, `${policy}/${key}`, why))
  const types = ['string', 'null', 'null_type']
  const own = expressionErrors(valueExpression, `${field}.valueExpression`, environment, types, 'valueExpression is not specified')
  return [...errors, ...own]
}

const ACTIONS = ['Audit', 'Deny', 'Warn']

export function bindingErrors({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  const { policyName, paramRef, matchResources, validationActions = [] } = spec
  const errors: FieldError[] = [...policyNameErrors(policyName), ...paramRefErrors(paramRef)]
  if (matchResources !== undefined) errors.push(...matchErrors(matchResources, 'spec.matchResources', false))
  const field = 'spec.validationActions'
  if (validationActions.length === 0) errors.push(required(field, 'at least one validation action is required'))
  const seen = new Set<string>()
  for (const [i, action] of validationActions.entries()) {
    if (!ACTIONS.includes(action)) errors.push(notSupported(`${field}[${i}]`, action, ACTIONS))
    if (seen.has(action)) errors.push(duplicate(`${field}[${i}]`, action))
    seen.add(action)
  }
  if (seen.has('Deny') && seen.has('Warn')) {
    const why =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)'
    errors.push(invalid(field, ['Deny', 'Warn'], why))
  }
  return errors
}
