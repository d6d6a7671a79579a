// matchConditions and the variables that expressions of admission see.
import type { MatchCondition, Variable } from '../../api/admissionregistration/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import { CelError, compile } from '../../apimachinery/cel/expression.ts'
import { type Ask, CelAuthorizer } from '../../apimachinery/cel/libraries/authorizer.ts'
import { untypedToCel } from '../../apimachinery/cel/types.ts'
import type { Authorizer } from '../../auth/types.ts'
import { namespaceOf } from '../attributes.ts'
import { NO_PARAMS, type Param } from './params.ts'
import { admissionRequest } from './request.ts'

export type Variables = Record<string, unknown>

export async function variablesOf(attributes: Attributes, authorizer: Authorizer): Promise<Variables> {
  const { object, old, endpoint, namespace } = attributes
  const namespaceObject = endpoint.definition.namespaced && namespace !== '' ? await namespaceOf(attributes) : undefined
  return {
    object: untypedToCel(object),
    oldObject: untypedToCel(old),
    request: untypedToCel(admissionRequest(attributes)),
    namespaceObject: untypedToCel(namespaceObject),
    authorizer: rightsOf(attributes, authorizer),
  }
}

/** Asks for the rights of who sent the request, unless an account is named. */
function rightsOf({ context, endpoint, subresource, namespace, name }: Attributes, authorizer: Authorizer): CelAuthorizer {
  const { group } = endpoint.collection
  const ask: Ask = ({ serviceAccount, ...question }) => {
    const user =
      serviceAccount === undefined
        ? context.user
        : {
            name: `system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`,
            groups: ['system:serviceaccounts', `system:serviceaccounts:${serviceAccount.namespace}`, 'system:authenticated'],
          }
    return authorizer.authorize({ ...question, user, isResource: question.path === '', version: '*' })
  }
  return new CelAuthorizer(ask, undefined, { group, resource: endpoint.resource, subresource, namespace, name })
}

/**
 * What a policy's own expressions see besides: its parameters, and its variables, each computed when it is first asked for. Those that ask
 * for rights are computed beforehand: the interpreter does not wait for a member.
 */
export async function policyVariables(base: Variables, declared: readonly Variable[], param: Param): Promise<Variables> {
  const variables: Variables = { ...base, ...(param === NO_PARAMS ? {} : { params: untypedToCel(param) }) }
  const values = new Map<string, unknown>()
  const failures = new Map<string, CelError>()
  const expressions = new Map(declared.map(({ name, expression }) => [name, expression]))
  const get = values.get.bind(values)
  values.get = name => {
    const failure = failures.get(name)
    if (failure !== undefined) throw failure
    if (!values.has(name)) {
      const expression = expressions.get(name)
      if (expression === undefined) return undefined
      values.set(name, compile(expression).evaluate(variables))
    }
    return get(name)
  }
  variables.variables = values
  const slow: string[] = []
  for (const { name, expression } of declared) {
    if (!/\bauthorizer\b/.test(expression) && !slow.some(other => new RegExp(`\\bvariables\\s*\\.\\s*${other}\\b`).test(expression)))
      continue
    slow.push(name)
    try {
      values.set(name, await compile(expression).evaluate(variables))
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      failures.set(name, error)
    }
  }
  return variables
}

/** Whether all hold; what went wrong where some could not be evaluated and none is false. */
export async function conditionsHold(conditions: readonly MatchCondition[] | undefined, variables: Variables): Promise<boolean | CelError> {
  const failures: string[] = []
  for (const { expression } of conditions ?? []) {
    try {
      if ((await compile(expression).evaluate(variables)) !== true) return false
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      failures.push(`expression '${expression}' resulted in error: ${error.message}`)
    }
  }
  if (failures.length === 0) return true
  return new CelError(failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`)
}
