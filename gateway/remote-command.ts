// exec and attach: a client's streams and a stream of the pod's tunnel, joined. Nothing is kept here: whoever cannot take more stops the
// other side from sending.
import type { Duplex, Writable } from 'node:stream'
import { CHANNEL, FrameReader, frameHead, jsonFrame, type Outcome } from '../shared/pods/tunnel-protocol.ts'
import type { RemoteStreams } from './client/remote-streams.ts'

/** Resolves when the session is over and the client has been told how. */
export async function joinSession(client: RemoteStreams, tunnel: Duplex): Promise<void> {
  const ended = Promise.withResolvers<Outcome>()
  const reader = new FrameReader((channel, payload) => {
    if (channel === CHANNEL.stdout) write(client.stdout, payload, tunnel)
    else if (channel === CHANNEL.stderr) write(client.stderr ?? client.stdout, payload, tunnel)
    else if (channel === CHANNEL.outcome) ended.resolve(JSON.parse(payload.toString()) as Outcome)
  })
  tunnel.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk)
    } catch {
      tunnel.destroy()
    }
  })
  tunnel.on('error', () => {})
  tunnel.on('close', () => ended.resolve({ error: 'error in the session: the connection to the pod was lost' }))
  void client.closed.then(() => {
    ended.resolve({ error: 'the client has gone' })
    tunnel.destroy()
  })

  const send = (channel: number, chunk: Buffer) => {
    if (tunnel.destroyed || !tunnel.writable) return true
    tunnel.write(frameHead(channel, chunk.length))
    return tunnel.write(chunk)
  }
  const { stdin, resize } = client
  stdin?.on('data', (chunk: Buffer) => {
    if (send(CHANNEL.stdin, chunk)) return
    stdin.pause()
    tunnel.once('drain', () => stdin.resume())
  })
  stdin?.on('end', () => send(CHANNEL.endOfInput, Buffer.alloc(0)))
  resize?.on('data', (chunk: Buffer) => {
    for (const size of sizes(chunk)) if (tunnel.writable) tunnel.write(jsonFrame(CHANNEL.resize, size))
  })

  const outcome = await ended.promise
  await client.finish(outcome)
  tunnel.destroy()
}

/** What the client did not ask for is not sent, but read. */
function write(target: Writable | undefined, chunk: Buffer, source: Duplex): void {
  if (!target || target.destroyed || !target.writable || chunk.length === 0) return
  if (target.write(chunk) || source.isPaused()) return
  source.pause()
  const resume = () => {
    target.off('drain', resume)
    target.off('close', resume)
    source.resume()
  }
  target.on('drain', resume)
  target.on('close', resume)
}

/** {"Width":80,"Height":24}; SPDY clients send one after another, each on a line. */
function* sizes(chunk: Buffer): Generator<{ width: number; height: number }> {
  for (const line of chunk.toString().split('\n')) {
    try {
      const { Width: width, Height: height } = JSON.parse(line) as { Width: number; Height: number }
      if (Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0) yield { width, height }
    } catch {
      // Not a size: as if it had not been sent.
    }
  }
}
