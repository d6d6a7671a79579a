// delete and deletecollection.
import type { RequestContext } from '../context.ts'
import { DecodeError } from '../engines.ts'
import type { Machinery, Target } from '../machinery.ts'
import { bodyFormat, negotiate } from '../request/negotiation.ts'
import { type DeleteOptions, parseDeleteQuery, parseListOptions, validateDeleteOptions } from '../request/options.ts'
import { answerList, answerObject, answerPlain } from '../response/respond.ts'
import * as status from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { deleteObject } from '../verbs/delete.ts'
import { listObjects } from '../verbs/list.ts'
import { readBody } from './body.ts'
import { contextOf, type ResourceRequest, TRANSFORMS } from './call.ts'

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

export async function answerDelete(call: ResourceRequest, target: Target): Promise<Response> {
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

export async function answerDeleteCollection(call: ResourceRequest, target: Target): Promise<Response> {
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
