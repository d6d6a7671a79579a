// Nobody reads through a policy's parameters what he may not read himself (pkg/registry/admissionregistration).
import type { ParamKind, ParamRef } from '../../api/admissionregistration/v1.ts'
import type { Attributes } from '../../apimachinery/admission.ts'
import type { UserInfo } from '../../apimachinery/context.ts'
import { forbidden } from '../../apimachinery/field-error.ts'
import { equal } from '../../apimachinery/objects.ts'
import type { Registry } from '../../apimachinery/registry.ts'
import { invalid } from '../../apimachinery/status-error.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { type Authorizer, MASTERS } from '../../auth/types.ts'
import { GROUP } from './sources.ts'

interface Configuration extends KubeObject {
  readonly spec?: { readonly paramKind?: ParamKind; readonly paramRef?: ParamRef; readonly policyName?: string }
}

interface Reading {
  readonly verb: string
  readonly namespace: string
  readonly name: string
}

/** @throws StatusError for policies and bindings that name what their writer may not read */
export async function checkParamAccess(attributes: Attributes, registry: Registry, authorizer: Authorizer): Promise<void> {
  const { endpoint, name, context } = attributes
  const spec = (attributes.object as Configuration | undefined)?.spec
  const old = (attributes.old as Configuration | undefined)?.spec
  const { user } = context
  if (spec === undefined || user.groups.includes(MASTERS)) return
  const { paramKind, paramRef, policyName } = spec
  const refuse = (field: string, why: string) => invalid(endpoint.definition.group, endpoint.kind, name, [forbidden(field, why)])
  const may = async (kind: ParamKind | undefined, reading: Reading) => {
    const resource = await resourceOf(kind, registry)
    const decision = await authorizer.authorize({ user, isResource: true, path: '', subresource: '', ...resource, ...reading })
    return decision.allowed
  }
  if (paramKind !== undefined && !equal(paramKind, old?.paramKind)) {
    if (await may(paramKind, { verb: 'get', namespace: '*', name: '*' })) return
    const what = `kind=${paramKind.kind}, apiVersion=${paramKind.apiVersion}`
    throw refuse('spec.paramKind', `user ${shown(user)} must have "get" permission on all objects of the referenced paramKind (${what})`)
  }
  if (paramRef !== undefined && !(equal(paramRef, old?.paramRef) && policyName === old?.policyName)) {
    const policies = { group: GROUP, resource: endpoint.resource.replace(/policybindings$/, 'policies') }
    const policy = await context.read.get<Configuration>(policies, undefined, policyName ?? '')
    const verb = paramRef.name ? 'get' : 'list'
    if (await may(policy?.spec?.paramKind, { verb, namespace: paramRef.namespace || '*', name: paramRef.name || '*' })) return
    throw refuse('spec.paramRef', `user ${shown(user)} does not have "${verb}" permission on the object referenced by paramRef`)
  }
}

/** Everything, as long as it cannot be told. */
async function resourceOf(kind: ParamKind | undefined, registry: Registry) {
  if (kind === undefined) return { group: '*', version: '*', resource: '*' }
  const { apiVersion = '' } = kind
  const slash = apiVersion.indexOf('/')
  await registry.refresh()
  const found = registry.findKind(apiVersion, kind.kind ?? '')
  return { group: apiVersion.slice(0, Math.max(slash, 0)), version: apiVersion.slice(slash + 1), resource: found?.resource ?? '*' }
}

/** As Go prints its type. */
function shown({ name, uid = '', groups, extra = {} }: UserInfo): string {
  const more = Object.entries(extra).map(([key, values]) => `${key}:[${values.join(' ')}]`)
  return `&{${name} ${uid} [${groups.join(' ')}] map[${more.join(' ')}]}`
}
