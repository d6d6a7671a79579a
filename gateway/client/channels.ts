// exec and attach over WebSocket: each message begins with the number of its channel. The versions differ in how the end is told, in
// half-closing (5 only), and in base64 for clients that can send text alone.
import { Readable, Writable } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Outcome } from '../../shared/pods/tunnel-protocol.ts'
import { outcomeStatus, outcomeText } from '../outcome.ts'
import { keepAlive } from './keep-alive.ts'
import type { RemoteStreams, Wanted } from './remote-streams.ts'

/** As clients name them, in no order: theirs decides. "" is a client that names none. */
export const CHANNEL_PROTOCOLS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
  '',
] as const

const STDIN = 0
const STDOUT = 1
const STDERR = 2
const ERROR = 3
const RESIZE = 4
const CLOSE = 255
const NORMAL = 1000

export function channelStreams(socket: WebSocket, protocol: string, wanted: Wanted): RemoteStreams {
  const base64 = protocol.includes('base64')
  const asStatus = protocol.startsWith('v4') || protocol.startsWith('v5')
  const encode = (channel: number, chunk: Buffer) =>
    base64 ? `${channel}${chunk.toString('base64')}` : Buffer.concat([Buffer.of(channel), chunk])
  const send = (channel: number, chunk: Buffer) =>
    new Promise<void>((resolve, reject) => {
      socket.send(encode(channel, chunk), { binary: !base64 }, error => (error ? reject(error) : resolve()))
    })
  const output = (channel: number) =>
    new Writable({
      write: (chunk: Buffer, _, done) => void send(channel, chunk).then(() => done(), done),
    }).on('error', () => {})
  /** Messages of all channels come in one row: while the reader of one is behind, none is read. */
  const input = () => new Readable({ read: () => socket.resume() }).on('error', () => {})

  const stdin = wanted.stdin ? input() : undefined
  const resize = wanted.tty ? input() : undefined
  const stdout = wanted.stdout ? output(STDOUT) : undefined
  const stderr = wanted.stderr && !wanted.tty ? output(STDERR) : undefined
  const closed = new Promise<void>(resolve => socket.on('close', () => resolve()))
  const stopPinging = keepAlive(() => socket.ping())
  void closed.then(() => {
    stopPinging()
    for (const stream of [stdin, resize, stdout, stderr]) stream?.destroy()
  })
  socket.on('error', () => socket.terminate())

  const take = (target: Readable | undefined, chunk: Buffer) => {
    if (target && !target.destroyed && !target.readableEnded && !target.push(chunk)) socket.pause()
  }
  let inputEnded = false
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (!isBinary && !base64) return socket.close(1003, 'binary messages only')
    const bytes = base64 ? Buffer.from(data.toString('latin1', 1), 'base64') : data.subarray(1)
    const channel = base64 ? Number(data.toString('latin1', 0, 1)) : data[0]
    if (channel === STDIN && !inputEnded) take(stdin, bytes)
    else if (channel === RESIZE) take(resize, bytes)
    else if (channel === CLOSE && bytes[0] === STDIN && protocol.startsWith('v5') && !inputEnded) {
      inputEnded = true
      stdin?.push(null)
    }
  })
  // Clients of the first versions wait for a first message before they believe that the connection is there.
  if (!asStatus) void send(STDOUT, Buffer.alloc(0)).catch(() => {})

  return {
    stdin,
    stdout,
    stderr,
    resize,
    closed,
    async finish(outcome: Outcome) {
      await Promise.all([stdout, stderr].map(drained))
      const last = asStatus ? JSON.stringify(outcomeStatus(outcome)) : outcomeText(outcome)
      if (last !== '') await send(ERROR, Buffer.from(last)).catch(() => {})
      // A client may be held back; it must be able to read up to here.
      socket.resume()
      socket.close(NORMAL)
      await closed
    },
  }
}

const drained = (stream: Writable | undefined) =>
  new Promise<void>(resolve => {
    if (!stream || stream.destroyed) return resolve()
    stream.once('close', resolve)
    stream.end(resolve)
  })
