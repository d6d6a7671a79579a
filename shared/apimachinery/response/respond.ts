// Answers: objects, lists, Status errors, with the headers that every answer carries.
import { randomUUID } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { Engines } from '../engines.ts'
import { toVersion } from '../machinery.ts'
import type { Endpoint } from '../registry.ts'
import { MEDIA_TYPES, type Negotiated, tryNegotiate } from '../request/negotiation.ts'
import { asStatusError, StatusError } from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import type { Listed } from '../verbs/list.ts'
import { includeObjectOf, type ListMeta, partialOf, tableOf } from './table.ts'

/** Answers larger than this are compressed for clients that take gzip. Bytes; as upstream. */
const GZIP_THRESHOLD = 128 * 1024

export interface Responder {
  readonly engines: Engines
  readonly request: Request
  readonly query: URLSearchParams
  /** Texts of Warning headers, without repetition. */
  readonly warnings: Set<string>
  readonly now: number
}

export function headersOf({ request, warnings }: Responder, contentType: string): Headers {
  const headers = new Headers({
    'content-type': contentType,
    'cache-control': 'no-cache, private',
    'audit-id': request.headers.get('audit-id') ?? randomUUID(),
  })
  let total = 0
  for (const text of warnings) {
    // All the warnings together stay under 4 KB: beyond that they are cut, then left out.
    const cut = total + text.length > 4096 ? text.slice(0, 256) : text
    if (total + cut.length > 4096) break
    total += cut.length
    headers.append(
      'warning',
      `299 - "${[...cut].map(char => (char === '"' || char === '\\' ? `\\${char}` : char < ' ' ? ' ' : char)).join('')}"`,
    )
  }
  return headers
}

function respond(responder: Responder, code: number, body: Uint8Array, contentType: string): Response {
  const headers = headersOf(responder, contentType)
  if (body.length > GZIP_THRESHOLD && /\bgzip\b/.test(responder.request.headers.get('accept-encoding') ?? '')) {
    headers.set('content-encoding', 'gzip')
    headers.set('vary', 'Accept-Encoding')
    return new Response(gzipSync(body, { level: 1 }) as BodyInit, { status: code, headers })
  }
  return new Response(body as BodyInit, { status: code, headers })
}

/** Any object as it is. */
export function answerPlain(responder: Responder, negotiated: Negotiated, code: number, object: object): Response {
  return respond(responder, code, responder.engines.encode(object, negotiated.format, negotiated.pretty), MEDIA_TYPES[negotiated.format])
}

const notA = (wanted: string, what: string) =>
  new StatusError(406, 'NotAcceptable', `you requested ${wanted}, but the requested object is ${what}`)
const goType = ({ definition, group }: Endpoint, list: boolean) =>
  definition.custom
    ? `*unstructured.Unstructured${list ? 'List' : ''}`
    : `*${group === '' ? 'core' : (group.split('.')[0] ?? '')}.${definition.kind}${list ? 'List' : ''}`

/** One object of the storage version, in the form asked for. */
export function answerObject(responder: Responder, negotiated: Negotiated, code: number, object: KubeObject, endpoint: Endpoint): Response {
  const { as } = negotiated
  if (as === undefined) return answerPlain(responder, negotiated, code, toVersion(object, endpoint))
  if (as.kind === 'PartialObjectMetadata') return answerPlain(responder, negotiated, code, partialOf(object, as.version))
  if (as.kind === 'PartialObjectMetadataList' && endpoint.definition.custom) throw new StatusError(500, '', 'content is not a list')
  if (as.kind === 'PartialObjectMetadataList') throw notA(as.kind, `not a list (${goType(endpoint, false)})`)
  const table = tableOf([object], { resourceVersion: object.metadata.resourceVersion }, endpoint, {
    version: as.version,
    include: includeObjectOf(responder.query),
    now: responder.now,
    withColumns: true,
    shown: one => toVersion(one, endpoint),
  })
  return answerPlain(responder, negotiated, code, table)
}

export function answerList(responder: Responder, negotiated: Negotiated, listed: Listed, endpoint: Endpoint): Response {
  const { as } = negotiated
  // What is stored nowhere has no revision.
  const metadata: ListMeta = listed.resourceVersion === '' ? {} : { resourceVersion: listed.resourceVersion }
  if (listed.continue !== undefined) metadata.continue = listed.continue
  if (listed.remainingItemCount !== undefined) metadata.remainingItemCount = listed.remainingItemCount
  if (as === undefined) {
    if (endpoint.definition.custom) metadata.continue ??= ''
    return answerPlain(responder, negotiated, 200, listOf(listed.items, metadata, endpoint))
  }
  if (as.kind === 'PartialObjectMetadata') throw notA(as.kind, `a list (${goType(endpoint, true)})`)
  if (as.kind === 'PartialObjectMetadataList') {
    const items = listed.items.map(item => partialOf(item, as.version))
    return answerPlain(responder, negotiated, 200, {
      kind: as.kind,
      apiVersion: `meta.k8s.io/${as.version}`,
      metadata,
      items: items.length === 0 ? null : items,
    })
  }
  const table = tableOf(listed.items, metadata, endpoint, {
    version: as.version,
    include: includeObjectOf(responder.query),
    now: responder.now,
    withColumns: true,
    shown: one => toVersion(one, endpoint),
  })
  return answerPlain(responder, negotiated, 200, table)
}

/** Items of built-in kinds carry no kind and apiVersion inside a list, those of custom ones do. */
export function listOf(items: readonly KubeObject[], metadata: ListMeta, endpoint: Endpoint): object {
  const { definition, apiVersion, kind } = endpoint
  return {
    kind: definition.listKind ?? `${kind}List`,
    apiVersion,
    metadata,
    items: items.map(item => {
      if (definition.custom) return toVersion(item, endpoint)
      const { kind: _kind, apiVersion: _apiVersion, ...rest } = toVersion(item, endpoint)
      return rest
    }),
  }
}

/** A Status in the serialisation asked for, never as a Table; in JSON when nothing fits. */
export function answerError(responder: Responder, thrown: unknown): Response {
  const { status } = asStatusError(thrown)
  const negotiated = tryNegotiate(responder.request, responder.query) ?? { format: 'json' as const, pretty: false }
  const response = answerPlain(responder, negotiated, status.code ?? 500, status)
  if (status.details?.retryAfterSeconds) response.headers.set('retry-after', String(status.details.retryAfterSeconds))
  if (status.code === 401) response.headers.delete('warning')
  response.headers.set('x-content-type-options', 'nosniff')
  return response
}

export function answerText(responder: Responder, code: number, text: string, type = 'text/plain; charset=utf-8'): Response {
  const headers = headersOf(responder, type)
  headers.set('x-content-type-options', 'nosniff')
  return new Response(text, { status: code, headers })
}
