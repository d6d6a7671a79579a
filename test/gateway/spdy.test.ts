// SPDY/3.1 as Kubernetes' clients speak it. The bytes are what kubectl 1.22 sent to a server of ours.
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { SpdyConnection, type SpdyStream } from '../../gateway/client/spdy.ts'
import { dataHead, FIN, FRAME, HeaderReader, HeaderWriter, readFrames, words } from '../../gateway/client/spdy-frames.ts'

/** kubectl exec -i: error, stdin, stdout, stderr are opened one after another, "hello\n" is sent and stdin ended. */
const EXEC = [
  '80030001000000290000000100000000000078f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff',
  '800300010000001700000003000000000000c22e555c92929907000000ffff',
  '800300010000001900000005000000000000c22ac5565c92925f5a02000000ffff',
  '800300010000001500000007000000000000c229975a5404000000ffff',
  '000000030000000668656c6c6f0a0000000301000000',
]

/** One end of a connection: what the other sends is pushed, what we send is kept. */
class Wire extends Duplex {
  readonly sent: Buffer[] = []
  /** What the other side still has to send; it waits as TCP makes it wait. */
  readonly queue: Buffer[] = []
  override _read() {
    const next = this.queue.shift()
    if (next) this.push(next)
  }
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void) {
    this.sent.push(chunk)
    done()
  }
}

const turn = () => new Promise(resolve => setImmediate(resolve))
async function until(met: () => boolean): Promise<void> {
  while (!met()) await turn()
}

function open() {
  const wire = new Wire()
  const streams: SpdyStream[] = []
  let closed = false
  const connection = new SpdyConnection(wire, {
    stream: stream => {
      if (stream.headers.get('streamtype') === 'unwanted') throw new Error('unwanted')
      streams.push(stream)
    },
    closed: () => {
      closed = true
    },
  })
  const frames = async () => {
    const found = []
    for await (const frame of readFrames(
      (async function* () {
        yield Buffer.concat(wire.sent)
      })(),
    ))
      found.push(frame)
    return found
  }
  return { wire, streams, connection, frames, isClosed: () => closed }
}

describe('SPDY', () => {
  it.each([1, 3, 7, 1000])('reads what kubectl sent, cut into pieces of %i bytes', async size => {
    const { wire, streams } = open()
    const bytes = Buffer.from(EXEC.join(''), 'hex')
    for (let at = 0; at < bytes.length; at += size) wire.push(bytes.subarray(at, at + size))
    await until(() => streams.length === 4)
    expect(streams.map(stream => stream.headers.get('streamtype'))).toEqual(['error', 'stdin', 'stdout', 'stderr'])
    let input = ''
    for await (const chunk of streams[1]!) input += chunk
    expect(input).toBe('hello\n')
  })

  it('replies to a stream before anything is sent on it', async () => {
    const { wire, streams, frames } = open()
    wire.push(Buffer.from(EXEC[0]!, 'hex'))
    await until(() => streams.length === 1)
    streams[0]!.end('text')
    await until(() => streams[0]!.writableFinished)
    const [reply, data, end] = await frames()
    expect(reply).toMatchObject({ kind: 'control', type: FRAME.synReply })
    expect(reply!.payload.readUInt32BE(0)).toBe(1)
    expect(await new HeaderReader().read(reply!.payload.subarray(4))).toEqual(new Map())
    expect(data).toMatchObject({ kind: 'data', stream: 1, flags: 0 })
    expect(data!.payload.toString()).toBe('text')
    expect(end).toMatchObject({ kind: 'data', stream: 1, flags: FIN })
  })

  it('stops reading from the connection while a stream is not read, and goes on after', async () => {
    const { wire, streams } = open()
    wire.push(Buffer.from(EXEC.slice(0, 2).join(''), 'hex'))
    await until(() => streams.length === 2)
    const part = Buffer.alloc(16 * 1024, 'x')
    const total = 64
    for (let n = 0; n < total; n++) wire.queue.push(Buffer.concat([dataHead(3, n === total - 1 ? FIN : 0, part.length), part]))
    wire.push(wire.queue.shift())
    const stdin = streams[1]!
    await until(() => stdin.readableLength >= stdin.readableHighWaterMark)
    for (let n = 0; n < 50; n++) await turn()
    // What is held is a stream's own buffer and the connection's, not all that was sent.
    expect(stdin.readableLength).toBeLessThanOrEqual(2 * stdin.readableHighWaterMark)
    expect(wire.queue.length).toBeGreaterThan(total / 2)
    let length = 0
    for await (const chunk of stdin) length += (chunk as Buffer).length
    expect(length).toBe(total * part.length)
  })

  it('refuses a stream that nobody wants, and goes on with the others', async () => {
    const { wire, streams, frames } = open()
    const writer = new HeaderWriter()
    for (const [id, type] of [
      [1, 'unwanted'],
      [3, 'stdout'],
    ] as const) {
      const block = await writer.write(new Map([['streamType', type]]))
      const payload = Buffer.concat([words(id, 0), Buffer.alloc(2), block])
      const head = words((0x8003_0000 | FRAME.synStream) >>> 0, payload.length)
      wire.push(Buffer.concat([head, payload]))
    }
    await until(() => streams.length === 1)
    const resets = (await frames()).filter(frame => frame.kind === 'control' && frame.type === FRAME.rstStream)
    expect(resets.map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)])).toEqual([[1, 3]])
  })

  it('answers a ping with the same number, and not its own coming back', async () => {
    const { wire, frames, connection } = open()
    wire.push(Buffer.concat([words(0x8003_0006, 4, 5), words(0x8003_0006, 4, 2)]))
    connection.ping()
    await turn()
    await turn()
    const pings = (await frames()).filter(frame => frame.kind === 'control' && frame.type === FRAME.ping)
    expect(pings.map(({ payload }) => payload.readUInt32BE(0)).sort()).toEqual([2, 5])
  })

  it.each([
    ['another version', '80020001000000000000'],
    ['a frame without end', '8003000100ffffff00000000'],
    ['headers that are none', '800300010000001400000001000000000000ffffffffffffffffffff'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex')],
  ])('closes on %s', async (_, bytes) => {
    const { wire, streams, isClosed } = open()
    wire.push(Buffer.from(EXEC[0]!, 'hex'))
    await until(() => streams.length === 1)
    wire.push(Buffer.from(bytes, 'hex'))
    wire.push(null)
    await until(isClosed)
    expect(streams[0]!.destroyed).toBe(true)
  })
})
