// The frames of SPDY/3.1 and their headers, as far as Kubernetes' clients use them. Bytes to values and back; no connection here.
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib'
import { SPDY_DICTIONARY } from './spdy-dictionary.ts'

export const FRAME = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8, windowUpdate: 9 } as const
export const FIN = 1
export const RESET = { protocolError: 1, refused: 3, cancel: 5, internalError: 6 } as const

export type Frame =
  | { readonly kind: 'data'; readonly stream: number; readonly flags: number; readonly payload: Buffer }
  | { readonly kind: 'control'; readonly type: number; readonly flags: number; readonly payload: Buffer }

const HEAD = 8
const VERSION = 3
/** A stream of frames longer than this is none: clients cut their data at 32 KiB or less. */
const LONGEST = 4 * 1024 * 1024
/** Bytes of one block of headers, unpacked. Kubernetes' are below 200. */
const MOST_HEADERS = 16 * 1024

/** Cuts bytes into frames. @throws Error when it is not SPDY/3 */
export async function* readFrames(bytes: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest: Buffer[] = []
  let length = 0
  for await (const chunk of bytes) {
    rest.push(chunk)
    length += chunk.length
    if (length < HEAD) continue
    let all = rest.length === 1 ? chunk : Buffer.concat(rest)
    while (all.length >= HEAD) {
      const size = all.readUIntBE(5, 3)
      if (size > LONGEST) throw new Error(`a SPDY frame of ${size} bytes`)
      if (all.length < HEAD + size) break
      const payload = all.subarray(HEAD, HEAD + size)
      const first = all.readUInt32BE(0)
      const flags = all[4]!
      if (first < 0x8000_0000) yield { kind: 'data', stream: first, flags, payload }
      else if (((first >>> 16) & 0x7fff) !== VERSION) throw new Error(`SPDY version ${(first >>> 16) & 0x7fff}`)
      else yield { kind: 'control', type: first & 0xffff, flags, payload }
      all = all.subarray(HEAD + size)
    }
    rest = all.length > 0 ? [all] : []
    length = all.length
  }
}

export function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD)
  head.writeUInt32BE((0x8000_0000 | (VERSION << 16) | type) >>> 0)
  head.writeUInt32BE(((flags << 24) | payload.length) >>> 0, 4)
  return Buffer.concat([head, payload])
}

export function dataHead(stream: number, flags: number, length: number): Buffer {
  const head = Buffer.alloc(HEAD)
  head.writeUInt32BE(stream)
  head.writeUInt32BE(((flags << 24) | length) >>> 0, 4)
  return head
}

export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value, index * 4)
  })
  return bytes
}

/** Blocks of headers in one direction: they share one compression context, so they must go through in their order. */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary: SPDY_DICTIONARY, flush: constants.Z_SYNC_FLUSH })
  #chunks: Buffer[] = []
  #failed: (error: Error) => void = () => {}

  constructor() {
    this.#inflate.on('data', (chunk: Buffer) => this.#chunks.push(chunk))
    this.#inflate.on('error', error => this.#failed(error))
  }

  async read(block: Buffer): Promise<ReadonlyMap<string, string>> {
    this.#chunks = []
    await new Promise<void>((resolve, reject) => {
      this.#failed = reject
      this.#inflate.write(block, error => (error ? reject(error) : resolve()))
    })
    const bytes = Buffer.concat(this.#chunks)
    if (bytes.length > MOST_HEADERS) throw new Error(`${bytes.length} bytes of SPDY headers`)
    return parse(bytes)
  }

  close(): void {
    this.#inflate.destroy()
  }
}

export class HeaderWriter {
  readonly #deflate: Deflate = createDeflate({ dictionary: SPDY_DICTIONARY })
  #chunks: Buffer[] = []

  constructor() {
    this.#deflate.on('data', (chunk: Buffer) => this.#chunks.push(chunk))
    this.#deflate.on('error', () => {})
  }

  async write(headers: ReadonlyMap<string, string>): Promise<Buffer> {
    this.#chunks = []
    this.#deflate.write(serialize(headers))
    await new Promise<void>(resolve => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve))
    return Buffer.concat(this.#chunks)
  }

  close(): void {
    this.#deflate.destroy()
  }
}

/** Names in lower case. */
function parse(bytes: Buffer): ReadonlyMap<string, string> {
  let at = 0
  const number = () => {
    if (at + 4 > bytes.length) throw new Error('SPDY headers are cut off')
    at += 4
    return bytes.readUInt32BE(at - 4)
  }
  const text = () => {
    const length = number()
    if (at + length > bytes.length) throw new Error('SPDY headers are cut off')
    at += length
    return bytes.toString('utf8', at - length, at)
  }
  const headers = new Map<string, string>()
  for (let left = number(); left > 0; left--) {
    const name = text()
    headers.set(name.toLowerCase(), text())
  }
  return headers
}

function serialize(headers: ReadonlyMap<string, string>): Buffer {
  const text = (value: string) => [words(Buffer.byteLength(value)), Buffer.from(value)]
  return Buffer.concat([words(headers.size), ...[...headers].flatMap(([name, value]) => [...text(name), ...text(value)])])
}
