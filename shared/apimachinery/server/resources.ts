// Requests for resources: from path and method to the verb, and back to an answer.
import type { RequestContext, UserInfo } from '../context.ts'
import { DecodeError } from '../engines.ts'
import { createReader, type Machinery, type Target } from '../machinery.ts'
import type { Endpoint } from '../registry.ts'
import {
  bodyFormat,
  checkAccept,
  type NegotiationOptions,
  negotiate,
  noExport,
  patchType,
  STREAMS,
  SUPPORTED,
} from '../request/negotiation.ts'
import {
  type DeleteOptions,
  parseDeleteQuery,
  parseListOptions,
  parseWriteOptions,
  validateDeleteOptions,
  type WriteQuery,
} from '../request/options.ts'
import type { RequestInfo } from '../request/request-info.ts'
import { type Action, ALL_VERBS, type Verb } from '../resource.ts'
import { answerList, answerObject, answerPlain, headersOf, type Responder } from '../response/respond.ts'
import { answerWatch } from '../response/watch-stream.ts'
import * as status from '../status-error.ts'
import { StatusError } from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { checkNamespace, createObject } from '../verbs/create.ts'
import { decodeBody, type Expected, expectedOf } from '../verbs/decode.ts'
import { deleteObject } from '../verbs/delete.ts'
import { getObject, listObjects } from '../verbs/list.ts'
import { parsePatch, patchObject } from '../verbs/patch.ts'
import { patchScale, SCALE, SCALE_ENDPOINT, type Scale, scaleOf, updateScale } from '../verbs/scale.ts'
import { checkName, updateObject } from '../verbs/update.ts'
import { watchObjects } from '../verbs/watch.ts'
import { readBody } from './body.ts'

export interface ResourceRequest {
  readonly machinery: Machinery
  readonly request: Request
  readonly info: RequestInfo
  readonly query: URLSearchParams
  readonly user: UserInfo
  readonly responder: Responder
  /** How long a watch may last at most (ms), so that it ends before the function that serves it. */
  readonly maxWatch: number
}

const notAllowed = () => new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
const TRANSFORMS: NegotiationOptions = { transforms: true }
const METHODS: Readonly<Record<string, string>> = { create: 'POST', get: 'GET', update: 'PUT', patch: 'PATCH', delete: 'DELETE' }

/** @throws StatusError */
export async function handleResource(call: ResourceRequest, endpoint: Endpoint): Promise<Response> {
  const { info, responder } = call
  const { definition } = endpoint
  const namespace = definition.resource === 'namespaces' && definition.group === '' ? '' : info.namespace
  if (definition.namespaced ? info.named && namespace === '' : namespace !== '') throw status.unknownPath()
  const target: Target = { endpoint, namespace, name: info.named ? info.name : '' }
  if (info.subresource !== '') return handleSubresource(call, target)
  checkMethod(call, target)
  if (endpoint.version.deprecation !== undefined) responder.warnings.add(endpoint.version.deprecation)
  if (call.request.method === 'PATCH') patchType(call.request.headers.get('content-type'))
  checkAccept(call.request, info.named ? SUPPORTED : [...SUPPORTED, ...STREAMS])
  if (call.query.has('export')) throw noExport()
  return handleVerb(call, target)
}

function checkMethod({ request, info }: ResourceRequest, { endpoint, namespace }: Target): void {
  const { definition } = endpoint
  const verbs = definition.verbs ?? ALL_VERBS
  const { method } = request
  let verb: Verb | undefined
  if (info.watchPrefix) verb = method === 'GET' ? 'watch' : undefined
  else if (info.named) verb = ({ GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const)[method]
  else if (method === 'GET') verb = 'list'
  else if (!definition.namespaced || namespace !== '') verb = ({ POST: 'create', DELETE: 'deletecollection' } as const)[method]
  if (verb === undefined || !verbs.includes(verb)) throw notAllowed()
}

function handleVerb(call: ResourceRequest, target: Target): Promise<Response> {
  const { info } = call
  switch (info.verb) {
    case 'get':
      return get(call, target)
    case 'list':
    case 'watch':
      return list(call, target)
    case 'create':
      return create(call, target)
    case 'update':
      return update(call, target, undefined)
    case 'patch':
      return patch(call, target, undefined)
    case 'delete':
      return remove(call, target)
    case 'deletecollection':
      return removeCollection(call, target)
    default:
      throw notAllowed()
  }
}

async function get(call: ResourceRequest, target: Target): Promise<Response> {
  const negotiated = negotiate(call.request, call.query, TRANSFORMS)
  const { definition } = target.endpoint
  if (definition.virtualList !== undefined) {
    const found = (await definition.virtualList(contextOf(call))).find(object => object.metadata.name === target.name)
    if (found === undefined) throw status.notFound(target.endpoint.collection, target.name)
    return answerObject(call.responder, negotiated, 200, found, target.endpoint)
  }
  const object = await getObject(call.machinery, target, call.query.get('resourceVersion') ?? '')
  return answerObject(call.responder, negotiated, 200, object, target.endpoint)
}

async function list(call: ResourceRequest, target: Target): Promise<Response> {
  const { machinery, query, info, responder } = call
  const { definition, collection } = target.endpoint
  const options = parseListOptions(query, info.watchPrefix)
  if (options.watch) {
    if (!(definition.verbs ?? ALL_VERBS).includes('watch')) throw status.methodNotAllowed(collection, 'watch')
    const negotiated = negotiate(call.request, query, { transforms: true, stream: true })
    if (negotiated.as?.kind === 'PartialObjectMetadataList') throw status.notAcceptable(STREAMS)
    const controller = new AbortController()
    const seconds = options.timeoutSeconds ?? 0
    const limit = seconds > 0 ? Math.min(seconds * 1000, call.maxWatch) : call.maxWatch
    const timer = setTimeout(() => controller.abort(), limit)
    timer.unref?.()
    const abort = () => {
      clearTimeout(timer)
      controller.abort()
    }
    call.request.signal.addEventListener('abort', abort)
    const events = await watchObjects(machinery, target, options, controller.signal, responder.now + limit)
    return answerWatch(responder, negotiated, events, target.endpoint, abort)
  }
  const negotiated = negotiate(call.request, query, TRANSFORMS)
  if (definition.virtualList !== undefined) {
    const items = await definition.virtualList(contextOf(call))
    return answerList(responder, negotiated, { items, resourceVersion: '' }, target.endpoint)
  }
  return answerList(responder, negotiated, await listObjects(machinery, target, options), target.endpoint)
}

const userAgent = (request: Request) => request.headers.get('user-agent') ?? ''

function contextOf(call: ResourceRequest, options?: Partial<WriteQuery>): RequestContext {
  const { machinery, responder, user, info } = call
  return {
    user,
    apiVersion: info.apiVersion,
    now: responder.now,
    dryRun: options?.dryRun ?? false,
    fieldManager: options?.fieldManager ?? '',
    fieldValidation: options?.fieldValidation ?? 'Warn',
    read: createReader(machinery.store),
    client: machinery.client,
    warn: text => responder.warnings.add(text),
  }
}

/** The object in a request's body, with defaults. */
async function bodyObject(
  call: ResourceRequest,
  endpoint: Endpoint,
  kind: 'CreateOptions' | 'UpdateOptions',
): Promise<[KubeObject, RequestContext]> {
  const { machinery, request, query } = call
  const format = bodyFormat(request.headers.get('content-type'))
  const body = await readBody(request)
  const context = contextOf(call, parseWriteOptions(kind, query, userAgent(request)))
  const object = decodeBody(machinery.engines, body, format, expectedOf(endpoint), context)
  machinery.engines.applyDefaults(object, endpoint.version.schema)
  endpoint.version.defaults?.(object)
  return [object, context]
}

async function create(call: ResourceRequest, target: Target): Promise<Response> {
  const { definition } = target.endpoint
  const negotiated = negotiate(call.request, call.query, definition.virtual === undefined ? TRANSFORMS : {})
  const [object, context] = await bodyObject(call, target.endpoint, 'CreateOptions')
  const created = await createObject(call.machinery, target, object, context)
  if (definition.virtual !== undefined && created.kind !== definition.kind) return answerPlain(call.responder, negotiated, 201, created)
  return answerObject(call.responder, negotiated, 201, created, target.endpoint)
}

async function update(call: ResourceRequest, target: Target, part: string | undefined): Promise<Response> {
  const negotiated = negotiate(call.request, call.query, TRANSFORMS)
  const [object, context] = await bodyObject(call, target.endpoint, 'UpdateOptions')
  checkName(object, target)
  // Whoever loses the race tries again with what was sent, which the first try has changed.
  const fresh = onceThenCopies(object)
  const { object: updated, created } = await updateObject(
    call.machinery,
    target,
    { part, uid: object.metadata.uid, desired: fresh },
    context,
  )
  return answerObject(call.responder, negotiated, created ? 201 : 200, updated, target.endpoint)
}

function onceThenCopies(object: KubeObject): () => KubeObject {
  let text: string | undefined
  return () => {
    if (text !== undefined) return JSON.parse(text) as KubeObject
    text = JSON.stringify(object)
    return object
  }
}

async function patch(call: ResourceRequest, target: Target, part: string | undefined): Promise<Response> {
  const { machinery, request, query } = call
  const type = patchType(request.headers.get('content-type'))
  const negotiated = negotiate(request, query, TRANSFORMS)
  const body = await readBody(request)
  const options = parseWriteOptions('PatchOptions', query, userAgent(request), type === 'apply')
  const context = contextOf(call, options)
  const parsed = parsePatch(machinery.engines, type, body, options.force ?? false)
  const { object, created } = await patchObject(machinery, target, part, parsed, context)
  return answerObject(call.responder, negotiated, created ? 201 : 200, object, target.endpoint)
}

const DELETE_OPTIONS = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'

/** From the body if there is one, otherwise from the query. */
async function deleteOptions(call: ResourceRequest): Promise<DeleteOptions> {
  const { machinery, request, query } = call
  const body = await readBody(request)
  let options: DeleteOptions
  if (body.length === 0) options = parseDeleteQuery(query)
  else options = decodeDeleteOptions(machinery, body, request.headers.get('content-type'))
  validateDeleteOptions(options)
  return options
}

function decodeDeleteOptions({ engines }: Machinery, body: Uint8Array, contentType: string | null): DeleteOptions {
  const format = bodyFormat(contentType)
  try {
    const { value } = engines.parse(body, format)
    const sent = (value ?? {}) as { apiVersion?: string; kind?: string }
    if (sent.kind && sent.kind !== 'DeleteOptions') {
      throw status.badRequest(
        `no kind ${JSON.stringify(sent.kind)} is registered for version ${JSON.stringify(sent.apiVersion || 'v1')} in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:38"`,
      )
    }
    const options = engines.decode(sent, DELETE_OPTIONS).object as unknown as Partial<DeleteOptions>
    return { ...options, dryRun: options.dryRun ?? [] }
  } catch (error) {
    if (error instanceof DecodeError) throw status.badRequest(`couldn't get version/kind; json parse error: ${error.message}`)
    throw error
  }
}

async function remove(call: ResourceRequest, target: Target): Promise<Response> {
  const negotiated = negotiate(call.request, call.query, TRANSFORMS)
  const options = await deleteOptions(call)
  const context = contextOf(call, { dryRun: options.dryRun.length > 0 })
  warnAboutOrphans(target, options, context)
  const { answer, isObject, gone } = await deleteObject(call.machinery, target, options, context)
  const code = !gone && options.orphanDependents === false ? 202 : 200
  if (isObject) return answerObject(call.responder, negotiated, code, answer as KubeObject, target.endpoint)
  return answerPlain(call.responder, negotiated, code, answer)
}

/** Kinds that leave their dependents behind by default say so. */
function warnAboutOrphans({ endpoint }: Target, options: DeleteOptions, context: RequestContext): void {
  const { definition } = endpoint
  if (definition.deletion?.orphanWarning === undefined) return
  if (options.propagationPolicy === undefined && options.orphanDependents === undefined) context.warn(definition.deletion.orphanWarning)
}

async function removeCollection(call: ResourceRequest, target: Target): Promise<Response> {
  const negotiated = negotiate(call.request, call.query, TRANSFORMS)
  const listOptions = parseListOptions(call.query)
  const options = await deleteOptions(call)
  const context = contextOf(call, { dryRun: options.dryRun.length > 0 })
  const listed = await listObjects(call.machinery, target, { ...listOptions, watch: false })
  for (const { metadata } of listed.items) {
    try {
      await deleteObject(call.machinery, { ...target, namespace: metadata.namespace ?? '', name: metadata.name ?? '' }, options, context)
    } catch (error) {
      // Somebody else was faster.
      if (!status.isStatus(error, 'NotFound')) throw error
    }
  }
  return answerList(call.responder, negotiated, listed, target.endpoint)
}

async function handleSubresource(call: ResourceRequest, target: Target): Promise<Response> {
  const { info, request } = call
  const { definition } = target.endpoint
  const { subresource } = info
  const action = definition.actions?.[subresource]
  if (action !== undefined && (info.rest === '' || info.rest === '/' || action.anyPath === true)) return handleAction(call, target, action)
  if (info.rest !== '' && info.rest !== '/') throw status.unknownPath()
  const named = definition.parts?.[subresource]
  const part = named?.internal === true ? undefined : named
  const verbs: readonly string[] | undefined =
    subresource === 'scale' && definition.scale !== undefined
      ? ['get', 'patch', 'update']
      : part && !part.internal
        ? (part.verbs ?? ['get', 'patch', 'update'])
        : undefined
  if (verbs === undefined) throw status.unknownPath()
  if (!verbs.includes(info.verb) || METHODS[info.verb] !== request.method) throw notAllowed()
  if (request.method === 'PATCH') patchType(request.headers.get('content-type'))
  checkAccept(request)
  if (part === undefined) return handleScale(call, target)
  if (info.verb === 'get') return get(call, target)
  return info.verb === 'update' ? update(call, target, subresource) : patch(call, target, subresource)
}

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
    const scale = decodeBody(machinery.engines, body, format, SCALE, context) as Scale
    checkName(scale, target)
    checkNamespace(scale, target)
    return answer((await updateScale(machinery, target, strategy, { retries: 0, desired: () => scale }, context)).object)
  }
  const type = patchType(request.headers.get('content-type'))
  const body = await readBody(request)
  const options = parseWriteOptions('PatchOptions', query, userAgent(request), type === 'apply')
  const context = contextOf(call, options)
  const parsed = parsePatch(machinery.engines, type, body, options.force ?? false)
  return answer((await patchScale(machinery, target, strategy, parsed, context)).object)
}

async function handleAction(call: ResourceRequest, target: Target, action: Action): Promise<Response> {
  const { request, query, info, machinery, responder } = call
  const { method } = request
  const verb = method === 'POST' ? 'create' : method === 'PUT' ? 'update' : method.toLowerCase()
  if (!action.verbs.includes(verb) && !(action.anyPath && ['HEAD', 'OPTIONS'].includes(method))) throw notAllowed()
  const actionCall = { namespace: target.namespace, name: target.name, query, path: info.rest }
  if (action.create === undefined) {
    if (action.connect === undefined) throw notAllowed()
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
  for (const [name, value] of response.headers) headers.set(name, value)
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
  if (action.create === undefined) throw notAllowed()
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
