// Requests for resources: from path and method to the verb.
import type { Target } from '../machinery.ts'
import { PreparedStore } from '../prepared-store.ts'
import type { Endpoint } from '../registry.ts'
import { checkAccept, customPatchType, negotiate, noExport, patchType, STREAMS, SUPPORTED } from '../request/negotiation.ts'
import { parseListOptions } from '../request/options.ts'
import { ALL_VERBS, type Verb } from '../resource.ts'
import { answerList, answerPlain, answerText } from '../response/respond.ts'
import { answerWatch } from '../response/watch-stream.ts'
import * as status from '../status-error.ts'
import { listObjects, selectionOf } from '../verbs/list.ts'
import { watchObjects } from '../verbs/watch.ts'
import { contextOf, type ResourceRequest, TRANSFORMS } from './call.ts'
import { answerDelete, answerDeleteCollection } from './deletion.ts'
import { answerCreate, answerGet, answerPatch, answerUpdate } from './single.ts'
import { handleSubresource } from './subresources.ts'

/** @throws StatusError */
export async function handleResource(asked: ResourceRequest, endpoint: Endpoint): Promise<Response> {
  const call = prepared(asked, endpoint)
  const { info, responder } = call
  const { definition } = endpoint
  const namespace = definition.resource === 'namespaces' && definition.group === '' ? '' : info.namespace
  if (definition.namespaced ? info.named && namespace === '' : namespace !== '') {
    if (definition.custom) return answerText(responder, 404, '404 page not found\n')
    throw status.unknownPath()
  }
  if (definition.custom && isNoWrite(call, definition.namespaced)) return answerText(responder, 404, '404 page not found\n')
  if (definition.firstObjects !== undefined) await definition.firstObjects(contextOf(call))
  const target: Target = { endpoint, namespace, name: info.named ? info.name : '' }
  if (definition.custom && call.request.method === 'PATCH') customPatchType(call.request.headers.get('content-type'))
  if (info.subresource !== '') return handleSubresource(call, target)
  checkMethod(call, target)
  if (endpoint.version.deprecation !== undefined) responder.warnings.add(endpoint.version.deprecation)
  if (call.request.method === 'PATCH') patchType(call.request.headers.get('content-type'))
  if (!definition.custom) checkAccept(call.request, info.named ? SUPPORTED : [...SUPPORTED, ...STREAMS])
  if (call.query.has('export')) throw noExport()
  return handleVerb(call, target)
}

/** Where a webhook converts, every stored object is converted before anything sees it. */
function prepared(call: ResourceRequest, { version, collection }: Endpoint): ResourceRequest {
  if (version.prepare === undefined) return call
  const { machinery } = call
  return {
    ...call,
    machinery: {
      ...machinery,
      store: new PreparedStore(machinery.store, collection, objects => version.prepare?.(objects) ?? Promise.resolve()),
    },
  }
}

/** A write to the collection in all namespaces. */
const isNoWrite = ({ request, info }: ResourceRequest, namespaced: boolean) =>
  namespaced && !info.named && info.namespace === '' && request.method !== 'GET' && request.method !== 'HEAD'

function checkMethod({ request, info }: ResourceRequest, { endpoint, namespace }: Target): void {
  const { definition } = endpoint
  const verbs = definition.verbs ?? ALL_VERBS
  const { method } = request
  let verb: Verb | undefined
  if (info.watchPrefix) verb = method === 'GET' ? 'watch' : undefined
  else if (info.named) verb = ({ GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const)[method]
  else if (method === 'GET') verb = definition.document === undefined ? 'list' : 'get'
  else if (!definition.namespaced || namespace !== '') verb = ({ POST: 'create', DELETE: 'deletecollection' } as const)[method]
  if (definition.custom && !info.named && (method === 'PUT' || method === 'PATCH')) throw status.badRequest('name must be provided')
  if (verb === undefined || !verbs.includes(verb)) throw status.badMethod()
}

function handleVerb(call: ResourceRequest, target: Target): Promise<Response> {
  const { info } = call
  switch (info.verb) {
    case 'get':
      return answerGet(call, target)
    case 'list':
    case 'watch':
      return list(call, target)
    case 'create':
      return answerCreate(call, target)
    case 'update':
      return answerUpdate(call, target, undefined)
    case 'patch':
      return answerPatch(call, target, undefined)
    case 'delete':
      return answerDelete(call, target)
    case 'deletecollection':
      return answerDeleteCollection(call, target)
    default:
      throw status.badMethod()
  }
}

async function list(call: ResourceRequest, target: Target): Promise<Response> {
  const { machinery, query, info, responder } = call
  const { definition, collection } = target.endpoint
  const options = parseListOptions(query, info.watchPrefix)
  if (options.watch) {
    if (!(definition.verbs ?? ALL_VERBS).includes('watch')) throw status.methodNotAllowed(collection, 'watch')
    const negotiated = negotiate(call.request, query, { transforms: true, stream: true, custom: definition.custom })
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
    return answerWatch(responder, negotiated, events, target.endpoint, () => machinery.now(), abort)
  }
  if (definition.document !== undefined) {
    const document = await definition.document(contextOf(call), target.namespace, options.labels)
    return answerPlain(responder, negotiate(call.request, query), 200, document)
  }
  const negotiated = negotiate(call.request, query, { ...TRANSFORMS, custom: definition.custom })
  if (definition.virtualList !== undefined) {
    const selection = selectionOf(target, options)
    const made = await definition.virtualList(contextOf(call), target.namespace, selection.name)
    const items = made.filter(object => selection.matches(object))
    return answerList(responder, negotiated, { items, resourceVersion: '' }, target.endpoint)
  }
  return answerList(responder, negotiated, await listObjects(machinery, target, options), target.endpoint)
}
