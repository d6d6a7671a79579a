// /api, /apis and what is below them but for the resources: what the API serves, in the two forms that clients ask for.
import { createHash } from 'node:crypto'
import { aggregated, apiGroup, apiGroupList, apiResourceList, apiVersions, type DiscoveryGroup, discoveryGroups } from '../discovery.ts'
import type { Machinery } from '../machinery.ts'
import { checkAccept, MEDIA_TYPES, negotiate } from '../request/negotiation.ts'
import { answerPlain, headersOf, type Responder } from '../response/respond.ts'
import * as status from '../status-error.ts'

interface Aggregated {
  readonly body: Uint8Array
  readonly etag: string
}

/** Made anew when kinds come or go. */
interface Made {
  readonly generation: number
  readonly groups: readonly DiscoveryGroup[]
  readonly documents: Map<string, Aggregated>
}

export class DiscoveryRoutes {
  readonly #machinery: Machinery
  readonly #serverAddress: string
  #made: Made | undefined

  constructor(machinery: Machinery, serverAddress: string) {
    this.#machinery = machinery
    this.#serverAddress = serverAddress
  }

  root(request: Request, responder: Responder, root: 'api' | 'apis'): Response {
    const accept = request.headers.get('accept') ?? ''
    const format = accept.includes('as=APIGroupDiscoveryList') ? aggregatedFormat(accept) : undefined
    if (root === 'api') {
      if (request.method !== 'GET') throw status.badMethod()
      if (format === undefined) checkAccept(request)
    }
    if (format !== undefined) return this.#aggregated(request, responder, root, format)
    const negotiated = negotiate(request, responder.query)
    const document = root === 'api' ? apiVersions(this.#serverAddress) : apiGroupList(this.groups())
    return answerPlain(responder, negotiated, 200, document)
  }

  #aggregated(request: Request, responder: Responder, root: 'api' | 'apis', format: 'json' | 'protobuf'): Response {
    const cached = this.#cached(root, format)
    const type = `${MEDIA_TYPES[format]};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`
    const headers = headersOf(responder, type)
    headers.set('cache-control', 'public')
    headers.set('vary', 'Accept')
    headers.set('etag', cached.etag)
    if (request.headers.get('if-none-match') === cached.etag) {
      headers.delete('content-type')
      return new Response(null, { status: 304, headers })
    }
    return new Response(cached.body as BodyInit, { status: 200, headers })
  }

  #cached(root: 'api' | 'apis', format: 'json' | 'protobuf'): Aggregated {
    const groups = this.groups().filter(({ group }) => (group === '') === (root === 'api'))
    const documents = this.#made?.documents ?? new Map<string, Aggregated>()
    const found = documents.get(`${root}/${format}`)
    if (found !== undefined) return found
    const body = this.#machinery.engines.encode(aggregated(groups), format)
    const made = { body, etag: `"${createHash('sha256').update(body).digest('hex').toUpperCase()}"` }
    documents.set(`${root}/${format}`, made)
    return made
  }

  groups(): readonly DiscoveryGroup[] {
    const { registry } = this.#machinery
    if (this.#made?.generation !== registry.generation) {
      this.#made = { generation: registry.generation, groups: discoveryGroups(registry), documents: new Map() }
    }
    return this.#made.groups
  }

  /** Undefined: there is no such group. */
  group(request: Request, responder: Responder, rest: string): Response | undefined {
    const [name = '', ...more] = rest.split('/')
    const group = this.groups().find(one => one.group === name && name !== '')
    if (group === undefined) return undefined
    const version = more.filter(part => part !== '').join('/')
    if (version === '') return answerPlain(responder, negotiate(request, responder.query), 200, apiGroup(group, false))
    // What serves custom kinds knows no version that is not served.
    const isServed = group.versions.some(one => one.version === version)
    if (!isServed && group.versions.every(({ endpoints }) => endpoints.every(({ definition }) => definition.custom))) return undefined
    return this.groupVersion(request, responder, name, version)
  }

  groupVersion(request: Request, responder: Responder, group: string, version: string): Response {
    const found = this.groups().find(one => one.group === group)
    const wanted = found?.versions.find(one => one.version === version.replace(/\/$/, ''))
    if (found === undefined || wanted === undefined) throw status.unknownPath()
    if (request.method !== 'GET') throw status.badMethod()
    checkAccept(request)
    const negotiated = negotiate(request, responder.query)
    const list = apiResourceList(found, wanted)
    // Protobuf's envelope needs the version that the core group's document does not say.
    return answerPlain(responder, negotiated, 200, negotiated.format === 'protobuf' ? { ...list, apiVersion: 'v1' } : list)
  }
}

/** The first clause that names the aggregated document wins, whatever stands before it. */
function aggregatedFormat(accept: string): 'json' | 'protobuf' | undefined {
  for (const clause of accept.split(',')) {
    const [type = '', ...rest] = clause.split(';').map(part => part.trim())
    const parameters = new Map(rest.map(parameter => parameter.split('=') as [string, string]))
    if (parameters.get('as') !== 'APIGroupDiscoveryList' || parameters.get('g') !== 'apidiscovery.k8s.io' || parameters.get('v') !== 'v2')
      continue
    if (type === MEDIA_TYPES.json) return 'json'
    if (type === MEDIA_TYPES.protobuf) return 'protobuf'
  }
  return undefined
}
