// The objects that a policy's binding hands to it as its parameters (k8s.io/apiserver/pkg/admission/plugin/policy/generic).
import type { ParamKind, ParamRef } from '../../api/admissionregistration/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import { matchesSelector } from '../../apimachinery/label-selector.ts'
import type { Registry } from '../../apimachinery/registry.ts'
import type { KubeObject } from '../../apimachinery/types.ts'

/** The policy has no parameters. */
export const NO_PARAMS: unique symbol = Symbol('no parameters')
/** Undefined: the policy has some, and the binding names none. */
export type Param = KubeObject | undefined | typeof NO_PARAMS

/** They cannot be told. `ofPolicy`: whatever the binding. */
export class ParamsError extends Error {
  override readonly name = 'ParamsError'
  readonly ofPolicy: boolean
  constructor(message: string, ofPolicy = false) {
    super(`failed to configure ${ofPolicy ? 'policy' : 'binding'}: ${message}`)
    this.ofPolicy = ofPolicy
  }
}

/** The policy is applied once for each; empty: not at all. @throws ParamsError */
export async function paramsOf(
  kind: ParamKind | undefined,
  ref: ParamRef | undefined,
  { context, namespace }: Attributes,
  registry: Registry,
): Promise<readonly Param[]> {
  if (kind === undefined) return [NO_PARAMS]
  if (ref === undefined) return [undefined]
  const { apiVersion = '', kind: name = '' } = kind
  let endpoint = registry.findKind(apiVersion, name)
  if (endpoint === undefined) {
    await registry.refresh()
    endpoint = registry.findKind(apiVersion, name)
  }
  if (endpoint === undefined) {
    const shown = `${apiVersion.includes('/') ? '' : '/'}${apiVersion}, Kind=${name}`
    throw new ParamsError(`failed to find resource referenced by paramKind: '${shown}'`, true)
  }
  const { namespaced } = endpoint.definition
  if (!namespaced && ref.namespace) throw new ParamsError('paramRef.namespace must not be provided for a cluster-scoped `paramKind`')
  const where = namespaced ? ref.namespace || namespace : undefined
  if (where === '') throw new ParamsError('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources')
  const found = ref.name
    ? [await context.read.get<KubeObject>(endpoint.collection, where, ref.name)].filter(one => one !== undefined)
    : (await context.read.list<KubeObject>(endpoint.collection, where)).filter(({ metadata }) =>
        matchesSelector(ref.selector, metadata.labels),
      )
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny')
    throw new ParamsError('no params found for policy binding with `Deny` parameterNotFoundAction')
  return found
}
