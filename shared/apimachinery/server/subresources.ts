// Requests for subresources: parts of an object, its scale, and actions upon it.
import type { Target } from '../machinery.ts'
import { member } from '../objects.ts'
import type { Endpoint } from '../registry.ts'
import { bodyFormat, checkAccept, negotiate, patchType } from '../request/negotiation.ts'
import { parseWriteOptions } from '../request/options.ts'
import type { Action } from '../resource.ts'
import { answerPlain, headersOf, type Responder } from '../response/respond.ts'
import * as status from '../status-error.ts'
import { actOn } from '../verbs/action.ts'
import { decodeBody, type Expected, expectedOf } from '../verbs/decode.ts'
import { readBody } from './body.ts'
import { contextOf, type ResourceRequest, userAgent } from './call.ts'
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
  if (part === undefined) {
    const { handleScale } = await import('./scale.ts')
    return handleScale(call, target)
  }
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

function acceptedBody(action: Action, endpoint: Endpoint): Expected {
  const accepted = (action.accepts ?? []).map(({ group, version, kind, schema }) => ({
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind,
    schema,
  }))
  const [first, ...alternatives] = accepted
  return first === undefined ? expectedOf(endpoint) : { ...first, alternatives }
}
