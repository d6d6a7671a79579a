// One agent's tunnel: HTTP/2 over the connection that it has dialled. Closed when nobody has used it for a while.
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2'
import type { Duplex } from 'node:stream'
import { PING_SECONDS, STREAM_WINDOW } from '../shared/pods/tunnel-protocol.ts'

/** Bytes under way in all. The windows of streams that stand still must not fill it, or they would stop the others. */
const CONNECTION_WINDOW = 16 * 1024 * 1024

export class Tunnel {
  readonly #session: ClientHttp2Session
  readonly #idleMs: number
  #streams = 0
  #idle: NodeJS.Timeout | undefined

  /** @param socket after the 101 */
  constructor(socket: Duplex, idleMs: number, closed: () => void) {
    this.#idleMs = idleMs
    const session = connect('http://pod', {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
    })
    this.#session = session
    session.on('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW))
    let unanswered = 0
    const pinging = setInterval(() => {
      if (unanswered++ === 3) session.destroy()
      else
        session.ping(error => {
          if (!error) unanswered = 0
        })
    }, PING_SECONDS * 1000)
    session.on('error', () => {})
    session.on('close', () => {
      clearInterval(pinging)
      clearTimeout(this.#idle)
      socket.destroy()
      closed()
    })
    this.#rest()
  }

  /** It takes no more streams. */
  get closed(): boolean {
    return this.#session.closed || this.#session.destroyed
  }

  stream(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    clearTimeout(this.#idle)
    this.#streams++
    const stream = this.#session.request(headers)
    stream.on('error', () => {})
    stream.on('close', () => {
      if (--this.#streams === 0) this.#rest()
    })
    return stream
  }

  /** Those that run go on. */
  close(): void {
    this.#session.close()
  }

  destroy(): void {
    this.#session.destroy()
  }

  #rest(): void {
    this.#idle = setTimeout(() => this.#session.close(), this.#idleMs)
  }
}
