// The agent's end of a tunnel (shared/pods/tunnel-protocol.ts): it dials, and then serves what the gateway asks of its pod.
import { request as httpRequest } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { MOST_STREAMS, PING_SECONDS, PORT_HEADER, STREAM_WINDOW, TUNNEL_PATH, TUNNEL_PROTOCOL } from '../shared/pods/tunnel-protocol.ts'
import type { Container } from './container.ts'

export interface TunnelOptions {
  readonly url: string
  readonly token: string
  readonly ca?: string
  containers(): readonly Container[]
  log(message: string): void
}

const CONNECT_MS = 10_000

export interface Tunnel {
  readonly ended: Promise<void>
  /** Resolves when no session is open. */
  idle(): Promise<void>
}

/** @throws Error when there is none to be had */
export async function openTunnel(options: TunnelOptions): Promise<Tunnel> {
  const socket = await dial(options)
  const { performServerHandshake } = await import('node:http2')
  const session = performServerHandshake(socket, {
    settings: { initialWindowSize: STREAM_WINDOW, maxConcurrentStreams: MOST_STREAMS },
  })
  session.setLocalWindowSize(MOST_STREAMS * STREAM_WINDOW)
  // The gateway pings: silence means that it is gone.
  const silence = setTimeout(() => session.destroy(), 3 * PING_SECONDS * 1000)
  session.on('ping', () => silence.refresh())
  session.on('close', () => clearTimeout(silence))
  session.on('error', error => options.log(`tunnel: ${error.message}`))
  let streams = 0
  let rest = () => {}
  session.on('stream', (stream, headers) => {
    streams++
    stream.on('close', () => {
      if (--streams === 0) rest()
    })
    stream.on('error', () => {})
    serve(stream, headers as IncomingHttpHeaders, options).catch(error => {
      options.log(`session: ${error instanceof Error ? error.message : error}`)
      stream.destroy()
    })
  })
  return {
    ended: new Promise<void>(resolve => session.on('close', () => resolve())),
    idle: () =>
      new Promise<void>(resolve => {
        if (streams === 0 || session.destroyed) return resolve()
        rest = resolve
        session.on('close', () => resolve())
      }),
  }
}

function dial({ url, token, ca }: TunnelOptions): Promise<Duplex> {
  const isTls = url.startsWith('https:')
  return new Promise((resolve, reject) => {
    const call = (isTls ? httpsRequest : httpRequest)(`${url.replace(/\/$/, '')}${TUNNEL_PATH}`, {
      ca,
      agent: false,
      timeout: CONNECT_MS,
      headers: { authorization: `Bearer ${token}`, connection: 'Upgrade', upgrade: TUNNEL_PROTOCOL },
    })
    call.on('upgrade', (_, socket, head) => {
      socket.setTimeout(0)
      socket.setNoDelay(true)
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    call.on('response', response => {
      response.resume()
      reject(new Error(`it answered ${response.statusCode} to a tunnel`))
    })
    call.on('timeout', () => call.destroy(new Error('no answer')))
    call.on('error', reject)
    call.end()
  })
}

async function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, { containers }: TunnelOptions): Promise<void> {
  switch (headers[':path']) {
    case '/exec': {
      const { serveExec } = await import('./exec-session.ts')
      return serveExec(stream, containers())
    }
    case '/attach': {
      const { serveAttach } = await import('./attach-session.ts')
      return serveAttach(stream, containers())
    }
    case '/portforward': {
      const { servePort } = await import('./port-session.ts')
      return servePort(stream, Number(headers[PORT_HEADER]))
    }
    default:
      stream.respond({ ':status': 404 }, { endStream: true })
  }
}
