// matchConditions and the variables that expressions of admission see.
import type { MatchCondition } from '../../api/admissionregistration/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import { CelError, compile } from '../../apimachinery/cel/expression.ts'
import { CelAuthorizer } from '../../apimachinery/cel/libraries/authorizer.ts'
import { untypedToCel } from '../../apimachinery/cel/types.ts'
import type { Authorizer } from '../../auth/types.ts'
import { namespaceOf } from '../attributes.ts'
import { admissionRequest } from './request.ts'

export type Variables = Record<string, unknown>

export async function variablesOf(attributes: Attributes, authorizer: Authorizer): Promise<Variables> {
  const { object, old, context, endpoint, namespace } = attributes
  const namespaceObject = endpoint.definition.namespaced && namespace !== '' ? await namespaceOf(attributes) : undefined
  return {
    object: untypedToCel(object),
    oldObject: untypedToCel(old),
    request: untypedToCel(admissionRequest(attributes)),
    namespaceObject: untypedToCel(namespaceObject),
    authorizer: new CelAuthorizer(({ serviceAccount, ...question }) => {
      const user =
        serviceAccount === undefined
          ? context.user
          : {
              name: `system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`,
              groups: ['system:serviceaccounts', `system:serviceaccounts:${serviceAccount.namespace}`, 'system:authenticated'],
            }
      return authorizer.authorize({ ...question, user, isResource: question.path === '', version: '*' })
    }),
  }
}

/** Whether all hold. 'error': one could not be evaluated, and none of the others is false. */
export async function conditionsHold(conditions: readonly MatchCondition[] | undefined, variables: Variables): Promise<boolean | CelError> {
  let failure: CelError | undefined
  for (const { expression } of conditions ?? []) {
    try {
      if ((await compile(expression).evaluate(variables)) !== true) return false
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      failure ??= error
    }
  }
  return failure ?? true
}
