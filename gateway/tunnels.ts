// Agents that wait, and the tunnels that they have opened. Sessions ask for a tunnel by the pod's UID and launch.
//
//   agent : sessions --held--------------> 200 --> tunnel: 101 ==HTTP/2== ... idle --> closed; sessions ...
//   client:                 exec --> wanted ^        '--> stream
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { AgentClaims } from '../shared/pods/agent-token.ts'
import { SESSIONS_HOLD_SECONDS, TUNNEL_PROTOCOL } from '../shared/pods/tunnel-protocol.ts'
import { Tunnel } from './tunnel.ts'

export interface TunnelsOptions {
  /** How long a session waits for its pod's agent. Milliseconds. */
  readonly patienceMs: number
  /** A tunnel without streams is closed after this. Milliseconds. */
  readonly idleMs: number
}

export const TUNNELS: TunnelsOptions = { patienceMs: 15_000, idleMs: 60_000 }

export const tunnelKey = ({ uid, launch }: Pick<AgentClaims, 'uid' | 'launch'>): string => `${uid}/${launch}`

interface Wish {
  readonly promise: Promise<Tunnel>
  resolve(tunnel: Tunnel): void
  reject(error: Error): void
}

export class Tunnels {
  readonly #options: TunnelsOptions
  readonly #waiting = new Map<string, ServerResponse>()
  readonly #open = new Map<string, Tunnel>()
  readonly #wanted = new Map<string, Wish>()
  #closed = false

  constructor(options: TunnelsOptions = TUNNELS) {
    this.#options = options
  }

  /** The agent's held call. */
  wait(key: string, response: ServerResponse): void {
    // The agent has given up an earlier one, and we have not seen it yet.
    answer(this.#waiting.get(key), 204)
    if (this.#closed || this.#wanted.has(key)) {
      answer(response, this.#closed ? 503 : 200)
      return
    }
    this.#waiting.set(key, response)
    const timer = setTimeout(() => answer(response, 204), SESSIONS_HOLD_SECONDS * 1000)
    response.on('close', () => {
      clearTimeout(timer)
      if (this.#waiting.get(key) === response) this.#waiting.delete(key)
    })
  }

  /** The agent's tunnel. */
  accept(key: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#closed || request.headers.upgrade !== TUNNEL_PROTOCOL) {
      const status = this.#closed ? '503 Service Unavailable' : '400 Bad Request'
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    // HTTP/2 takes over the connection's native side, which must have nothing under way.
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${TUNNEL_PROTOCOL}\r\n\r\n`, error => {
      if (error || socket.destroyed) return
      if (head.length > 0) socket.unshift(head)
      this.#adopt(key, socket)
    })
  }

  /** A stream of the pod's tunnel. @throws Error when its agent does not come */
  async stream(key: string, headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream> {
    const open = this.#open.get(key)
    if (open && !open.closed) return open.stream(headers)
    return (await this.#wish(key)).stream(headers)
  }

  /** No session outlives this. */
  close(): void {
    this.#closed = true
    for (const response of this.#waiting.values()) answer(response, 204)
    for (const wish of this.#wanted.values()) wish.reject(new Error('the gateway is shutting down'))
    for (const tunnel of this.#open.values()) tunnel.destroy()
  }

  #adopt(key: string, socket: Duplex): void {
    const tunnel = new Tunnel(socket, this.#options.idleMs, () => {
      if (this.#open.get(key) === tunnel) this.#open.delete(key)
    })
    if (this.#closed) {
      tunnel.destroy()
      return
    }
    this.#open.get(key)?.close()
    this.#open.set(key, tunnel)
    this.#wanted.get(key)?.resolve(tunnel)
    this.#wanted.delete(key)
  }

  async #wish(key: string): Promise<Tunnel> {
    const known = this.#wanted.get(key)
    if (known) return known.promise
    const wish = Promise.withResolvers<Tunnel>()
    this.#wanted.set(key, wish)
    const { patienceMs } = this.#options
    const patience = setTimeout(() => {
      this.#wanted.delete(key)
      wish.reject(new Error(`its agent did not call within ${patienceMs / 1000} seconds`))
    }, patienceMs)
    answer(this.#waiting.get(key), 200)
    try {
      return await wish.promise
    } finally {
      clearTimeout(patience)
    }
  }
}

function answer(response: ServerResponse | undefined, status: number): void {
  if (!response || response.writableEnded || response.destroyed) return
  response.writeHead(status, { 'content-length': 0 })
  response.end()
}
