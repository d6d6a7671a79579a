// ValidatingAdmissionPolicies (k8s.io/apiserver/pkg/admission/plugin/policy/validating).
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, Validation } from '../../api/admissionregistration/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import { CelError, compile } from '../../apimachinery/cel/expression.ts'
import type { Registry } from '../../apimachinery/registry.ts'
import { forbidden, StatusError, type StatusReason } from '../../apimachinery/status-error.ts'
import type { Authorizer } from '../../auth/types.ts'
import { conditionsHold, policyVariables, type Variables, variablesOf } from './conditions.ts'
import { matches, ofMatchResources } from './match.ts'
import { type Param, ParamsError, paramsOf } from './params.ts'
import type { Sources } from './sources.ts'

interface Denial {
  readonly message: string
  readonly reason: string
}

const CODES: Readonly<Record<string, number>> = { Unauthorized: 401, Forbidden: 403, Invalid: 422, RequestEntityTooLarge: 413 }

/** @throws StatusError when a policy denies */
export async function applyPolicies(attributes: Attributes, sources: Sources, registry: Registry, authorizer: Authorizer): Promise<void> {
  const bindings = sources.list<ValidatingAdmissionPolicyBinding>('validatingadmissionpolicybindings')
  const denials: StatusError[] = []
  for (const policy of sources.list<ValidatingAdmissionPolicy>('validatingadmissionpolicies')) {
    const own = bindings.filter(({ spec }) => spec.policyName === policy.metadata.name)
    if (own.length === 0 || !(await matches(ofMatchResources(policy.spec.matchConstraints), attributes))) continue
    for (const binding of own) {
      if (binding.spec.matchResources !== undefined && !(await matches(ofMatchResources(binding.spec.matchResources), attributes))) continue
      for (const denial of await decide(policy, binding, attributes, registry, authorizer)) {
        const who = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}'`
        const actions = binding.spec.validationActions ?? []
        if (actions.includes('Deny')) denials.push(denied(`${who} denied request: ${denial.message}`, denial.reason, attributes))
        else if (actions.includes('Warn')) attributes.context.warn(`Validation failed for ${who}: ${denial.message}`)
      }
    }
  }
  if (denials[0] !== undefined) throw denials[0]
}

function denied(message: string, reason: string, { endpoint, name }: Attributes): StatusError {
  const error = forbidden(endpoint.collection, name, message)
  const details = { ...error.status.details, causes: [{ message }] } as NonNullable<typeof error.status.details>
  return new StatusError(CODES[reason] ?? 422, reason as StatusReason, error.message, details)
}

async function decide(
  policy: ValidatingAdmissionPolicy,
  binding: ValidatingAdmissionPolicyBinding,
  attributes: Attributes,
  registry: Registry,
  authorizer: Authorizer,
): Promise<Denial[]> {
  const { paramKind, failurePolicy } = policy.spec
  const isIgnored = failurePolicy === 'Ignore'
  const variables = await variablesOf(attributes, authorizer)
  let params: readonly Param[]
  try {
    params = await paramsOf(paramKind, binding.spec.paramRef, attributes, registry)
  } catch (error) {
    if (!(error instanceof ParamsError)) throw error
    return isIgnored ? [] : [{ message: error.message, reason: 'Invalid' }]
  }
  const denials: Denial[] = []
  for (const param of params) denials.push(...(await evaluate(policy, param, variables, isIgnored)))
  return denials
}

async function evaluate(policy: ValidatingAdmissionPolicy, param: Param, base: Variables, isIgnored: boolean): Promise<Denial[]> {
  const { spec } = policy
  const variables = await policyVariables(base, spec.variables ?? [], param)
  const holds = await conditionsHold(spec.matchConditions, variables)
  if (holds === false) return []
  if (holds !== true) return isIgnored ? [] : [{ message: holds.message, reason: 'Invalid' }]
  const denials: Denial[] = []
  for (const validation of spec.validations ?? []) {
    const reason = validation.reason || 'Invalid'
    try {
      if ((await compile(validation.expression).evaluate(variables)) === true) continue
      denials.push({ message: await messageOf(validation, variables), reason })
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      if (!isIgnored)
        denials.push({ message: `expression '${validation.expression}' resulted in error: ${error.message}`, reason: 'Invalid' })
    }
  }
  return denials
}

async function messageOf({ expression, message, messageExpression }: Validation, variables: Variables): Promise<string> {
  if (messageExpression) {
    try {
      const made = await compile(messageExpression).evaluate(variables)
      if (typeof made === 'string' && made.trim() !== '' && !made.includes('\n')) return made.trim()
    } catch (error) {
      if (!(error instanceof CelError)) throw error
    }
  }
  return message ? message.trim() : `failed expression: ${expression.trim()}`
}
