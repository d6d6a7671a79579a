// What ValidatingAdmissionPolicies and MutatingAdmissionPolicies have alike (pkg/apis/admissionregistration/validation).
import type { ParamKind, ParamRef, Variable } from '../../api/admissionregistration/v1.ts'
import { isIdentifier } from '../../apimachinery/cel/types.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { isDNS1035Label, isDNS1123Subdomain } from '../../apimachinery/names.ts'
import { labelSelector } from '../validation/label-selector.ts'
import { admissionEnvironment, type Environment, expressionErrors, typeOfExpression } from './expressions.ts'

const POLICIES = ['Fail', 'Ignore']

export function failurePolicyErrors(policy: string | undefined): FieldError[] {
  if (policy === undefined) return [required('spec.failurePolicy')]
  return POLICIES.includes(policy) ? [] : [notSupported('spec.failurePolicy', policy, POLICIES)]
}

export function paramKindErrors(paramKind: ParamKind | undefined): FieldError[] {
  if (paramKind === undefined) return []
  const errors: FieldError[] = []
  const { apiVersion = '', kind = '' } = paramKind
  if (apiVersion === '') errors.push(required('spec.paramKind.apiVersion'))
  else errors.push(...groupVersionErrors(apiVersion, 'spec.paramKind.apiVersion'))
  if (kind === '') errors.push(required('spec.paramKind.kind'))
  else {
    const wrong = isDNS1035Label(kind.toLowerCase())
    if (wrong.length > 0)
      errors.push(invalid('spec.paramKind.kind', kind, `may have mixed case, but should otherwise match: ${wrong.join(',')}`))
  }
  return errors
}

function groupVersionErrors(text: string, field: string): FieldError[] {
  const parts = text.split('/')
  if (parts.length > 2) return [invalid(field, text, `unexpected GroupVersion string: ${text}`)]
  const [group, version] = parts.length === 2 ? parts : ['', text]
  const errors: FieldError[] = []
  const wrongGroup = group ? isDNS1123Subdomain(group) : []
  if (wrongGroup.length > 0) errors.push(invalid(field, group, wrongGroup.join(',')))
  const wrongVersion = version ? isDNS1035Label(version) : []
  if (!version) errors.push(invalid(field, text, 'version must be specified'))
  else if (wrongVersion.length > 0) errors.push(invalid(field, version, wrongVersion.join(',')))
  return errors
}

/** Each variable sees those before it; answers the environment that sees them all. */
export function declare(variables: readonly Variable[], conditions: Environment, hasParams: boolean, errors: FieldError[]): Environment {
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
    else if (!isIdentifier(name)) errors.push(invalid(`${at}.name`, name, 'must be a valid CEL identifier'))
    const environment = environmentWith()
    const own = expressionErrors(expression, `${at}.expression`, environment, [], 'expression is not specified').filter(
      // Any type will do.
      error => !error.message.includes('must evaluate to'),
    )
    errors.push(...own)
    if (isIdentifier(name ?? '')) types[name] = own.length > 0 ? 'dyn' : plainType(typeOfExpression(expression, environment))
  }
  return environmentWith()
}

/** Types of the interpreter that another environment knows too. */
const plainType = (type: string): string => (/^(?:int|uint|double|bool|string|bytes)$/.test(type) ? type : 'dyn')

export function policyNameErrors(name: string | undefined): FieldError[] {
  if (!name) return [required('spec.policyName')]
  return isDNS1123Subdomain(name).map(why => invalid('spec.policyName', name, why))
}

export function paramRefErrors(ref: ParamRef | undefined): FieldError[] {
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
