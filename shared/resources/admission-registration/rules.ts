// Rules about operations and resources, and what selects (pkg/apis/admissionregistration/validation).
import type { MatchCondition, MatchResources, NamedRuleWithOperations, RuleWithOperations } from '../../api/admissionregistration/v1.ts'
import { type FieldError, invalid, notSupported, required, tooMany } from '../../apimachinery/field-error.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { labelSelector } from '../validation/label-selector.ts'
import { type Environment, expressionErrors } from './expressions.ts'

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const SCOPES = ['*', 'Cluster', 'Namespaced']

export function ruleErrors(rule: RuleWithOperations & NamedRuleWithOperations, field: string, allowSubresources: boolean): FieldError[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule
  const errors: FieldError[] = []
  if (operations.length === 0) errors.push(required(`${field}.operations`))
  if (operations.length > 1 && operations.includes('*')) {
    errors.push(invalid(`${field}.operations`, operations, "if '*' is present, must not specify other operations"))
  }
  for (const [i, operation] of operations.entries()) {
    if (!OPERATIONS.includes(operation)) errors.push(notSupported(`${field}.operations[${i}]`, operation, OPERATIONS))
  }
  const list = (values: readonly string[], name: string, others: string) => {
    if (values.length === 0) errors.push(required(`${field}.${name}`))
    if (values.length > 1 && values.includes('*'))
      errors.push(invalid(`${field}.${name}`, values, `if '*' is present, must not specify other ${others}`))
  }
  list(apiGroups, 'apiGroups', 'API groups')
  list(apiVersions, 'apiVersions', 'API versions')
  for (const [i, version] of apiVersions.entries()) if (version === '') errors.push(required(`${field}.apiVersions[${i}]`))
  errors.push(...resourceErrors(resources, `${field}.resources`, allowSubresources))
  if (scope !== undefined && !SCOPES.includes(scope)) errors.push(notSupported(`${field}.scope`, scope, SCOPES))
  return errors
}

function resourceErrors(resources: readonly string[], field: string, allowSubresources: boolean): FieldError[] {
  const errors: FieldError[] = []
  if (resources.length === 0) errors.push(required(field))
  const ofAll = new Set<string>()
  const anyOf = new Set<string>()
  for (const [i, text] of resources.entries()) {
    const at = `${field}[${i}]`
    if (text === '') errors.push(required(at))
    const [resource = '', sub] = text.split('/')
    if (sub === undefined) continue
    if (!allowSubresources) errors.push(invalid(at, text, 'must not specify subresources'))
    if (ofAll.has(resource)) errors.push(invalid(at, text, `if '${resource}/*' is present, must not specify ${text}`))
    if (anyOf.has(sub)) errors.push(invalid(at, text, `if '*/${sub}' is present, must not specify ${text}`))
    if (sub === '*') ofAll.add(resource)
    if (resource === '*') anyOf.add(sub)
  }
  if (resources.length > 1 && resources.includes('*/*'))
    errors.push(invalid(field, resources, "if '*/*' is present, must not specify other resources"))
  if (resources.includes('*') && resources.some(text => text !== '*' && !text.includes('/'))) {
    errors.push(invalid(field, resources, "if '*' is present, must not specify other resources without subresources"))
  }
  return errors
}

export function matchErrors(match: MatchResources, field: string, needsRules: boolean): FieldError[] {
  const errors: FieldError[] = []
  const { matchPolicy, namespaceSelector, objectSelector, resourceRules = [], excludeResourceRules = [] } = match
  if (matchPolicy === undefined) errors.push(required(`${field}.matchPolicy`))
  else if (!['Equivalent', 'Exact'].includes(matchPolicy))
    errors.push(notSupported(`${field}.matchPolicy`, matchPolicy, ['Equivalent', 'Exact']))
  if (namespaceSelector !== undefined) labelSelector(namespaceSelector, `${field}.namespaceSelector`, errors)
  if (objectSelector !== undefined) labelSelector(objectSelector, `${field}.objectSelector`, errors)
  for (const [i, rule] of resourceRules.entries()) errors.push(...ruleErrors(rule, `${field}.resourceRules[${i}]`, true))
  for (const [i, rule] of excludeResourceRules.entries()) errors.push(...ruleErrors(rule, `${field}.excludeResourceRules[${i}]`, true))
  if (needsRules && resourceRules.length === 0) errors.push(required(`${field}.resourceRules`))
  return errors
}

const MOST_CONDITIONS = 64

export function conditionErrors(conditions: readonly MatchCondition[] | undefined, field: string, environment: Environment): FieldError[] {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  if ((conditions ?? []).length > MOST_CONDITIONS) errors.push(tooMany(field, (conditions ?? []).length, MOST_CONDITIONS))
  for (const [i, { name, expression }] of (conditions ?? []).entries()) {
    const at = `${field}[${i}]`
    errors.push(...expressionErrors(expression, `${at}.expression`, environment, ['bool']))
    if (!name) errors.push(required(`${at}.name`))
    else {
      errors.push(...isQualifiedName(name).map(why => invalid(`${at}.name`, name, why)))
      if (seen.has(name))
        errors.push({ type: 'FieldValueDuplicate', field: `${at}.name`, message: `Duplicate value: ${JSON.stringify(name)}` })
      seen.add(name)
    }
  }
  return errors
}
