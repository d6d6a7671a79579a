// ValidatingAdmissionPolicies (k8s.io/apiserver/pkg/admission/plugin/policy/validating).
import type {
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
  Variable,
} from '../../api/admissionregistration/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import { CelError, compile } from '../../apimachinery/cel/expression.ts'
import { untypedToCel } from '../../apimachinery/cel/types.ts'
import { matchesSelector } from '../../apimachinery/label-selector.ts'
import type { Registry } from '../../apimachinery/registry.ts'
import { forbidden, StatusError, type StatusReason } from '../../apimachinery/status-error.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import type { Authorizer } from '../../auth/types.ts'
import { conditionsHold, type Variables, variablesOf } from './conditions.ts'
import { matches, ofMatchResources } from './match.ts'
import type { Sources } from './sources.ts'

interface Denial {
  readonly message: string
  readonly reason: string
}

/** Nothing to refer to: the policy has no parameters. */
const NO_PARAMS = Symbol('no parameters')
type Param = KubeObject | undefined | typeof NO_PARAMS

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
  let params: readonly Param[] | string = [NO_PARAMS]
  if (paramKind !== undefined) params = await paramsOf(paramKind, binding.spec.paramRef, attributes, registry)
  if (typeof params === 'string') return isIgnored ? [] : [{ message: `failed to configure binding: ${params}`, reason: 'Invalid' }]
  const denials: Denial[] = []
  for (const param of params) denials.push(...(await evaluate(policy, param, variables, isIgnored)))
  return denials
}

async function evaluate(policy: ValidatingAdmissionPolicy, param: Param, base: Variables, isIgnored: boolean): Promise<Denial[]> {
  const { spec } = policy
  const variables: Variables = { ...base, ...(param === NO_PARAMS ? {} : { params: untypedToCel(param) }) }
  variables.variables = lazyVariables(spec.variables ?? [], variables)
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

/** A variable is computed when it is first asked for. */
function lazyVariables(declared: readonly Variable[], variables: Variables): Map<string, unknown> {
  const values = new Map<string, unknown>()
  const expressions = new Map(declared.map(({ name, expression }) => [name, expression]))
  const get = values.get.bind(values)
  values.get = name => {
    if (!values.has(name)) {
      const expression = expressions.get(name)
      if (expression === undefined) return undefined
      values.set(name, compile(expression).evaluate(variables))
    }
    return get(name)
  }
  return values
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

/** The objects that a binding refers to, or why there are none. */
async function paramsOf(
  kind: ParamKind,
  ref: ParamRef | undefined,
  { context, namespace }: Attributes,
  registry: Registry,
): Promise<readonly Param[] | string> {
  if (ref === undefined) return [undefined]
  let endpoint = registry.findKind(kind.apiVersion ?? '', kind.kind ?? '')
  if (endpoint === undefined) {
    await registry.refresh()
    endpoint = registry.findKind(kind.apiVersion ?? '', kind.kind ?? '')
  }
  if (endpoint === undefined) return `failed to find resource referenced by paramKind: '${kind.apiVersion}, Kind=${kind.kind}'`
  const where = endpoint.definition.namespaced ? ref.namespace || namespace : undefined
  if (where === '') return 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources'
  const found = ref.name
    ? [await context.read.get<KubeObject>(endpoint.collection, where, ref.name)].filter(one => one !== undefined)
    : (await context.read.list<KubeObject>(endpoint.collection, where)).filter(({ metadata }) =>
        matchesSelector(ref.selector, metadata.labels),
      )
  if (found.length > 0) return found
  return ref.parameterNotFoundAction === 'Deny' ? 'no params found for policy binding with `Deny` parameterNotFoundAction' : []
}
