// The agent's end of one exec or attach: frames on one stream of the tunnel.
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { CHANNEL, FrameReader, frameHead, jsonFrame, type Outcome, type Start, type TerminalSize } from '../shared/pods/tunnel-protocol.ts'
import { encodeInput, sizeMessage } from './terminal.ts'

export class SessionStream {
  readonly start: Promise<Start>
  readonly #stream: ServerHttp2Stream
  readonly #size = Promise.withResolvers<TerminalSize | undefined>()
  /** What has come before somebody takes it; the stream's window bounds it. */
  readonly #held: [channel: number, payload: Buffer][] = []
  #frame: (channel: number, payload: Buffer) => void = (channel, payload) => void this.#held.push([channel, payload])

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
    const start = Promise.withResolvers<Start>()
    this.start = start.promise
    const reader = new FrameReader((channel, payload) => {
      if (channel === CHANNEL.start) {
        stream.pause()
        start.resolve(JSON.parse(payload.toString()) as Start)
        return
      }
      if (channel === CHANNEL.resize) this.#size.resolve(JSON.parse(payload.toString()) as TerminalSize)
      this.#frame(channel, payload)
    })
    stream.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk)
      } catch (error) {
        stream.destroy(error instanceof Error ? error : undefined)
      }
    })
    stream.on('close', () => {
      start.reject(new Error('the client has gone'))
      this.#size.resolve(undefined)
    })
  }

  refuse(status: number, message: string): void {
    this.#stream.respond({ ':status': status, 'content-type': 'text/plain' })
    this.#stream.end(message)
    this.#stream.resume()
  }

  accept(): void {
    this.#stream.respond({ ':status': 200 })
  }

  /** The size that the client sends first, if it does so soon. */
  async size(withinMs: number): Promise<TerminalSize | undefined> {
    const timer = setTimeout(() => this.#size.resolve(undefined), withinMs)
    this.#stream.resume()
    const size = await this.#size.promise
    this.#stream.pause()
    clearTimeout(timer)
    return size
  }

  /** Standard input to the process; sizes too, where `tty`. `end`: the client sends no more. */
  feed(input: Socket | undefined, tty: boolean, end: () => void): void {
    const stream = this.#stream
    const bytesOf = (channel: number, payload: Buffer) => {
      if (channel === CHANNEL.stdin) return tty ? encodeInput(payload) : payload
      if (channel === CHANNEL.resize && tty) return sizeMessage(JSON.parse(payload.toString()) as TerminalSize)
      return undefined
    }
    this.#frame = (channel, payload) => {
      if (channel === CHANNEL.endOfInput) return end()
      if (!input || input.destroyed || !input.writable) return
      const bytes = bytesOf(channel, payload)
      if (!bytes || bytes.length === 0 || input.write(bytes)) return
      stream.pause()
      const resume = () => {
        input.off('drain', resume)
        input.off('close', resume)
        stream.resume()
      }
      input.on('drain', resume)
      input.on('close', resume)
    }
    for (const [channel, payload] of this.#held.splice(0)) this.#frame(channel, payload)
    stream.resume()
  }

  /** False: the client is behind; wait for `drained`. */
  write(channel: number, bytes: Buffer): boolean {
    const stream = this.#stream
    if (bytes.length === 0 || stream.destroyed || !stream.writable) return true
    stream.write(frameHead(channel, bytes.length))
    return stream.write(bytes)
  }

  /** Once, also when the client has gone. */
  drained(next: () => void): void {
    const stream = this.#stream
    if (stream.destroyed) {
      next()
      return
    }
    const once = () => {
      stream.off('drain', once)
      stream.off('close', once)
      next()
    }
    stream.on('drain', once)
    stream.on('close', once)
  }

  closed(then: () => void): void {
    if (this.#stream.destroyed) then()
    else this.#stream.on('close', then)
  }

  end(outcome: Outcome): void {
    if (!this.#stream.destroyed && this.#stream.writable) this.#stream.end(jsonFrame(CHANNEL.outcome, outcome))
    this.#stream.resume()
  }
}
