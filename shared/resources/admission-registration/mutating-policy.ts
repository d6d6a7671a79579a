// MutatingAdmissionPolicies and their bindings.
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
} from '../../api/admissionregistration/v1.ts'
import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { admissionEnvironment, type Environment, patchErrors } from './expressions.ts'
import { declare, failurePolicyErrors, paramKindErrors, paramRefErrors, policyNameErrors } from './policy-parts.ts'
import { conditionErrors, matchErrors } from './rules.ts'

export function mutatingPolicyErrors({ spec }: MutatingAdmissionPolicy): FieldError[] {
  const { failurePolicy, paramKind, matchConstraints, matchConditions, variables = [], mutations = [], reinvocationPolicy } = spec
  const errors: FieldError[] = [...failurePolicyErrors(failurePolicy), ...paramKindErrors(paramKind)]
  if (matchConstraints === undefined) errors.push(required('spec.matchConstraints'))
  else
    errors.push(
      ...matchErrors(matchConstraints, 'spec.matchConstraints', true),
      ...operationErrors(matchConstraints, 'spec.matchConstraints'),
    )
  const environment = admissionEnvironment({ hasParams: paramKind !== undefined })
  errors.push(...conditionErrors(matchConditions, 'spec.matchConditions', environment))
  const declared = declare(variables, environment, paramKind !== undefined, errors)
  if (mutations.length === 0) errors.push(required('spec.mutations', 'mutations must contain at least one item'))
  for (const [i, mutation] of mutations.entries()) errors.push(...mutationErrors(mutation, `spec.mutations[${i}]`, declared))
  if (!reinvocationPolicy) errors.push(required('spec.reinvocationPolicy'))
  else if (!['IfNeeded', 'Never'].includes(reinvocationPolicy))
    errors.push(notSupported('spec.reinvocationPolicy', reinvocationPolicy, ['IfNeeded', 'Never']))
  return errors
}

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'UPDATE']

/** There is nothing to change about what is deleted. */
function operationErrors({ resourceRules = [] }: MatchResources, field: string): FieldError[] {
  return resourceRules
    .flatMap(({ operations = [] }) => operations)
    .filter(operation => !OPERATIONS.includes(operation))
    .map(operation => notSupported(`${field}.resourceRules.operations`, operation, OPERATIONS))
}

type Member = 'applyConfiguration' | 'jsonPatch'

/** `makes`: the type that the expression must have. */
const MEMBERS: Readonly<Record<string, { readonly own: Member; readonly other: Member; readonly makes: string }>> = {
  ApplyConfiguration: { own: 'applyConfiguration', other: 'jsonPatch', makes: 'Object' },
  JSONPatch: { own: 'jsonPatch', other: 'applyConfiguration', makes: 'list<JSONPatch>' },
}

function mutationErrors(mutation: Mutation, field: string, environment: Environment): FieldError[] {
  const { patchType } = mutation
  if (!patchType) return [required(`${field}.patchType`)]
  const members = MEMBERS[patchType]
  if (members === undefined) return [notSupported(`${field}.patchType`, patchType, Object.keys(MEMBERS))]
  const { own, other, makes } = members
  const patch = mutation[own]
  const errors =
    patch === undefined
      ? [required(`${field}.${own}`, `must be specified when patchType is ${patchType}`)]
      : patchErrors(patch.expression, `${field}.${own}.expression`, environment, makes)
  if (mutation[other] !== undefined)
    errors.push(invalid(`${field}.${other}`, `{${other}}`, `must not be specified when patchType is ${patchType}`))
  return errors
}

export function mutatingBindingErrors({ spec }: MutatingAdmissionPolicyBinding): FieldError[] {
  const { policyName, paramRef, matchResources } = spec
  const errors: FieldError[] = [...policyNameErrors(policyName), ...paramRefErrors(paramRef)]
  if (matchResources !== undefined)
    errors.push(...matchErrors(matchResources, 'spec.matchResources', false), ...operationErrors(matchResources, 'spec.matchResources'))
  return errors
}
