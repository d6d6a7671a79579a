// exec and attach over SPDY: one stream for each of error, stdin, stdout, stderr and resize, named in its headers.
import type { Duplex, Writable } from 'node:stream'
import type { Outcome } from '../../shared/pods/tunnel-protocol.ts'
import { outcomeStatus, outcomeText } from '../outcome.ts'
import { keepAlive } from './keep-alive.ts'
import type { RemoteStreams, Wanted } from './remote-streams.ts'
import { SpdyConnection, type SpdyStream } from './spdy.ts'

/** In the server's words; the client's first that is among them is taken. 3 brought resizing, 4 the Status at the end. */
export const SPDY_PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'] as const

/** kubelet's patience with a client that opens its streams one by one. */
const STREAMS_MS = 30_000

type Name = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize'

/** Resolves when the client has opened every stream that it said it would. @throws Error when it does not */
export async function spdyStreams(bytes: Duplex, protocol: string, wanted: Wanted): Promise<RemoteStreams> {
  const resizes = wanted.tty && (protocol.startsWith('v4') || protocol.startsWith('v3'))
  const expected: Name[] = [
    'error',
    ...(wanted.stdin ? (['stdin'] as const) : []),
    ...(wanted.stdout ? (['stdout'] as const) : []),
    ...(wanted.stderr && !wanted.tty ? (['stderr'] as const) : []),
    ...(resizes ? (['resize'] as const) : []),
  ]
  const streams = new Map<Name, SpdyStream>()
  const complete = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const connection = new SpdyConnection(bytes, {
    stream(stream) {
      const name = stream.headers.get('streamtype') as Name
      if (!expected.includes(name) || streams.has(name)) throw new Error(`invalid stream type ${JSON.stringify(name)}`)
      streams.set(name, stream)
      if (streams.size === expected.length) complete.resolve()
    },
    closed() {
      complete.reject(new Error('the client closed the connection'))
      closed.resolve()
    },
  })
  const patience = setTimeout(() => complete.reject(new Error('timed out waiting for client to create streams')), STREAMS_MS)
  try {
    await complete.promise
  } catch (error) {
    connection.close()
    throw error
  } finally {
    clearTimeout(patience)
  }
  const stopPinging = keepAlive(() => connection.ping())
  void closed.promise.then(stopPinging)
  const error = streams.get('error')!
  const asStatus = protocol.startsWith('v4')
  return {
    stdin: streams.get('stdin'),
    stdout: streams.get('stdout'),
    stderr: streams.get('stderr'),
    resize: streams.get('resize'),
    closed: closed.promise,
    async finish(outcome: Outcome) {
      // The client waits for the ends of both before it looks at the error stream.
      await Promise.all([streams.get('stdout'), streams.get('stderr')].map(drained))
      const last = asStatus ? JSON.stringify(outcomeStatus(outcome)) : outcomeText(outcome)
      if (last !== '') error.write(last)
      await drained(error)
      connection.close()
    },
  }
}

const drained = (stream: Writable | undefined) =>
  new Promise<void>(resolve => {
    if (!stream || stream.destroyed) return resolve()
    stream.once('close', resolve)
    stream.end(resolve)
  })
