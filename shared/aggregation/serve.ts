// Requests for what other servers serve, after the API server has authenticated and authorised them.
import { createHash } from 'node:crypto'
import type { APIService } from '../api/apiregistration/v1.ts'
import type { UserInfo } from '../apimachinery/context.ts'
import type { Engines } from '../apimachinery/engines.ts'
import { MEDIA_TYPES } from '../apimachinery/request/negotiation.ts'
import { messageOf } from '../controllers/replicas.ts'
import { AGGREGATOR } from './aggregator.ts'
import { discover, PATIENCE_MS, type RemoteVersion } from './discovery.ts'
import { groupVersionOf, isAvailable, type Remotes, ServiceProblem } from './remote.ts'

export interface RemoteCall {
  readonly request: Request
  readonly url: URL
  readonly user: UserInfo
  readonly engines: Engines
  /** What this server itself answers to another request. */
  local(request: Request): Promise<Response>
}

/** Undefined: it is this server's own business. */
export async function serveRemote(remotes: Remotes, call: RemoteCall): Promise<Response | undefined> {
  const [, root, group, version, ...rest] = call.url.pathname.split('/')
  if (root === 'openapi') return serveOpenApi(remotes, call, rest)
  if (root !== 'apis') return undefined
  if (!group) return serveRoot(remotes, call)
  if (!version) return serveGroup(remotes, call, group)
  const service = await remotes.find(group, version)
  return service && pass(remotes, service, call)
}

const plain = (status: number, text: string): Response =>
  new Response(`${text}\n`, { status, headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' } })

async function pass(remotes: Remotes, service: APIService, { request, url, user }: RemoteCall): Promise<Response> {
  if (!isAvailable(service)) return plain(503, 'service unavailable')
  const headers = Object.fromEntries(request.headers)
  const { method, body, signal } = request
  try {
    return await remotes.ask(service, `${url.pathname}${url.search}`, { method, headers, body, signal }, user)
  } catch (error) {
    return plain(503, error instanceof ServiceProblem ? 'service unavailable' : `error trying to reach service: ${messageOf(error)}`)
  }
}

const OPENAPI = '/openapi/v3'

interface OpenApiIndex {
  readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>
}

/** Their documents are served as they are; the index has an entry for each that says that it has one. */
async function serveOpenApi(remotes: Remotes, call: RemoteCall, [group, version]: readonly string[]): Promise<Response | undefined> {
  if (!call.url.pathname.startsWith(OPENAPI) || call.request.method !== 'GET') return undefined
  if (group !== undefined) {
    const service = version === undefined ? undefined : await remotes.find(group, version)
    return service && pass(remotes, service, call)
  }
  const services = (await remotes.list()).filter(isAvailable)
  if (services.length === 0) return undefined
  const { paths, ...rest } = await ownDocument<OpenApiIndex>(call, MEDIA_TYPES.json)
  const remote = await Promise.all(services.map(service => openApiEntry(remotes, service)))
  return Response.json({ ...rest, paths: { ...paths, ...Object.fromEntries(remote.flat()) } })
}

type Entry = readonly [path: string, value: { readonly serverRelativeURL: string }]

async function openApiEntry(remotes: Remotes, service: APIService): Promise<Entry[]> {
  const { group, version } = groupVersionOf(service)
  const path = `apis/${group}/${version}`
  try {
    const headers = { accept: MEDIA_TYPES.json }
    const answer = await remotes.ask(service, OPENAPI, { method: 'GET', headers }, AGGREGATOR, PATIENCE_MS)
    const entry = answer.ok ? ((await answer.json()) as OpenApiIndex).paths[path] : undefined
    return entry === undefined ? [] : [[path, entry]]
  } catch {
    return []
  }
}

interface GroupVersionEntry {
  readonly groupVersion: string
  readonly version: string
}

interface GroupDocument {
  readonly name: string
  readonly versions: readonly GroupVersionEntry[]
  readonly preferredVersion: GroupVersionEntry
}

function groupsOf(services: readonly APIService[]): GroupDocument[] {
  return [...Map.groupBy(services, service => groupVersionOf(service).group)].map(([name, members]) => {
    const versions = members.map(member => groupVersionOf(member)).map(({ version }) => ({ groupVersion: `${name}/${version}`, version }))
    return { name, versions, preferredVersion: versions[0]! }
  })
}

async function serveGroup(remotes: Remotes, { request, engines }: RemoteCall, group: string): Promise<Response | undefined> {
  const found = groupsOf((await remotes.list()).filter(service => groupVersionOf(service).group === group))[0]
  if (found === undefined) return undefined
  return answer(request, engines, { kind: 'APIGroup', apiVersion: 'v1', ...found })
}

const isProtobuf = (accept: string) => accept.split(',')[0]!.includes(MEDIA_TYPES.protobuf)

function answer(request: Request, engines: Engines, document: object): Response {
  const format = isProtobuf(request.headers.get('accept') ?? '') ? 'protobuf' : 'json'
  const headers = { 'content-type': MEDIA_TYPES[format], 'cache-control': 'no-cache, private' }
  return new Response(engines.encode(document, format) as BodyInit, { status: 200, headers })
}

/** The document about everything: ours, with theirs added (or in the place of ours, where they take over a group of this server). */
async function serveRoot(remotes: Remotes, call: RemoteCall): Promise<Response | undefined> {
  const services = await remotes.list()
  if (services.length === 0 || call.request.method !== 'GET') return undefined
  const accept = call.request.headers.get('accept') ?? ''
  return accept.includes('as=APIGroupDiscoveryList') ? aggregatedRoot(remotes, services, call, accept) : legacyRoot(services, call)
}

interface Named {
  readonly name?: string
  readonly metadata?: { readonly name?: string }
}

const merged = <T extends Named>(own: readonly T[], remote: readonly T[]): T[] => {
  const nameOf = ({ name, metadata }: Named) => name ?? metadata?.name
  const taken = new Set(remote.map(nameOf))
  return [...own.filter(group => !taken.has(nameOf(group))), ...remote]
}

async function ownDocument<T>({ request, local }: RemoteCall, accept: string): Promise<T> {
  const headers = new Headers(request.headers)
  headers.set('accept', accept)
  headers.delete('if-none-match')
  return (await (await local(new Request(request.url, { headers }))).json()) as T
}

async function legacyRoot(services: readonly APIService[], call: RemoteCall): Promise<Response> {
  const own = await ownDocument<{ groups: GroupDocument[] }>(call, MEDIA_TYPES.json)
  return answer(call.request, call.engines, { ...own, groups: merged(own.groups, groupsOf(services)) })
}

interface AggregatedGroup extends Named {
  readonly versions: readonly RemoteVersion[]
}

const AGGREGATED = 'g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

async function aggregatedRoot(remotes: Remotes, services: readonly APIService[], call: RemoteCall, accept: string): Promise<Response> {
  const { request, engines } = call
  const own = await ownDocument<{ items: AggregatedGroup[] }>(call, `${MEDIA_TYPES.json};${AGGREGATED}`)
  const remote = await Promise.all(
    [...Map.groupBy(services, service => groupVersionOf(service).group)].map(async ([name, members]) => {
      const versions = await Promise.all(members.map(member => discover(remotes, member)))
      return { metadata: { name }, versions }
    }),
  )
  const format = isProtobuf(accept) ? 'protobuf' : 'json'
  const body = engines.encode({ ...own, items: merged(own.items, remote) }, format)
  const etag = `"${createHash('sha256').update(body).digest('hex').toUpperCase()}"`
  const headers = { 'cache-control': 'public', vary: 'Accept', etag }
  if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers })
  return new Response(body as BodyInit, { status: 200, headers: { ...headers, 'content-type': `${MEDIA_TYPES[format]};${AGGREGATED}` } })
}
