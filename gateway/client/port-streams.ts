// Port-forwarding: a client opens a pair of SPDY streams for each connection that it has accepted, one for the bytes and one for what
// goes wrong, with the same request ID and the port in their headers.
import type { Duplex } from 'node:stream'
import { keepAlive } from './keep-alive.ts'
import { SpdyConnection, type SpdyStream } from './spdy.ts'

export const PORT_PROTOCOL = 'portforward.k8s.io'
/** SPDY through a WebSocket: the frames above as binary messages, cut anywhere. */
export const PORT_TUNNEL_PROTOCOL = `SPDY/3.1+${PORT_PROTOCOL}`

export interface PortStreams {
  readonly port: number
  readonly data: SpdyStream
  readonly error: SpdyStream
}

/** kubelet's patience with half a pair. */
const PAIR_MS = 30_000
const LARGEST_PORT = 65_535

/** Calls `connect` for each pair. Resolves when the client has gone. */
export async function portStreams(bytes: Duplex, connect: (pair: PortStreams) => void): Promise<void> {
  const halves = new Map<string, { data?: SpdyStream; error?: SpdyStream; port: number; timer: NodeJS.Timeout }>()
  const closed = Promise.withResolvers<void>()
  const connection = new SpdyConnection(bytes, {
    stream(stream) {
      const type = stream.headers.get('streamtype')
      if (type !== 'data' && type !== 'error') throw new Error(`invalid stream type ${JSON.stringify(type)}`)
      const port = portOf(stream.headers.get('port'))
      // Clients before 1.2 sent no ID and opened the two one after the other.
      const id = stream.headers.get('requestid') ?? `${type === 'error' ? stream.id : stream.id - 2}`
      const half = halves.get(id) ?? { port, timer: setTimeout(() => giveUp(id), PAIR_MS) }
      if (half[type]) throw new Error(`a second ${type} stream of request ${id}`)
      half[type] = stream
      halves.set(id, half)
      const { data, error } = half
      if (!data || !error) return
      clearTimeout(half.timer)
      halves.delete(id)
      connect({ port: half.port, data, error })
    },
    closed: () => closed.resolve(),
  })
  const giveUp = (id: string) => {
    const half = halves.get(id)
    halves.delete(id)
    half?.data?.destroy()
    half?.error?.end('timed out waiting for the other stream of the connection')
  }
  const stopPinging = keepAlive(() => connection.ping())
  await closed.promise
  stopPinging()
  for (const { timer } of halves.values()) clearTimeout(timer)
}

/** @throws Error in kubelet's words */
function portOf(text: string | undefined): number {
  if (text === undefined || text === '') throw new Error('"port" header is required')
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > LARGEST_PORT) throw new Error(`unable to parse ${JSON.stringify(text)} as a port`)
  if (port < 1) throw new Error(`port ${JSON.stringify(text)} must be > 0`)
  return port
}
