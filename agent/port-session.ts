// A forwarded connection: to a port on the pod's loopback, as kubelet connects.
import type { ServerHttp2Stream } from 'node:http2'
import { createConnection, type Socket } from 'node:net'
import { dialMessage } from './dial.ts'

const CONNECT_MS = 30_000

/** IPv4 first, then IPv6, as kubelet does; a refusal tells of both. */
export async function servePort(stream: ServerHttp2Stream, port: number): Promise<void> {
  const failures: string[] = []
  for (const [name, host] of [
    ['IPv4', '127.0.0.1'],
    ['IPv6', '::1'],
  ] as const) {
    const socket = await connect(host, port)
    if (socket instanceof Error) {
      failures.push(`${name}: ${dialMessage(socket, host, port)}`)
      continue
    }
    if (stream.destroyed) {
      socket.destroy()
      return
    }
    return join(stream, socket)
  }
  stream.respond({ ':status': 502, 'content-type': 'text/plain' })
  stream.end(`failed to connect to localhost:${port} inside the pod, ${failures.join(' ')}`)
}

function connect(host: string, port: number): Promise<Socket | Error> {
  return new Promise(resolve => {
    const socket = createConnection({ host, port, allowHalfOpen: true, timeout: CONNECT_MS, noDelay: true })
    socket.once('connect', () => {
      socket.setTimeout(0)
      resolve(socket)
    })
    socket.once('timeout', () => socket.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })))
    socket.once('error', resolve)
  })
}

/** Each direction ends by itself; an error ends both. */
function join(stream: ServerHttp2Stream, socket: Socket): void {
  stream.respond({ ':status': 200 })
  stream.pipe(socket)
  socket.pipe(stream)
  socket.on('error', () => stream.close())
  stream.on('close', () => socket.destroy())
}
