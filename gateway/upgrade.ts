// A client's request to speak something else than HTTP: which protocol, and the switch to it once somebody has decided to serve it.
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'

/** Clients send 32 KiB at most. */
const LONGEST_MESSAGE = 4 * 1024 * 1024
/** A client that lives answers TCP's own probes; one that does not is gone after some of them. Milliseconds. */
const PROBE_MS = 30_000

export class Upgrade {
  readonly #request: IncomingMessage
  readonly #socket: Duplex
  readonly #head: Buffer
  #taken = false

  constructor(request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.#request = request
    this.#socket = socket
    this.#head = head
    ;(socket as Socket).setKeepAlive?.(true, PROBE_MS)
    ;(socket as Socket).setNoDelay?.(true)
    socket.on('error', () => socket.destroy())
  }

  get kind(): 'websocket' | 'spdy' | undefined {
    const wanted = this.#request.headers.upgrade?.toLowerCase()
    return wanted === 'websocket' ? 'websocket' : wanted === 'spdy/3.1' ? 'spdy' : undefined
  }

  /** What the client would speak, its favourite first. Empty: it does not say. */
  get offered(): readonly string[] {
    const { headers } = this.#request
    const names = this.kind === 'websocket' ? headers['sec-websocket-protocol'] : headers['x-stream-protocol-version']
    return [names ?? []].flat().flatMap(line =>
      line
        .split(',')
        .map(name => name.trim())
        .filter(Boolean),
    )
  }

  /** The protocol has been switched: no HTTP answer can follow. */
  get taken(): boolean {
    return this.#taken
  }

  /** The client is still there. */
  get alive(): boolean {
    return !this.#socket.destroyed
  }

  websocket(protocol: string): Promise<WebSocket> {
    this.#taken = true
    // The choice is made, and Kubernetes' names are not always ones that the standard allows ("SPDY/3.1+portforward.k8s.io").
    delete this.#request.headers['sec-websocket-protocol']
    const server = new WebSocketServer({ noServer: true, maxPayload: LONGEST_MESSAGE })
    server.on('headers', headers => {
      if (protocol !== '') headers.push(`Sec-WebSocket-Protocol: ${protocol}`)
    })
    return new Promise((resolve, reject) => {
      server.on('wsClientError', error => {
        this.#socket.destroy()
        reject(error)
      })
      server.handleUpgrade(this.#request, this.#socket, this.#head, resolve)
    })
  }

  /** A WebSocket as the bytes of its messages. */
  async websocketBytes(protocol: string): Promise<Duplex> {
    const bytes = createWebSocketStream(await this.websocket(protocol))
    bytes.on('error', () => {})
    return bytes
  }

  spdy(protocol: string): Duplex {
    this.#taken = true
    const head = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1']
    if (protocol !== '') head.push(`X-Stream-Protocol-Version: ${protocol}`)
    this.#socket.write(`${head.join('\r\n')}\r\n\r\n`)
    if (this.#head.length > 0) this.#socket.unshift(this.#head)
    return this.#socket
  }

  /** As HTTP, and that is the end of the connection. */
  async refuse(response: Response): Promise<void> {
    if (!this.alive) return
    const body = Buffer.from(await response.arrayBuffer())
    const head = [`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}`]
    for (const [name, value] of response.headers) head.push(`${name}: ${value}`)
    head.push('connection: close', `content-length: ${body.length}`)
    this.#socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]))
  }
}
