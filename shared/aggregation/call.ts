// One HTTPS call to a server behind a Service, with a certificate of our own and theirs checked. Streams both ways.
import type { OutgoingHttpHeaders } from 'node:http'
import { Agent, request as send } from 'node:https'
import { pipeline, Readable } from 'node:stream'

export interface CallOptions {
  readonly host: string
  readonly port: number
  readonly serverName: string
  /** PEM; absent: the public authorities. */
  readonly ca?: string
  readonly insecure: boolean
  readonly clientCertificate?: { readonly cert: string; readonly key: string }
  /** For a connection, in milliseconds. */
  readonly timeout: number
}

/** Not more connections than needed, and none that is kept for longer than a function can be sure of. */
const KEEP_MS = 5_000

/** What no proxy passes on: it is about the connection (RFC 9110, 7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

export type Call = (path: string, request: CallRequest, options: CallOptions) => Promise<Response>

export interface CallRequest {
  readonly method: string
  /** In small letters. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body?: ReadableStream<Uint8Array> | null
  readonly signal?: AbortSignal
}

/** `path` has the query with it. @throws Error when there is no answer */
export const call: Call = (path, { method, headers, body, signal }, options) => {
  const { host, port, serverName, ca, insecure, clientCertificate, timeout } = options
  const fields: OutgoingHttpHeaders = { host: serverName }
  for (const [name, value] of Object.entries(headers))
    if (!HOP_BY_HOP.includes(name)) fields[name] = typeof value === 'string' ? value : [...value]
  // Node assumes that a DELETE has no body: what came would be taken for the next request.
  if (body && fields['content-length'] === undefined) fields['transfer-encoding'] = 'chunked'
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: true, timeout: KEEP_MS })
    const outgoing = send({
      host,
      port,
      path,
      method,
      headers: fields,
      agent,
      servername: serverName,
      ca,
      rejectUnauthorized: !insecure,
      cert: clientCertificate?.cert,
      key: clientCertificate?.key,
      signal,
    })
    const tooLate = setTimeout(() => outgoing.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`)), timeout)
    outgoing.on('socket', socket => socket.once('secureConnect', () => clearTimeout(tooLate)))
    outgoing.on('error', error => {
      clearTimeout(tooLate)
      agent.destroy()
      reject(error)
    })
    outgoing.on('response', incoming => {
      clearTimeout(tooLate)
      const answered = new Headers()
      for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
        const name = incoming.rawHeaders[index]!.toLowerCase()
        if (!HOP_BY_HOP.includes(name)) answered.append(name, incoming.rawHeaders[index + 1]!)
      }
      incoming.on('close', () => agent.destroy())
      incoming.on('error', () => {})
      const status = incoming.statusCode ?? 502
      const empty = method === 'HEAD' || status === 204 || status === 304
      if (empty) incoming.resume()
      resolve(new Response(empty ? null : (Readable.toWeb(incoming) as ReadableStream), { status, headers: answered }))
    })
    // What goes wrong with it is told by the request's own error.
    if (body) pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), outgoing, () => {})
    else outgoing.end()
  })
}
