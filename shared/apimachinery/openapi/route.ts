// /openapi/v2 and /openapi/v3: which document, in which form, and whether the client has it already.
import { createHash } from 'node:crypto'
import type { Registry } from '../registry.ts'

import { findSchema, MODULES } from '../schema/schemas.ts'
import { loadDescriptions } from './descriptions.ts'
import { documentV2, documentV3, endpointsByGroupVersion, otherRoots } from './documents.ts'
import { encodeV2, encodeV3 } from './gnostic.ts'

const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
const V3_PROTOBUF = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'
const JSON_TYPE = 'application/json'
const YEAR = 31_536_000_000

interface Encoded {
  readonly bytes: Uint8Array
  readonly etag: string
}

export interface OpenApiOptions {
  readonly registry: Registry
  /** As /version says it: "v1.36.0". */
  readonly version: string
}

/** Documents are made when they are asked for, and kept until what is served changes. */
export class OpenApi {
  readonly #options: OpenApiOptions
  #generation = -1
  #documents = new Map<string, Promise<Encoded>>()
  #hashes: ReadonlyMap<string, string> = new Map()

  constructor(options: OpenApiOptions) {
    this.#options = options
  }

  /** Undefined: there is no such document. `now` in milliseconds since the epoch. */
  async respond(request: Request, url: URL, now: number): Promise<Response | undefined> {
    this.#refresh()
    const accept = request.headers.get('accept') ?? ''
    const known = request.headers.get('if-none-match') ?? ''
    const path = url.pathname
    if (path === '/openapi/v2') {
      const type = negotiate(accept, V2_PROTOBUF)
      if (type === undefined) return empty(406)
      return answer(await this.#document(`v2 ${type}`), type, known, { 'cache-control': 'no-cache, private' })
    }
    if (path === '/openapi/v3') return this.#index(known)
    if (!path.startsWith('/openapi/v3/')) return undefined
    const root = path.slice('/openapi/v3/'.length)
    const hash = this.#hashes.get(root)
    if (hash === undefined) return empty(404)
    const type = negotiate(accept, V3_PROTOBUF)
    if (type === undefined) return empty(406)
    const asked = url.searchParams.get('hash')
    if (asked !== null && asked !== '' && asked !== hash) {
      return new Response(null, { status: 301, headers: { location: `${path}?hash=${hash}` } })
    }
    const headers: Record<string, string> =
      asked === hash
        ? { 'cache-control': 'public, immutable', expires: new Date(now + YEAR).toUTCString() }
        : { 'cache-control': 'no-cache, private' }
    return answer(await this.#document(`v3 ${type} ${root}`), type, known, headers)
  }

  #refresh(): void {
    const { registry } = this.#options
    if (registry.generation === this.#generation) return
    this.#generation = registry.generation
    this.#documents = new Map()
    this.#hashes = hashes(this.#options)
  }

  #index(known: string): Response {
    const paths = Object.fromEntries(
      [...this.#hashes].map(([root, hash]) => [root, { serverRelativeURL: `/openapi/v3/${root}?hash=${hash}` }]),
    )
    const bytes = Buffer.from(JSON.stringify({ paths }))
    // Upstream does not say that this is JSON; clients do not look.
    return answer({ bytes, etag: etagOf(bytes) }, 'text/plain; charset=utf-8', known, { 'cache-control': 'no-cache, private' })
  }

  #document(key: string): Promise<Encoded> {
    let document = this.#documents.get(key)
    if (document === undefined) {
      document = this.#make(key)
      this.#documents.set(key, document)
    }
    return document
  }

  async #make(key: string): Promise<Encoded> {
    const [flavour, type, root = ''] = key.split(' ')
    const options = { ...this.#options, descriptions: await loadDescriptions() }
    const document = flavour === 'v2' ? documentV2(options) : documentV3(root, options)
    if (document === undefined) throw new Error(`no document for ${root}`)
    const bytes = type === JSON_TYPE ? Buffer.from(JSON.stringify(document)) : flavour === 'v2' ? encodeV2(document) : encodeV3(document)
    return { bytes, etag: etagOf(bytes) }
  }
}

const etagOf = (bytes: Uint8Array): string => `"${digest(bytes)}"`
const digest = (data: Uint8Array | string): string => createHash('sha512').update(data).digest('hex').toUpperCase()

/** A document is named by what it is made from, so that the index costs no documents. */
function hashes({ registry, version }: OpenApiOptions): Map<string, string> {
  const basis = `${version} ${digest(Object.values(MODULES).join('\n'))}`
  const found = new Map<string, string>()
  for (const [root, endpoints] of endpointsByGroupVersion(registry)) {
    const served = endpoints.map(({ definition, resource, kind, version: { schema } }) => [
      resource,
      kind,
      definition.namespaced,
      definition.verbs,
      Object.keys(definition.parts ?? {}),
      Object.keys(definition.actions ?? {}),
      definition.scale !== undefined,
      schema,
      findSchema(schema)?.published?.('v3'),
    ])
    found.set(root, digest(`${basis} ${JSON.stringify(served)}`))
  }
  for (const root of otherRoots(registry).keys()) found.set(root, digest(`${basis} ${root}`))
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** JSON unless something else is asked for first; protobuf types are also known with "@" in place of a dot. */
function negotiate(accept: string, protobuf: string): string | undefined {
  if (accept.trim() === '') return JSON_TYPE
  for (const clause of accept.split(',')) {
    const type = clause.split(';')[0]!.trim().toLowerCase()
    if (type === '*/*' || type === 'application/*' || type === JSON_TYPE) return JSON_TYPE
    if (type.replace('@', '.') === protobuf) return protobuf
  }
  return undefined
}

function answer({ bytes, etag }: Encoded, type: string, known: string, headers: Record<string, string>): Response {
  const all = { 'content-type': type, etag, vary: 'Accept-Encoding, Accept', ...headers }
  if (known.split(',').some(one => one.trim() === etag)) return new Response(null, { status: 304, headers: all })
  return new Response(bytes as Uint8Array<ArrayBuffer>, { status: 200, headers: all })
}

const empty = (status: number): Response => new Response(null, { status, headers: { 'cache-control': 'no-cache, private' } })
