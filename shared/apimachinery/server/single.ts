// get, create, update and patch: one object.
import type { Target } from '../machinery.ts'
import { type NegotiationOptions, negotiate, patchType } from '../request/negotiation.ts'
import { parseWriteOptions } from '../request/options.ts'
import { answerObject, answerPlain } from '../response/respond.ts'
import * as status from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { createObject } from '../verbs/create.ts'
import { getObject } from '../verbs/list.ts'
import { parsePatch, patchObject } from '../verbs/patch.ts'
import { checkName, updateObject } from '../verbs/update.ts'
import { readBody } from './body.ts'
import { bodyObject, contextOf, type ResourceRequest, TRANSFORMS, userAgent } from './call.ts'

const transformsOf = ({ endpoint }: Target): NegotiationOptions => ({ ...TRANSFORMS, custom: endpoint.definition.custom })

export async function answerGet(call: ResourceRequest, target: Target): Promise<Response> {
  const negotiated = negotiate(call.request, call.query, transformsOf(target))
  const { definition } = target.endpoint
  if (definition.virtualList !== undefined) {
    const objects = await definition.virtualList(contextOf(call), target.namespace, target.name)
    const found = objects.find(object => object.metadata.name === target.name)
    if (found === undefined) throw status.notFound(target.endpoint.collection, target.name)
    return answerObject(call.responder, negotiated, 200, found, target.endpoint)
  }
  const object = await getObject(call.machinery, target, call.query.get('resourceVersion') ?? '')
  return answerObject(call.responder, negotiated, 200, object, target.endpoint)
}

export async function answerCreate(call: ResourceRequest, target: Target): Promise<Response> {
  const { definition } = target.endpoint
  const negotiated = negotiate(call.request, call.query, definition.virtual === undefined ? transformsOf(target) : {})
  const [object, context] = await bodyObject(call, target.endpoint, 'CreateOptions')
  const created = await createObject(call.machinery, target, object, context)
  if (definition.virtual !== undefined && created.kind !== definition.kind) return answerPlain(call.responder, negotiated, 201, created)
  return answerObject(call.responder, negotiated, 201, created, target.endpoint)
}

export async function answerUpdate(call: ResourceRequest, target: Target, part: string | undefined): Promise<Response> {
  const negotiated = negotiate(call.request, call.query, transformsOf(target))
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

export async function answerPatch(call: ResourceRequest, target: Target, part: string | undefined): Promise<Response> {
  const { machinery, request, query } = call
  const type = patchType(request.headers.get('content-type'))
  const negotiated = negotiate(request, query, transformsOf(target))
  const body = await readBody(request)
  const options = parseWriteOptions('PatchOptions', query, userAgent(request), type === 'apply')
  const context = contextOf(call, options)
  const parsed = parsePatch(machinery.engines, type, body, options.force ?? false)
  const { object, created } = await patchObject(machinery, target, part, parsed, context)
  return answerObject(call.responder, negotiated, created ? 201 : 200, object, target.endpoint)
}
