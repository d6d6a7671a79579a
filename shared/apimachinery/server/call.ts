// A request for a resource on its way, and what every verb reads of it.
import type { RequestContext, UserInfo } from '../context.ts'
import { createReader, type Machinery } from '../machinery.ts'
import type { Endpoint } from '../registry.ts'
import { bodyFormat, type NegotiationOptions } from '../request/negotiation.ts'
import { parseWriteOptions, type WriteQuery } from '../request/options.ts'
import type { RequestInfo } from '../request/request-info.ts'
import type { Responder } from '../response/respond.ts'
import type { KubeObject } from '../types.ts'
import { decodeBody, expectedOf } from '../verbs/decode.ts'
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

export const TRANSFORMS: NegotiationOptions = { transforms: true }

export const userAgent = (request: Request) => request.headers.get('user-agent') ?? ''

export function contextOf(call: ResourceRequest, options?: Partial<WriteQuery>): RequestContext {
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
    emptied: new Map(),
    warn: text => responder.warnings.add(text),
  }
}

/** The object in a request's body, with defaults. */
export async function bodyObject(
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
  endpoint.version.defaults?.(object, context.emptied)
  return [object, context]
}
