// A SPDY/3.1 connection, server's side: the streams that a client opens, each a Duplex.
//
// Kubernetes' clients neither send window updates nor look at them, so what holds a fast sender back is TCP: while one stream's reader
// is behind, nothing is read from the connection; a write is done when the connection has taken it.
import { Duplex } from 'node:stream'
import { controlFrame, dataHead, FIN, FRAME, type Frame, HeaderReader, HeaderWriter, RESET, readFrames, words } from './spdy-frames.ts'

export interface SpdyEvents {
  /** Throws to refuse the stream. */
  stream(stream: SpdyStream): void
  /** The connection is over, for whatever reason; its streams are destroyed. */
  closed(): void
}

/** Bytes in one data frame. */
const LONGEST_DATA = 32 * 1024
const MOST_STREAMS = 1024
const NO_HEADERS = new Map<string, string>()

export class SpdyConnection {
  readonly #bytes: Duplex
  readonly #events: SpdyEvents
  readonly #streams = new Map<number, SpdyStream>()
  readonly #reader = new HeaderReader()
  readonly #writer = new HeaderWriter()
  #ping = 0
  #closed = false

  constructor(bytes: Duplex, events: SpdyEvents) {
    this.#bytes = bytes
    this.#events = events
    bytes.on('error', () => this.close())
    bytes.on('close', () => this.close())
    void this.#run()
  }

  ping(): void {
    this.#ping += 2
    this.#send(controlFrame(FRAME.ping, 0, words(this.#ping)))
  }

  /** Orderly: what was written is still sent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (!this.#bytes.destroyed) this.#bytes.end(controlFrame(FRAME.goAway, 0, words(0, 0)))
    for (const stream of this.#streams.values()) stream.destroy()
    this.#streams.clear()
    this.#reader.close()
    this.#writer.close()
    this.#events.closed()
  }

  /** For streams: resolves when the connection has taken it. */
  write(stream: number, flags: number, chunk: Buffer, done: (error?: Error | null) => void): void {
    if (this.#closed || this.#bytes.destroyed) {
      done(new Error('the connection is closed'))
      return
    }
    this.#bytes.cork()
    for (let at = 0; at < chunk.length || at === 0; at += LONGEST_DATA) {
      const part = chunk.subarray(at, at + LONGEST_DATA)
      const last = at + LONGEST_DATA >= chunk.length
      this.#bytes.write(dataHead(stream, last ? flags : 0, part.length))
      if (last) this.#bytes.write(part, done)
      else this.#bytes.write(part)
    }
    this.#bytes.uncork()
  }

  /** For streams that are over; with a status when the client does not know it yet. */
  forget(stream: number, status?: number): void {
    if (this.#streams.delete(stream) && status !== undefined) this.#reset(stream, status)
  }

  async #run(): Promise<void> {
    try {
      for await (const frame of readFrames(this.#bytes as AsyncIterable<Buffer>)) {
        await this.#take(frame)
        if (this.#closed) return
      }
    } catch {
      // Cut off, or not SPDY: either way there is nobody to talk to.
    }
    this.close()
  }

  async #take(frame: Frame): Promise<void> {
    if (frame.kind === 'data') {
      const stream = this.#streams.get(frame.stream)
      // One that was reset while this was under way.
      if (!stream) return
      if (frame.payload.length > 0) await stream.deliver(frame.payload)
      if (frame.flags & FIN) stream.ended()
      return
    }
    const { type, flags, payload } = frame
    const id = payload.length >= 4 ? payload.readUInt32BE(0) & 0x7fff_ffff : 0
    switch (type) {
      case FRAME.synStream:
        return this.#open(id, flags, payload.subarray(10))
      case FRAME.synReply:
      case FRAME.headers:
        // They share the compression context, so they must be read even when nobody wants them.
        await this.#reader.read(payload.subarray(4))
        return
      case FRAME.rstStream: {
        const stream = this.#streams.get(id)
        this.#streams.delete(id)
        stream?.destroy()
        return
      }
      case FRAME.ping:
        // Odd numbers are the client's; even ones are ours coming back.
        if (id % 2 === 1) this.#send(controlFrame(FRAME.ping, 0, words(id)))
        return
      case FRAME.goAway:
        // The client opens no more streams; those that are there go on.
        return
    }
  }

  async #open(id: number, flags: number, block: Buffer): Promise<void> {
    const headers = await this.#reader.read(block)
    if (id % 2 === 0 || this.#streams.has(id) || this.#streams.size >= MOST_STREAMS) return this.#reset(id, RESET.refused)
    const stream = new SpdyStream(this, id, headers)
    // Clients drop what comes on a stream before its reply, so nobody may know of it earlier.
    const reply = await this.#writer.write(NO_HEADERS)
    this.#send(controlFrame(FRAME.synReply, 0, Buffer.concat([words(id), reply])))
    this.#streams.set(id, stream)
    if (flags & FIN) stream.ended()
    try {
      this.#events.stream(stream)
    } catch {
      this.forget(id, RESET.refused)
      stream.destroy()
    }
  }

  #reset(stream: number, status: number): void {
    this.#send(controlFrame(FRAME.rstStream, 0, words(stream, status)))
  }

  #send(bytes: Buffer): void {
    if (!this.#closed && this.#bytes.writable) this.#bytes.write(bytes)
  }
}

export class SpdyStream extends Duplex {
  readonly id: number
  readonly headers: ReadonlyMap<string, string>
  readonly #connection: SpdyConnection
  #wanted: (() => void) | undefined

  constructor(connection: SpdyConnection, id: number, headers: ReadonlyMap<string, string>) {
    super({ allowHalfOpen: true })
    this.#connection = connection
    this.id = id
    this.headers = headers
    // Whoever uses it sees 'close'; that a client has gone is no news to anybody else.
    this.on('error', () => {})
  }

  /** Resolves when more may come. */
  async deliver(chunk: Buffer): Promise<void> {
    if (this.destroyed || this.readableEnded) return
    if (this.push(chunk)) return
    await new Promise<void>(resolve => {
      this.#wanted = resolve
    })
  }

  /** The client sends no more. */
  ended(): void {
    if (!this.destroyed) this.push(null)
  }

  override _read(): void {
    const wanted = this.#wanted
    this.#wanted = undefined
    wanted?.()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#connection.write(this.id, 0, chunk, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#connection.write(this.id, FIN, Buffer.alloc(0), done)
  }

  override _destroy(_: Error | null, done: (error?: Error | null) => void): void {
    this._read()
    this.#connection.forget(this.id, this.writableFinished ? undefined : RESET.cancel)
    done(null)
  }
}
