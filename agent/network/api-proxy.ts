// The API as pods find it in the cluster, where the API itself is known by another name only: ends TLS here, and sends each request on
// under the name that the API has.
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, Agent as HttpsAgent, request as httpsRequest, type Server } from 'node:https'
import type { Socket } from 'node:net'

export interface ApiProxyOptions {
  /** https://host[:port] of the API, with what its paths begin with. */
  readonly url: string
  /** PEM of its authority; absent: the public ones. */
  readonly ca?: string
  readonly cert: string
  readonly key: string
}

/** Takes connections of clients; nothing of it exists before the first. */
export function apiProxy({ url, ca, cert, key }: ApiProxyOptions): (client: Socket) => void {
  const api = new URL(url)
  const secure = api.protocol === 'https:'
  const prefix = api.pathname.replace(/\/$/, '')
  const send = secure ? httpsRequest : httpRequest
  let server: Server | undefined
  const open = () => {
    const agent = secure ? new HttpsAgent({ keepAlive: true, ca }) : new HttpAgent({ keepAlive: true })
    // Watches are silent for long; their end is the API's business.
    return createServer({ cert, key, ALPNProtocols: ['http/1.1'], requestTimeout: 0 }, (incoming, answer) => {
      const { method, headers } = incoming
      const target = { protocol: api.protocol, hostname: api.hostname, port: api.port, path: `${prefix}${incoming.url}`, method, agent }
      const outgoing = send({ ...target, headers: { ...headers, host: api.host } }, response => {
        answer.writeHead(response.statusCode ?? 502, response.headers)
        response.pipe(answer)
        response.on('error', () => answer.destroy())
      })
      outgoing.on('error', error => refuse(answer, error))
      answer.on('close', () => outgoing.destroy())
      forward(incoming, outgoing)
    })
  }
  return client => {
    server ??= open()
    server.emit('connection', client)
  }
}

function forward(incoming: IncomingMessage, outgoing: ReturnType<typeof httpRequest>) {
  incoming.on('error', () => outgoing.destroy())
  incoming.pipe(outgoing)
}

/** As a server that cannot reach its own would say it. */
function refuse(answer: ServerResponse, error: Error) {
  if (answer.headersSent) return answer.destroy()
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'ServiceUnavailable', code: 503 }
  answer.writeHead(503, { 'content-type': 'application/json' })
  answer.end(JSON.stringify({ ...status, metadata: {}, message: `the agent of this pod cannot reach the API: ${error.message}` }))
}
