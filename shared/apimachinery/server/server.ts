// The API server: a pure Request -> Response on web-standard types. Who is it, whom does he act for, may he, what does he want.

import { Impersonation } from '../../auth/impersonation.ts'
import { ANONYMOUS, type Authenticator, type Authorizer, InvalidCredentialsError, MASTERS, withAuthenticated } from '../../auth/types.ts'
import type { UserInfo } from '../context.ts'
import type { Machinery } from '../machinery.ts'
import { member } from '../objects.ts'
import type { Endpoint } from '../registry.ts'
import { checkAccept, MEDIA_TYPES } from '../request/negotiation.ts'
import { parseRequest, type RequestInfo } from '../request/request-info.ts'
import { answerError, answerPlain, answerText, type Responder } from '../response/respond.ts'
import * as status from '../status-error.ts'
import { StatusError } from '../status-error.ts'
import { DiscoveryRoutes } from './discovery-routes.ts'
import { answerHealth } from './health.ts'
import { METRICS_TYPE, RequestMetrics } from './metrics.ts'
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

/**
 * What another server serves of this API (aggregation): asked for group versions that are not served here, and for documents about all
 * groups. The request is authenticated and authorised. Undefined: it is this server's own business.
 */
export type Elsewhere = (
  call: { readonly request: Request; readonly url: URL; readonly user: UserInfo; readonly info: RequestInfo },
  /** What this server would answer to that request. */
  local: (request: Request) => Promise<Response>,
) => Promise<Response | undefined>

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
  /** Asked first about what other servers may serve. */
  readonly elsewhere?: Elsewhere
  /** Longest watch (ms): ends before whatever serves it is stopped. */
  readonly maxWatch: number
  /** Told of every request for a resource that is known, with the time until the head of its answer was there. */
  onServed?(info: RequestInfo, code: number, milliseconds: number): void
  /** Told of answers 500 and above that are our own defects. */
  onError?(error: unknown, request: Request): void
}

const DEFINITIONS = 'apiextensions.k8s.io'

export type Handler = (request: Request) => Promise<Response>

export function createServer(options: ServerOptions): Handler {
  const server = new Server(options)
  return request => server.handle(request)
}

class Server {
  readonly #options: ServerOptions
  readonly #impersonation: Impersonation
  readonly #metrics: RequestMetrics
  readonly #discovery: DiscoveryRoutes

  constructor(options: ServerOptions) {
    this.#options = options
    this.#metrics = new RequestMetrics(options.machinery.now())
    this.#discovery = new DiscoveryRoutes(options.machinery, options.serverAddress)
    this.#impersonation = new Impersonation(options.authorizer)
  }

  async handle(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const extra = this.#options.extraRoutes?.find(route => under(url.pathname, route.prefix))
    if (extra !== undefined) return extra.handle(request)
    const { machinery } = this.#options
    const now = machinery.now()
    const responder: Responder = { engines: machinery.engines, request, query: url.searchParams, warnings: new Set(), now }
    const call: Call = { request, url, responder, now, info: undefined }
    let response: Response
    try {
      const { headers } = request
      if (`${headers.get('content-type')} ${headers.get('accept')}`.includes('yaml')) await machinery.engines.loadYaml()
      response = await this.#respond(call)
    } catch (error) {
      if (!(error instanceof StatusError)) this.#options.onError?.(error, request)
      response = answerError(responder, error)
    }
    this.#record(call, response.status)
    return request.method === 'HEAD' ? new Response(null, response) : response
  }

  /** Only what is served is counted by name: anybody can invent names. */
  #record({ info, now }: Call, code: number): void {
    if (info?.isResource !== true) return
    const { registry, now: clock } = this.#options.machinery
    const definition = registry.find(info.apiVersion, info.resource)?.definition
    if (definition === undefined) return
    const { subresource } = info
    const known =
      member(definition.parts, subresource) ?? member(definition.actions, subresource) ?? (subresource === 'scale' && definition.scale)
    if (subresource !== '' && !known) return
    const milliseconds = clock() - now
    this.#metrics.record(info, code, milliseconds)
    this.#options.onServed?.(info, code, milliseconds)
  }

  async #respond(call: Call): Promise<Response> {
    const { request, url, responder } = call
    const info = parseRequest(request.method, url.pathname, url.searchParams)
    call.info = info
    const user = await this.#user(request, info)
    await this.#authorize(user, info)
    const local = (other: Request) => this.#path(other, url, { ...responder, request: other })
    const remote = await this.#options.elsewhere?.({ request, url, user, info }, local)
    if (remote !== undefined) return remote
    if (!info.isResource) return this.#path(request, url, responder)
    const { machinery, maxWatch } = this.#options
    let endpoint = machinery.registry.find(info.apiVersion, info.resource)
    const isDefinition = info.group === DEFINITIONS
    // What is built in is always there; everything else is as its definition is now, whoever wrote that.
    if (endpoint === undefined || endpoint.definition.custom || isDefinition) {
      await machinery.registry.refresh()
      endpoint = machinery.registry.find(info.apiVersion, info.resource)
    }
    if (endpoint === undefined) return this.#unknownResource(info, responder)
    const response = await handleResource({ machinery, request, info, query: url.searchParams, user, responder, maxWatch }, endpoint)
    if (isDefinition && request.method !== 'GET') await this.#settle(request)
    return response
  }

  /** A definition was written, and that is acknowledged whatever becomes of this: whoever looks at definitions next would do the same. */
  async #settle(request: Request): Promise<void> {
    try {
      await this.#options.machinery.registry.refresh()
    } catch (error) {
      this.#options.onError?.(error, request)
    }
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
    const known =
      info.group === '' ||
      this.#discovery
        .groups()
        .some(({ group, versions }) => group === info.group && !versions.every(({ endpoints }) => endpoints.every(isCustom)))
    if (known) throw status.unknownPath()
    return answerText(responder, 404, '404 page not found\n')
  }

  async #path(request: Request, url: URL, responder: Responder): Promise<Response> {
    const path = url.pathname
    if (path === '/' || under(path, '/apis') || under(path, '/openapi')) await this.#options.machinery.registry.refresh()
    const missing = () => answerText(responder, 404, '404 page not found\n')
    if (path === '/api' || path === '/api/') return this.#discovery.root(request, responder, 'api')
    if (path === '/apis' || path === '/apis/') return this.#discovery.root(request, responder, 'apis')
    if (path.startsWith('/api/')) return this.#discovery.groupVersion(request, responder, '', path.slice('/api/'.length))
    if (path.startsWith('/apis/')) return this.#discovery.group(request, responder, path.slice('/apis/'.length)) ?? missing()
    if (path === '/version' || path.startsWith('/version/')) return this.#version(request, path, responder)
    if (/^\/(healthz|livez|readyz)(\/|$)/.test(path)) return answerHealth(path, url.searchParams, responder) ?? missing()
    if (path === '/metrics') return answerText(responder, 200, this.#metrics.text(), METRICS_TYPE)
    if (path === '/') return answerPlain(responder, { format: 'json', pretty: true }, 200, { paths: this.#paths() })
    const document = this.#options.documents?.find(route => under(path, route.prefix))
    return (await document?.handle(request, url, responder)) ?? missing()
  }

  #version(request: Request, path: string, responder: Responder): Response {
    if (path !== '/version' && path !== '/version/') throw status.unknownPath()
    if (request.method !== 'GET') throw status.badMethod()
    checkAccept(request, [MEDIA_TYPES.json])
    return answerPlain(responder, { format: 'json', pretty: true }, 200, this.#options.version)
  }

  #paths(): string[] {
    const paths = [
      '/api',
      '/apis',
      '/healthz',
      '/livez',
      '/metrics',
      '/readyz',
      '/version',
      ...(this.#options.documents ?? []).map(({ prefix }) => prefix),
    ]
    for (const { group, versions } of this.#discovery.groups()) {
      if (group !== '') paths.push(`/apis/${group}`)
      for (const { version } of versions) paths.push(group === '' ? `/api/${version}` : `/apis/${group}/${version}`)
    }
    return paths.sort()
  }
}

/** One request on its way. */
interface Call {
  readonly request: Request
  readonly url: URL
  readonly responder: Responder
  readonly now: number
  /** Once it is known. */
  info: RequestInfo | undefined
}

const isCustom = ({ definition }: Endpoint) => definition.custom === true

const under = (path: string, prefix: string) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)

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
