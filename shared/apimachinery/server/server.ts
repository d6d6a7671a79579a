// The API server: a pure Request -> Response on web-standard types. Who is it, whom does he act for, may he, what does he want.
import { createHash } from 'node:crypto'
import { Impersonation } from '../../auth/impersonation.ts'
import { ANONYMOUS, type Authenticator, type Authorizer, InvalidCredentialsError, MASTERS, withAuthenticated } from '../../auth/types.ts'
import type { UserInfo } from '../context.ts'
import { aggregated, apiGroup, apiGroupList, apiResourceList, apiVersions, type DiscoveryGroup, discoveryGroups } from '../discovery.ts'
import type { Machinery } from '../machinery.ts'
import { checkAccept, MEDIA_TYPES, negotiate, SUPPORTED } from '../request/negotiation.ts'
import { parseRequest, type RequestInfo } from '../request/request-info.ts'
import { answerError, answerPlain, answerText, headersOf, type Responder } from '../response/respond.ts'
import * as status from '../status-error.ts'
import { StatusError } from '../status-error.ts'
import { groupResourceName } from '../types.ts'
import { handleResource } from './resources.ts'

/** A path (and what is below it) that is served by somebody else, who also looks at the credentials. */
export interface ExtraRoute {
  readonly prefix: string
  handle(request: Request): Promise<Response>
}

/** A path that the API server authenticates and authorizes, and somebody else answers; undefined is 404. */
export interface DocumentRoute {
  readonly prefix: string
  handle(request: Request, url: URL, responder: Responder): Promise<Response | undefined>
}

export interface ServerOptions {
  readonly machinery: Machinery
  /** Tried in order; the first that knows the credentials decides. */
  readonly authenticators: readonly Authenticator[]
  readonly authorizer: Authorizer
  /** /version */
  readonly version: Readonly<Record<string, string>>
  /** "host:port" for clients that ask where the API is. */
  readonly serverAddress: string
  readonly extraRoutes?: readonly ExtraRoute[]
  readonly documents?: readonly DocumentRoute[]
  /** Longest watch (ms): ends before whatever serves it is stopped. */
  readonly maxWatch: number
  /** Told of answers 500 and above that are our own defects. */
  onError?(error: unknown, request: Request): void
}

export type Handler = (request: Request) => Promise<Response>

const notAllowed = () => new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})

export function createServer(options: ServerOptions): Handler {
  const server = new Server(options)
  return request => server.handle(request)
}

class Server {
  readonly #options: ServerOptions
  readonly #impersonation: Impersonation
  #discovery:
    | { readonly generation: number; readonly groups: readonly DiscoveryGroup[]; readonly documents: Map<string, Aggregated> }
    | undefined

  constructor(options: ServerOptions) {
    this.#options = options
    this.#impersonation = new Impersonation(options.authorizer)
  }

  async handle(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const extra = this.#options.extraRoutes?.find(route => under(url.pathname, route.prefix))
    if (extra !== undefined) return extra.handle(request)
    const { machinery } = this.#options
    const responder: Responder = { engines: machinery.engines, request, query: url.searchParams, warnings: new Set(), now: machinery.now() }
    try {
      const response = await this.#respond(request, url, responder)
      return request.method === 'HEAD' ? new Response(null, response) : response
    } catch (error) {
      if (!(error instanceof StatusError)) this.#options.onError?.(error, request)
      const response = answerError(responder, error)
      return request.method === 'HEAD' ? new Response(null, response) : response
    }
  }

  async #respond(request: Request, url: URL, responder: Responder): Promise<Response> {
    const info = parseRequest(request.method, url.pathname, url.searchParams)
    const user = await this.#user(request, info)
    await this.#authorize(user, info)
    if (!info.isResource) return this.#path(request, url, responder)
    const { machinery, maxWatch } = this.#options
    const endpoint = machinery.registry.find(info.apiVersion, info.resource)
    if (endpoint === undefined) return this.#unknownResource(info, responder)
    return handleResource({ machinery, request, info, query: url.searchParams, user, responder, maxWatch }, endpoint)
  }

  async #user(request: Request, info: RequestInfo): Promise<UserInfo> {
    const user = await this.#authenticate(request)
    return this.#impersonation.apply(request.headers, user, info)
  }

  async #authenticate(request: Request): Promise<UserInfo> {
    try {
      for (const authenticator of this.#options.authenticators) {
        const user = await authenticator.authenticate(request)
        if (user !== undefined) return withAuthenticated(user)
      }
    } catch (error) {
      if (error instanceof InvalidCredentialsError) throw status.unauthorized()
      throw error
    }
    return ANONYMOUS
  }

  async #authorize(user: UserInfo, info: RequestInfo): Promise<void> {
    if (user.groups.includes(MASTERS)) return
    const { allowed, reason } = await this.#options.authorizer.authorize({ user, ...info })
    if (!allowed) throw forbiddenError(user, info, reason)
  }

  /** 404: as text where not even the group is known. */
  #unknownResource(info: RequestInfo, responder: Responder): Response {
    const known = info.group === '' || this.#groups().some(({ group }) => group === info.group)
    if (known) throw status.unknownPath()
    return answerText(responder, 404, '404 page not found\n')
  }

  async #path(request: Request, url: URL, responder: Responder): Promise<Response> {
    const path = url.pathname
    const missing = () => answerText(responder, 404, '404 page not found\n')
    if (path === '/api' || path === '/api/') return this.#root(request, responder, 'api')
    if (path === '/apis' || path === '/apis/') return this.#root(request, responder, 'apis')
    if (path.startsWith('/api/')) return this.#groupVersion(request, responder, '', path.slice('/api/'.length))
    if (path.startsWith('/apis/')) return this.#group(request, responder, path.slice('/apis/'.length), missing)
    if (path === '/version' || path.startsWith('/version/')) return this.#version(request, path, responder)
    if (/^\/(healthz|livez|readyz)(\/|$)/.test(path)) return this.#health(path, url.searchParams, responder) ?? missing()
    if (path === '/') return answerPlain(responder, { format: 'json', pretty: true }, 200, { paths: this.#paths() })
    const document = this.#options.documents?.find(route => under(path, route.prefix))
    return (await document?.handle(request, url, responder)) ?? missing()
  }

  #root(request: Request, responder: Responder, root: 'api' | 'apis'): Response {
    const accept = request.headers.get('accept') ?? ''
    const format = accept.includes('as=APIGroupDiscoveryList') ? aggregatedFormat(accept) : undefined
    if (root === 'api') {
      if (request.method !== 'GET') throw notAllowed()
      if (format === undefined) checkAccept(request)
    }
    if (format !== undefined) return this.#aggregated(request, responder, root, format)
    const negotiated = negotiate(request, responder.query)
    const document = root === 'api' ? apiVersions(this.#options.serverAddress) : apiGroupList(this.#groups())
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
    const groups = this.#groups().filter(({ group }) => (group === '') === (root === 'api'))
    const documents = this.#discovery?.documents ?? new Map<string, Aggregated>()
    const found = documents.get(`${root}/${format}`)
    if (found !== undefined) return found
    const body = this.#options.machinery.engines.encode(aggregated(groups), format)
    const made = { body, etag: `"${createHash('sha256').update(body).digest('hex').toUpperCase()}"` }
    documents.set(`${root}/${format}`, made)
    return made
  }

  #groups(): readonly DiscoveryGroup[] {
    const { registry } = this.#options.machinery
    if (this.#discovery?.generation !== registry.generation) {
      this.#discovery = { generation: registry.generation, groups: discoveryGroups(registry), documents: new Map() }
    }
    return this.#discovery.groups
  }

  #group(request: Request, responder: Responder, rest: string, missing: () => Response): Response {
    const [name = '', ...more] = rest.split('/')
    const group = this.#groups().find(one => one.group === name && name !== '')
    if (group === undefined) return missing()
    const version = more.filter(part => part !== '').join('/')
    if (version === '') return answerPlain(responder, negotiate(request, responder.query), 200, apiGroup(group, false))
    return this.#groupVersion(request, responder, name, version)
  }

  #groupVersion(request: Request, responder: Responder, group: string, version: string): Response {
    const found = this.#groups().find(one => one.group === group)
    const wanted = found?.versions.find(one => one.version === version.replace(/\/$/, ''))
    if (found === undefined || wanted === undefined) throw status.unknownPath()
    if (request.method !== 'GET') throw notAllowed()
    checkAccept(request)
    const negotiated = negotiate(request, responder.query)
    const list = apiResourceList(found, wanted)
    // Protobuf's envelope needs the version that the core group's document does not say.
    return answerPlain(responder, negotiated, 200, negotiated.format === 'protobuf' ? { ...list, apiVersion: 'v1' } : list)
  }

  #version(request: Request, path: string, responder: Responder): Response {
    if (path !== '/version' && path !== '/version/') throw status.unknownPath()
    if (request.method !== 'GET') throw notAllowed()
    checkAccept(request, [MEDIA_TYPES.json])
    return answerPlain(responder, { format: 'json', pretty: true }, 200, this.#options.version)
  }

  #health(path: string, query: URLSearchParams, responder: Responder): Response | undefined {
    const [, root = '', check, ...more] = path.split('/')
    if (check === '' || more.length > 0) return undefined
    const checks = HEALTH_CHECKS.filter(name => root === 'readyz' || !READY_CHECKS.includes(name))
    if (check !== undefined) return checks.includes(check) ? answerText(responder, 200, 'ok') : undefined
    if (!query.has('verbose')) return answerText(responder, 200, 'ok')
    const excluded = query.getAll('exclude')
    const lines = checks.map(name => (excluded.includes(name) ? `[+]${name} excluded: ok` : `[+]${name} ok`))
    return answerText(responder, 200, `${lines.join('\n')}\n${root} check passed\n`)
  }

  #paths(): string[] {
    const paths = [
      '/api',
      '/apis',
      '/healthz',
      '/livez',
      '/readyz',
      '/version',
      ...(this.#options.documents ?? []).map(({ prefix }) => prefix),
    ]
    for (const { group, versions } of this.#groups()) {
      if (group !== '') paths.push(`/apis/${group}`)
      for (const { version } of versions) paths.push(group === '' ? `/api/${version}` : `/apis/${group}/${version}`)
    }
    return paths.sort()
  }
}

interface Aggregated {
  readonly body: Uint8Array
  readonly etag: string
}

const HEALTH_CHECKS = ['ping', 'log', 'etcd', 'informer-sync', 'shutdown']
const READY_CHECKS = ['informer-sync', 'shutdown']

const under = (path: string, prefix: string) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)

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

export function forbiddenError(user: UserInfo, info: RequestInfo, reason = ''): StatusError {
  const suffix = reason === '' ? '' : `: ${reason}`
  const who = JSON.stringify(user.name)
  if (!info.isResource)
    return new StatusError(403, 'Forbidden', `forbidden: User ${who} cannot ${info.verb} path ${JSON.stringify(info.path)}${suffix}`, {})
  const resource = { group: info.group, resource: info.resource }
  const what = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`
  const where = info.namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(info.namespace)}`
  return status.forbidden(
    resource,
    info.name,
    `User ${who} cannot ${info.verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(info.group)} ${where}${suffix}`,
  )
}

export { groupResourceName, SUPPORTED }
