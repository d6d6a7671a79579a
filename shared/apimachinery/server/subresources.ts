// Requests for subresources: parts of an object, its scale, and actions upon it.
import type { RequestContext } from '../context.ts'
import type { Machinery, Target } from '../machinery.ts'
import { clone, member } from '../objects.ts'
import type { Endpoint } from '../registry.ts'
import { bodyFormat, checkAccept, negotiate, patchType } from '../request/negotiation.ts'
import { parseWriteOptions } from '../request/options.ts'
import type { Action } from '../resource.ts'
import { answerObject, answerPlain, headersOf, type Responder } from '../response/respond.ts'
import { findSchema } from '../schema/schemas.ts'
import * as status from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { checkNamespace } from '../verbs/create.ts'
import { decodeBody, type Expected, expectedOf } from '../verbs/decode.ts'
import { getObject } from '../verbs/list.ts'
import { parsePatch } from '../verbs/patch.ts'
import { patchScale, SCALE, SCALE_ENDPOINT, type Scale, scaleOf, updateScale } from '../verbs/scale.ts'
import { checkName } from '../verbs/update.ts'
import { readBody } from './body.ts'
import { contextOf, type ResourceRequest, TRANSFORMS, userAgent } from './call.ts'
import { answerGet, answerPatch, answerUpdate } from './single.ts'

const METHODS: Readonly<Record<string, string>> = { create: 'POST', get: 'GET', update: 'PUT', patch: 'PATCH', delete: 'DELETE' }

/** @throws StatusError */
export async function handleSubresource(call: ResourceRequest, target: Target): Promise<Response> {
  const { info, request } = call
  const { definition } = target.endpoint
  const { subresource } = info
  const found = member(definition.actions, subresource)
  const action = found?.servedIn?.includes(target.endpoint.apiVersion) === false ? undefined : found
  if (action !== undefined && (info.rest === '' || info.rest === '/' || action.anyPath === true)) return handleAction(call, target, action)
  if (definition.custom) checkCustom(call, target)
  if (info.rest !== '' && info.rest !== '/') throw status.unknownPath()
  const named = member(definition.parts, subresource)
  const part = named?.internal === true ? undefined : named
  const verbs: readonly string[] | undefined =
    subresource === 'scale' && definition.scale !== undefined
      ? ['get', 'patch', 'update']
      : part && !part.internal
        ? (part.verbs ?? ['get', 'patch', 'update'])
        : undefined
  if (verbs === undefined) throw status.unknownPath()
  if (!verbs.includes(info.verb) || member(METHODS, info.verb) !== request.method) throw status.badMethod()
  if (request.method === 'PATCH') patchType(request.headers.get('content-type'))
  checkAccept(request)
  if (part === undefined) return handleScale(call, target)
  if (info.verb === 'get') return answerGet(call, target)
  return info.verb === 'update' ? answerUpdate(call, target, subresource) : answerPatch(call, target, subresource)
}

/** Custom resources answer in words of their own for what they have not. @throws StatusError 404, 405 */
function checkCustom({ info, request }: ResourceRequest, { endpoint, name }: Target): void {
  const { definition, collection } = endpoint
  const { subresource } = info
  const isServed = subresource === 'scale' ? definition.scale !== undefined : member(definition.parts, subresource) !== undefined
  if (!isServed) throw status.notFound(collection, name)
  const verb = member(VERBS, request.method)
  if (verb !== undefined) throw status.methodNotAllowed(collection, verb)
}

const VERBS: Readonly<Record<string, string>> = { POST: 'create', DELETE: 'delete' }

async function handleScale(call: ResourceRequest, target: Target): Promise<Response> {
  const { machinery, request, query, responder } = call
  const strategy = target.endpoint.definition.scale
  if (strategy === undefined) throw status.unknownPath()
  const negotiated = negotiate(request, query, TRANSFORMS)
  const answer = (parent: KubeObject) => answerObject(responder, negotiated, 200, scaleOf(parent, strategy), SCALE_ENDPOINT)
  if (request.method === 'GET') return answer(await getObject(machinery, target))
  if (request.method === 'PUT') {
    const format = bodyFormat(request.headers.get('content-type'))
    const body = await readBody(request)
    const context = contextOf(call, parseWriteOptions('UpdateOptions', query, userAgent(request)))
    const scale = decodeBody(machinery.engines, body, format, scaleBody(target.endpoint), context) as Scale
    checkName(scale, target)
    checkNamespace(scale, target)
    return answer((await updateScale(machinery, target, strategy, { retries: 0, desired: () => clone(scale) }, context)).object)
  }
  const type = patchType(request.headers.get('content-type'))
  const body = await readBody(request)
  const options = parseWriteOptions('PatchOptions', query, userAgent(request), type === 'apply')
  const context = contextOf(call, options)
  const parsed = parsePatch(machinery.engines, type, body, options.force ?? false)
  return answer((await patchScale(machinery, target, strategy, parsed, context)).object)
}

/** Clients of versions that had a Scale of their own send that one; they are answered in the one that discovery tells of. */
function scaleBody({ group, version, storage, apiVersion }: Endpoint): Expected {
  const schema = `io.k8s.api.${group}.${version.version}.Scale`
  if (version === storage || findSchema(schema) === undefined) return SCALE
  return { ...SCALE, alternatives: [{ apiVersion, kind: SCALE.kind, schema }] }
}

async function handleAction(call: ResourceRequest, target: Target, action: Action): Promise<Response> {
  const { request, query, info, machinery, responder } = call
  const { method } = request
  const verb = method === 'POST' ? 'create' : method === 'PUT' ? 'update' : method.toLowerCase()
  if (!action.verbs.includes(verb) && !(action.anyPath && ['HEAD', 'OPTIONS'].includes(method))) throw status.badMethod()
  const actionCall = { namespace: target.namespace, name: target.name, query, path: info.rest }
  if (action.create === undefined) {
    if (action.connect === undefined) throw status.badMethod()
    return withHeaders(await action.connect(actionCall, request, contextOf(call)), responder)
  }
  checkAccept(request)
  const negotiated = negotiate(request, query)
  const format = bodyFormat(request.headers.get('content-type'))
  const body = await readBody(request)
  const context = contextOf(call, parseWriteOptions('CreateOptions', query, userAgent(request)))
  const object = decodeBody(machinery.engines, body, format, acceptedBody(action, target.endpoint), context)
  const answer = await actOn(machinery, target, info.subresource, action, object, actionCall, context)
  return answerPlain(responder, negotiated, 201, answer)
}

/** What every answer carries, also one that somebody else made. */
function withHeaders(response: Response, responder: Responder): Response {
  const headers = headersOf(responder, response.headers.get('content-type') ?? 'application/json')
  for (const [name, value] of response.headers) {
    if (name === 'set-cookie') headers.append(name, value)
    else headers.set(name, value)
  }
  if (!response.headers.has('content-type')) headers.delete('content-type')
  return new Response(response.body, { status: response.status, headers })
}

export function acceptedBody(action: Action, endpoint: Endpoint): Expected {
  const accepted = (action.accepts ?? []).map(({ group, version, kind, schema }) => ({
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind,
    schema,
  }))
  const [first, ...alternatives] = accepted
  return first === undefined ? expectedOf(endpoint) : { ...first, alternatives }
}

export async function actOn(
  machinery: Machinery,
  target: Target,
  subresource: string,
  action: Action,
  body: KubeObject,
  actionCall: Parameters<NonNullable<Action['create']>>[0],
  context: RequestContext,
): Promise<KubeObject> {
  if (action.create === undefined) throw status.badMethod()
  const attributes = {
    operation: 'CREATE' as const,
    endpoint: target.endpoint,
    subresource,
    namespace: target.namespace,
    name: target.name,
    object: body,
    context,
  }
  await machinery.admission.mutate(attributes)
  await machinery.admission.validate(attributes)
  return action.create(actionCall, body, context)
}
