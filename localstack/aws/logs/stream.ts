// One log stream: a file that only grows, one line an event: "<time> <ingestion time> <message as JSON>\n", times in milliseconds. Events
// stay in the order in which they came. A sparse index in memory (one entry per 32 KiB) finds a place by time without reading all; it is
// made when the stream is first looked at, for most streams of old pods never are.
import { existsSync, ftruncateSync, readFileSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { closeFile, descriptor } from './open-files.ts'

export interface LogEvent {
  readonly timestamp: number
  readonly message: string
}

/** An event with the place of its line in the file: places order events and serve as tokens. */
export interface Placed extends LogEvent {
  readonly ingestionTime: number
  readonly offset: number
  readonly next: number
}

interface Extent {
  size: number
  first?: number
  last?: number
  lastIngestion?: number
  largest: number
  /** Start of a line at least every BLOCK bytes, with the largest time of all events before it. */
  readonly index: { offset: number; before: number }[]
}

const BLOCK = 32 * 1024

export class LogStream {
  readonly name: string
  readonly created: number
  readonly #file: string | undefined
  /** Without a file: the text itself. */
  #memory: Buffer = Buffer.alloc(0)
  #extent: Extent | undefined

  constructor(name: string, created: number, file: string | undefined) {
    this.name = name
    this.created = created
    this.#file = file
  }

  /** Times of the first, the last and the last received event; size in bytes. */
  get extent(): Readonly<Extent> {
    return this.#loaded()
  }

  /** When it was last written to, without reading it. */
  get touched(): number {
    if (this.#extent?.lastIngestion !== undefined) return this.#extent.lastIngestion
    return this.#file && existsSync(this.#file) ? statSync(this.#file).mtimeMs : this.created
  }

  append(events: readonly LogEvent[], ingestionTime: number): void {
    if (events.length === 0) return
    const extent = this.#loaded()
    let text = ''
    let length = 0
    for (const { timestamp, message } of events) {
      const line = `${timestamp} ${ingestionTime} ${JSON.stringify(message)}\n`
      note(extent, extent.size + length, timestamp, ingestionTime)
      text += line
      length += Buffer.byteLength(line)
    }
    const bytes = Buffer.from(text)
    if (this.#file) writeSync(descriptor(this.#file), bytes)
    else this.#memory = Buffer.concat([this.#memory, bytes])
    extent.size += bytes.length
  }

  /** Events from the line at `offset` on, oldest first. */
  *forward(offset: number): Iterable<Placed> {
    const { size } = this.extent
    let at = offset
    let readTo = offset
    let rest: Buffer = Buffer.alloc(0)
    while (at < size) {
      const end = rest.indexOf(10)
      if (end < 0) {
        const chunk = this.#read(readTo, Math.min(BLOCK * 2, size - readTo))
        if (chunk.length === 0) return
        readTo += chunk.length
        rest = Buffer.concat([rest, chunk])
        continue
      }
      yield parseLine(rest.subarray(0, end), at)
      at += end + 1
      rest = rest.subarray(end + 1)
    }
  }

  /** Events whose lines begin before `offset`, newest first. */
  *backward(offset: number): Iterable<Placed> {
    const { size, index } = this.extent
    let until = Math.min(offset, size)
    for (let block = index.length - 1; block >= 0; block--) {
      const { offset: from } = index[block]!
      if (from >= until) continue
      const lines: Placed[] = []
      for (const event of this.forward(from)) {
        if (event.offset >= until) break
        lines.push(event)
      }
      yield* lines.reverse()
      until = from
    }
  }

  /** A place before which no event is as late as `time`. */
  placeOf(time: number): number {
    let found = 0
    for (const { offset, before } of this.extent.index) {
      if (before >= time) break
      found = offset
    }
    return found
  }

  close(): void {
    if (this.#file) closeFile(this.#file)
  }

  delete(): void {
    this.close()
    if (this.#file) rmSync(this.#file, { force: true })
  }

  #read(offset: number, length: number): Buffer {
    if (!this.#file) return this.#memory.subarray(offset, offset + length)
    const buffer = Buffer.allocUnsafe(length)
    return buffer.subarray(0, readSync(descriptor(this.#file), buffer, 0, length, offset))
  }

  #loaded(): Extent {
    this.#extent ??= this.#load()
    return this.#extent
  }

  #load(): Extent {
    const extent: Extent = { size: 0, largest: Number.NEGATIVE_INFINITY, index: [{ offset: 0, before: Number.NEGATIVE_INFINITY }] }
    if (!this.#file || !existsSync(this.#file)) return extent
    const bytes = readFileSync(this.#file)
    extent.size = bytes.lastIndexOf(10) + 1
    // A torn last line belongs to a process that died while writing it.
    if (extent.size < bytes.length) ftruncateSync(descriptor(this.#file), extent.size)
    for (let at = 0; at < extent.size; ) {
      const end = bytes.indexOf(10, at)
      const { timestamp, ingestionTime } = parseTimes(bytes.subarray(at, end))
      note(extent, at, timestamp, ingestionTime)
      at = end + 1
    }
    return extent
  }
}

function note(extent: Extent, offset: number, timestamp: number, ingestionTime: number): void {
  if (offset - extent.index.at(-1)!.offset >= BLOCK) extent.index.push({ offset, before: extent.largest })
  extent.largest = Math.max(extent.largest, timestamp)
  extent.first ??= timestamp
  extent.last = timestamp
  extent.lastIngestion = ingestionTime
}

function parseTimes(line: Buffer): { timestamp: number; ingestionTime: number; text: number } {
  const first = line.indexOf(32)
  const second = line.indexOf(32, first + 1)
  return {
    timestamp: Number(line.toString('latin1', 0, first)),
    ingestionTime: Number(line.toString('latin1', first + 1, second)),
    text: second + 1,
  }
}

function parseLine(line: Buffer, offset: number): Placed {
  const { timestamp, ingestionTime, text } = parseTimes(line)
  return { timestamp, ingestionTime, message: JSON.parse(line.toString('utf8', text)) as string, offset, next: offset + line.length + 1 }
}
