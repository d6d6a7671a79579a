// MutatingAdmissionPolicies (k8s.io/apiserver/pkg/admission/plugin/policy/mutating).
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, Mutation } from '../../api/admissionregistration/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import { CelError, compile } from '../../apimachinery/cel/expression.ts'
import { DecodeError } from '../../apimachinery/engines.ts'
import type { Registry } from '../../apimachinery/registry.ts'
import { schemaOf } from '../../apimachinery/schema/schemas.ts'
import { forbidden, StatusError, type StatusReason } from '../../apimachinery/status-error.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { conditionsHold, policyVariables, variablesOf } from './conditions.ts'
import { matches, ofMatchResources } from './match.ts'
import { NO_PARAMS, type Param, ParamsError, paramsOf } from './params.ts'
import { applyObject, MutationError, patchObject } from './patches.ts'
import { Round } from './reinvocation.ts'
import { decodePatched, replaceObject, schemaNameOf } from './replace.ts'
import type { DynamicServices } from './services.ts'

const PLUGIN = 'MutatingAdmissionPolicy'

/** A policy with a binding that chooses this request, and one of its parameters. */
interface Invocation {
  readonly policy: MutatingAdmissionPolicy
  readonly binding: MutatingAdmissionPolicyBinding
  readonly param: Param
}

interface Failure {
  readonly policy: MutatingAdmissionPolicy
  readonly message: string
  readonly reason: StatusReason
}

/**
 * In the order of their names; each sees what those before it made of the object. Which of them are meant is decided beforehand, by the
 * object as it came. One that fails leaves the object alone, and the request is refused in the end.
 * @throws StatusError
 */
export async function mutateByPolicies(attributes: Attributes, services: DynamicServices, registry: Registry): Promise<void> {
  const failures: Failure[] = []
  const invocations = await invocationsOf(attributes, services, registry, failures)
  const round = new Round(PLUGIN, attributes)
  let hasMutated = false
  for (const invocation of invocations) {
    const { failed, mutated } = await invoke(invocation, attributes, services, round)
    failures.push(...failed.map(message => failureOf(invocation.policy, invocation.binding, message, 'Invalid')))
    hasMutated ||= mutated
  }
  // Upstream asks even the last one again, whether or not its mutation changed anything.
  if (hasMutated) round.repeat()
  round.end(attributes)
  refuse(
    failures.filter(({ policy }) => policy.spec.failurePolicy !== 'Ignore'),
    attributes,
  )
}

const failureOf = (
  policy: MutatingAdmissionPolicy,
  binding: MutatingAdmissionPolicyBinding | undefined,
  message: string,
  reason: StatusReason,
): Failure => {
  const who =
    binding === undefined ? `policy "${policy.metadata.name}"` : `policy '${policy.metadata.name}' with binding '${binding.metadata.name}'`
  return { policy, message: `${who} denied request: ${message}`, reason }
}

async function invocationsOf(
  attributes: Attributes,
  { sources }: DynamicServices,
  registry: Registry,
  failures: Failure[],
): Promise<Invocation[]> {
  const bindings = sources.list<MutatingAdmissionPolicyBinding>('mutatingadmissionpolicybindings')
  const invocations: Invocation[] = []
  for (const policy of sources.list<MutatingAdmissionPolicy>('mutatingadmissionpolicies')) {
    const own = bindings.filter(({ spec }) => spec.policyName === policy.metadata.name)
    if (own.length === 0 || !(await matches(ofMatchResources(policy.spec.matchConstraints), attributes))) continue
    for (const binding of own) {
      const { paramRef, matchResources } = binding.spec
      if (matchResources !== undefined && !(await matches(ofMatchResources(matchResources), attributes))) continue
      try {
        const params = await paramsOf(policy.spec.paramKind, paramRef, attributes, registry)
        invocations.push(...params.map((param): Invocation => ({ policy, binding, param })))
      } catch (error) {
        if (!(error instanceof ParamsError)) throw error
        failures.push(failureOf(policy, error.ofPolicy ? undefined : binding, error.message, 'Forbidden'))
        if (error.ofPolicy) break
      }
    }
  }
  return invocations
}

interface Outcome {
  /** What went wrong. */
  readonly failed: readonly string[]
  /** One of its mutations went well. */
  readonly mutated: boolean
}

const NOTHING: Outcome = { failed: [], mutated: false }

async function invoke(invocation: Invocation, attributes: Attributes, services: DynamicServices, round: Round): Promise<Outcome> {
  const { spec } = invocation.policy
  const key = keyOf(invocation)
  if (!round.calls(key)) return NOTHING
  // The object is another one after each mutation, and so are the variables.
  const variables = async () => policyVariables(await variablesOf(attributes, services.authorizer), spec.variables ?? [], invocation.param)
  const holds = await conditionsHold(spec.matchConditions, await variables())
  if (holds === false || (holds !== true && spec.failurePolicy === 'Ignore')) return NOTHING
  if (holds !== true) return { failed: [holds.message], mutated: false }
  const failed: string[] = []
  let changed = false
  let mutated = false
  for (const mutation of spec.mutations ?? []) {
    try {
      const made = await evaluate(mutation, await variables())
      changed = mutate(mutation, made, attributes, services) || changed
      mutated = true
    } catch (error) {
      if (!(error instanceof MutationError)) throw error
      failed.push(error.message)
    }
  }
  round.called(key, { changed, ifNeeded: spec.reinvocationPolicy === 'IfNeeded' })
  return { failed, mutated }
}

function keyOf({ policy, binding, param }: Invocation): string {
  const { namespace = '', name = '' } = param === NO_PARAMS || param === undefined ? {} : param.metadata
  return [policy.metadata.name, binding.metadata.name, namespace, name].join(' ')
}

const expressionOf = ({ patchType, applyConfiguration, jsonPatch }: Mutation): string =>
  (patchType === 'JSONPatch' ? jsonPatch?.expression : applyConfiguration?.expression) ?? ''

/** @throws MutationError */
async function evaluate(mutation: Mutation, variables: Readonly<Record<string, unknown>>): Promise<unknown> {
  const expression = expressionOf(mutation)
  try {
    return await compile(expression, 'patch').evaluate(variables)
  } catch (error) {
    if (!(error instanceof CelError)) throw error
    throw new MutationError(`expression '${expression}' resulted in error: ${error.message}`)
  }
}

/** Answers whether the object is another one now. @throws MutationError, StatusError */
function mutate({ patchType }: Mutation, made: unknown, attributes: Attributes, { engines }: DynamicServices): boolean {
  const object = attributes.object as KubeObject
  if (patchType !== 'JSONPatch') {
    const merged = structuredClone(applyObject(object, made, schemaOf(schemaNameOf(attributes))))
    return replaceObject(
      attributes,
      decoded(merged, attributes, engines, message => new MutationError(message)),
    )
  }
  const patched = patchObject(object, made)
  return patched !== undefined && replaceObject(attributes, decoded(patched, attributes, engines, internal))
}

const internal = (message: string) =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })

function decoded(
  value: unknown,
  attributes: Attributes,
  engines: DynamicServices['engines'],
  wrong: (message: string) => Error,
): KubeObject {
  try {
    const { object, unknown } = decodePatched(value, attributes, engines)
    // Of custom resources nothing is refused: their schemas prune.
    if (unknown.length > 0 && attributes.endpoint.definition.custom !== true) throw wrong(`strict decoding error: ${unknown.join(', ')}`)
    return object
  } catch (error) {
    if (error instanceof DecodeError) throw wrong(error.message)
    throw error
  }
}

/** The first failure is the answer, all of them are its causes. */
function refuse(failures: readonly Failure[], { endpoint, name }: Attributes): void {
  const [first] = failures
  if (first === undefined) return
  const { details } = forbidden(endpoint.collection, name, first.message).status
  throw new StatusError(403, first.reason, first.message, { ...details, causes: failures.map(({ message }) => ({ message })) })
}
