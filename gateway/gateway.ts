// The gateway without its environment: what it depends on is handed in. It takes connections that are to be upgraded, and the agents' calls.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { clientFor } from '../shared/apimachinery/create-machinery.ts'
import { createServer } from '../shared/apimachinery/server/server.ts'
import { BearerAuthenticator, type StaticToken, staticTokens } from '../shared/auth/bearer.ts'
import { RbacAuthorizer } from '../shared/auth/rbac.ts'
import { DEFAULT_ISSUER, ServiceAccountTokens } from '../shared/auth/service-account-tokens.ts'
import { loadSigningKey } from '../shared/auth/signing-key.ts'
import { type Authenticator, SYSTEM } from '../shared/auth/types.ts'
import { openCluster } from '../shared/cluster.ts'
import { splitClusterPath } from '../shared/cluster-name.ts'
import type { Log } from '../shared/pipeline/log.ts'
import { type AgentClaims, agentKey, verifyToken } from '../shared/pods/agent-token.ts'
import type { LogReader } from '../shared/pods/logs.ts'
import { SESSIONS_PATH, TUNNEL_PATH } from '../shared/pods/tunnel-protocol.ts'
import { reachableResources } from '../shared/resources/index.ts'
import type { Store } from '../shared/store/types.ts'
import { answer, isFetchable } from './answer.ts'
import { followLog } from './follow-log.ts'
import { podSessions } from './pod-sessions.ts'
import { Tunnels, type TunnelsOptions, tunnelKey } from './tunnels.ts'
import { Upgrade } from './upgrade.ts'

export interface GatewayOptions {
  readonly store: Store
  readonly logs: LogReader
  readonly log: Log
  readonly tokens?: readonly StaticToken[]
  /** Tried before the static tokens. */
  readonly authenticators?: readonly Authenticator[]
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  readonly tunnels?: TunnelsOptions
}

export interface Gateway {
  /** Whether this request to upgrade a connection is the gateway's; others are answered as if they had not asked for it. */
  takes(request: IncomingMessage): boolean
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Whether handle has an answer to it that depends on the cluster. */
  answers(request: IncomingMessage): boolean
  /** Answers calls of agents, requests to pods, and the health check. False: not the gateway's. */
  handle(request: IncomingMessage, response: ServerResponse): boolean
  /** Ends every session and every tunnel. */
  close(): void
}

/** Clients are told how their session ended; who does not listen is cut off after this. */
const FAREWELL_MS = 2_000

export const HEALTH_PATH = '/zeroplane/gateway/healthz'

const SESSION = /^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/]+\/(exec|attach|portforward)\/?$/
const PROXY = /^\/api\/v1\/namespaces\/[^/]+\/(pods|services)\/[^/]+\/proxy(\/|$)/
/** As the cluster has it; which one that is has been decided before. */
const insideOf = ({ url = '/' }: IncomingMessage) => splitClusterPath(url).path
const pathOf = (request: IncomingMessage) => insideOf(request).split('?', 1)[0]!
const isProxied = (request: IncomingMessage) => PROXY.test(pathOf(request)) && isFetchable(request)

export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { store, log, now = Date.now } = options
  const tunnels = new Tunnels(options.tunnels)
  const upgrades = new WeakMap<Request, Upgrade>()
  const authorizer = new RbacAuthorizer(store)
  const failed = (error: unknown) => log.error({ error }, 'a session failed')
  const sleep = (milliseconds: number, signal: AbortSignal) => delay(milliseconds, undefined, { signal }).catch(() => {})
  const sessions = podSessions({
    tunnels,
    authorizer,
    upgradeOf: request => upgrades.get(request),
    followLog: (stream, client) => followLog(stream, client, { reader: options.logs, now, sleep }),
    failed,
  })
  const machinery = openCluster({ store, now, resources: reachableResources({ streams: sessions }) })
  const tokens = new ServiceAccountTokens(store, await loadSigningKey(store), DEFAULT_ISSUER, now)
  const bearer = new BearerAuthenticator([staticTokens(options.tokens ?? []), tokens], [DEFAULT_ISSUER])
  const serve = createServer({
    machinery,
    authenticators: [...(options.authenticators ?? []), bearer],
    authorizer,
    version: {},
    serverAddress: '',
    maxWatch: 0,
    onError: error => failed(error),
  })

  let key: Promise<Buffer> | undefined
  const claimsOf = async ({ headers }: IncomingMessage): Promise<AgentClaims | undefined> => {
    key ??= agentKey(clientFor(openCluster({ store, now }), SYSTEM, 'kubelet'))
    key.catch(() => {
      key = undefined
    })
    const token = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1]
    return token === undefined ? undefined : verifyToken(await key, token)
  }

  const sockets = new Set<Duplex>()

  async function upgradeTunnel(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy())
    const claims = await claimsOf(request)
    if (claims) return tunnels.accept(tunnelKey(claims), request, socket, head)
    socket.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
  }

  async function upgradeClient(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const upgrade = new Upgrade(incoming, socket, head)
    const request = requestOf(incoming)
    upgrades.set(request, upgrade)
    const response = await serve(request)
    if (!upgrade.taken) await upgrade.refuse(response)
  }

  return {
    takes: request => pathOf(request) === TUNNEL_PATH || SESSION.test(pathOf(request)),
    upgrade(request, socket, head) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      const upgrading = pathOf(request) === TUNNEL_PATH ? upgradeTunnel : upgradeClient
      upgrading(request, socket, head).catch(error => {
        failed(error)
        socket.destroy()
      })
    },
    answers: request => pathOf(request) === SESSIONS_PATH || isProxied(request),
    handle(request, response) {
      const path = pathOf(request)
      if (request.headers.upgrade !== undefined) closeAtEnd(response)
      if (path === HEALTH_PATH) {
        response.writeHead(200, { 'content-type': 'text/plain' }).end('ok')
        return true
      }
      if (isProxied(request)) {
        answer(request, response, serve).catch(error => {
          if (!response.destroyed) failed(error)
          response.destroy()
        })
        return true
      }
      if (path !== SESSIONS_PATH) return false
      claimsOf(request)
        .then(claims => {
          if (claims) tunnels.wait(tunnelKey(claims), response)
          else response.writeHead(401, { 'content-length': 0 }).end()
        })
        .catch(error => {
          failed(error)
          response.destroy()
        })
      return true
    },
    close() {
      tunnels.close()
      setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, FAREWELL_MS)
    },
  }
}

/**
 * kubectl of 2021 asks to upgrade with everything that it sends after an attach, watches too, and to end such an answer it reads to its
 * end, which a watch has not for minutes; unless the answer is one that ends with its connection.
 */
function closeAtEnd(response: ServerResponse): void {
  response.shouldKeepAlive = false
  response.useChunkedEncodingByDefault = false
}

/** Without a body: what is upgraded has none. */
function requestOf(incoming: IncomingMessage): Request {
  const { method = 'GET', rawHeaders } = incoming
  const { host = 'localhost' } = incoming.headers
  const headers = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!)
  return new Request(`https://${host}${insideOf(incoming)}`, { method, headers })
}
