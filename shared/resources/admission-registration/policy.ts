// ValidatingAdmissionPolicies and their bindings.
import type {
  AuditAnnotation,
  MutatingAdmissionPolicy,
  Mutation,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
  Variable,
} from '../../api/admissionregistration/v1.ts'
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isDNS1035Label, isQualifiedName } from '../../apimachinery/names.ts'
import { labelSelector } from '../validation/label-selector.ts'
import { admissionEnvironment, type Environment, expressionErrors, typeOfExpression } from './expressions.ts'
import { conditionErrors, matchErrors } from './rules.ts'

const POLICIES = ['Fail', 'Ignore']
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

function failurePolicyErrors(policy: string | undefined): FieldError[] {
  if (policy === undefined) return [required('spec.failurePolicy')]
  return POLICIES.includes(policy) ? [] : [notSupported('spec.failurePolicy', policy, POLICIES)]
}

function paramKindErrors(paramKind: ParamKind | undefined): FieldError[] {
  if (paramKind === undefined) return []
  const errors: FieldError[] = []
  const { apiVersion = '', kind = '' } = paramKind
  if (apiVersion === '') errors.push(required('spec.paramKind.apiVersion'))
  else if (apiVersion.split('/').length > 2)
    errors.push(invalid('spec.paramKind.apiVersion', apiVersion, `unexpected GroupVersion string: ${apiVersion}`))
  if (kind === '') errors.push(required('spec.paramKind.kind'))
  else {
    const wrong = isDNS1035Label(kind.toLowerCase())
    if (wrong.length > 0)
      errors.push(invalid('spec.paramKind.kind', kind, `may have mixed case, but should otherwise match: ${wrong.join(',')}`))
  }
  return errors
}

/** Each variable sees those before it; answers the environment that sees them all. */
function declare(variables: readonly Variable[], conditions: Environment, hasParams: boolean, errors: FieldError[]): Environment {
  if (variables.length === 0) return conditions
  const types: Record<string, string> = {}
  const environmentWith = () => {
    const environment = admissionEnvironment({ hasParams })
    environment.registerType('Variables', { fields: { ...types } })
    environment.registerVariable('variables', 'Variables')
    return environment
  }
  for (const [i, { name, expression }] of variables.entries()) {
    const at = `spec.variables[${i}]`
    if (!name) errors.push(required(`${at}.name`, 'name is not specified'))
    else if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) errors.push(invalid(`${at}.name`, name, 'must be a valid CEL identifier'))
    const environment = environmentWith()
    const own = expressionErrors(expression, `${at}.expression`, environment, [], 'expression is not specified').filter(
      // Any type will do.
      error => !error.message.includes('must evaluate to'),
    )
    errors.push(...own)
    if (/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name ?? ''))
      types[name] = own.length > 0 ? 'dyn' : plainType(typeOfExpression(expression, environment))
  }
  return environmentWith()
}

/** Types of the interpreter that another environment knows too. */
const plainType = (type: string): string => (/^(?:int|uint|double|bool|string|bytes)$/.test(type) ? type : 'dyn')

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
  const errors: FieldError[] = []
  const { policyName, paramRef, matchResources, validationActions = [] } = spec
  if (!policyName) errors.push(required('spec.policyName'))
  errors.push(...paramRefErrors(paramRef))
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

function paramRefErrors(ref: ParamRef | undefined): FieldError[] {
  if (ref === undefined) return []
  const errors: FieldError[] = []
  const { name, selector, parameterNotFoundAction } = ref
  if (name && selector !== undefined) {
    const why = 'name and selector are mutually exclusive'
    errors.push(forbidden('spec.paramRef.name', why), forbidden('spec.paramRef.selector', why))
  } else if (!name && selector === undefined) errors.push(required('spec.paramRef', 'one of name or selector must be specified'))
  if (selector !== undefined) labelSelector(selector, 'spec.paramRef.selector', errors)
  if (parameterNotFoundAction === undefined || parameterNotFoundAction === '')
    errors.push(required('spec.paramRef.parameterNotFoundAction'))
  else if (!['Allow', 'Deny'].includes(parameterNotFoundAction)) {
    errors.push(notSupported('spec.paramRef.parameterNotFoundAction', parameterNotFoundAction, ['Allow', 'Deny']))
  }
  return errors
}

/** What can be told of a MutatingAdmissionPolicy without compiling what it makes. */
export function mutatingPolicyErrors({ spec }: MutatingAdmissionPolicy): FieldError[] {
  const errors: FieldError[] = []
  const { failurePolicy, paramKind, matchConstraints, mutations = [], reinvocationPolicy } = spec
  errors.push(...failurePolicyErrors(failurePolicy), ...paramKindErrors(paramKind))
  if (matchConstraints === undefined) errors.push(required('spec.matchConstraints'))
  else errors.push(...matchErrors(matchConstraints, 'spec.matchConstraints', true))
  if (mutations.length === 0) errors.push(required('spec.mutations', 'mutations must contain at least one item'))
  for (const [i, mutation] of mutations.entries()) errors.push(...mutationErrors(mutation, `spec.mutations[${i}]`))
  if (!reinvocationPolicy) errors.push(required('spec.reinvocationPolicy'))
  else if (!['IfNeeded', 'Never'].includes(reinvocationPolicy))
    errors.push(notSupported('spec.reinvocationPolicy', reinvocationPolicy, ['IfNeeded', 'Never']))
  return errors
}

const PATCH_TYPES = ['ApplyConfiguration', 'JSONPatch']

function mutationErrors({ patchType }: Mutation, field: string): FieldError[] {
  if (!patchType) return [required(`${field}.patchType`)]
  return PATCH_TYPES.includes(patchType) ? [] : [notSupported(`${field}.patchType`, patchType, PATCH_TYPES)]
}
