// The awslogs driver: follows a container's output at the engine and writes it to CloudWatch Logs, in order, and goes on after a crash
// where the log stream ends.
import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { Logs } from '../../aws/logs/service.ts'
import type { LogStream } from '../../aws/logs/stream.ts'
import { type Engine, isMissing } from './engine.ts'

/** CloudWatch's largest event is 256 KB. */
const LONGEST_LINE = 256 * 1024 - 26

interface Line {
  readonly timestamp: number
  readonly message: string
}

export interface LogTarget {
  readonly group: string
  readonly stream: string
}

/** Resolves when the output has ended (the container exited and everything it wrote is in the log). */
export async function followLogs(engine: Engine, containerId: string, tty: boolean, logs: Logs, target: LogTarget): Promise<void> {
  const stored = logs.groups.has(target.group) ? logs.groups.group(target.group).streams.get(target.stream) : undefined
  const resume = endOf(stored)
  let skip = resume.events
  const parser = new OutputParser(tty, lines => {
    // Events of the very millisecond at which the log ends are there already.
    const fresh = lines.filter(({ timestamp }) => timestamp > resume.timestamp || (timestamp === resume.timestamp && skip-- <= 0))
    if (fresh.length > 0) logs.write(target.group, target.stream, fresh)
  })
  /** Answers false when the container is gone. */
  const read = async (since: number, follow: boolean): Promise<boolean> => {
    const options = { stdout: true, stderr: true, timestamps: true, since: since < 0 ? 0 : since / 1000 }
    const logs = (docker: Docker): Promise<Readable | Buffer> => {
      const container = docker.getContainer(containerId)
      return follow ? (container.logs({ ...options, follow: true }) as Promise<Readable>) : container.logs({ ...options, follow: false })
    }
    let output: Readable | Buffer
    try {
      output = await engine.call(logs)
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
    if (Buffer.isBuffer(output)) parser.push(output)
    else await drain(output, chunk => parser.push(chunk))
    return true
  }
  // What is followed may end before its last entry does: an engine (28.5) hands out a last line that has no newline three times in ten, but
  // always has it afterwards. So the end is read once more.
  if (await read(resume.timestamp, true)) await read(parser.rewind(), false)
  parser.end()
}

function drain(output: Readable, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise(resolve => {
    output.on('data', take)
    output.once('end', resolve)
    output.once('error', () => resolve())
    output.once('close', resolve)
  })
}

/** Time of the stream's last event, and how many events have that time. */
function endOf(stream: LogStream | undefined): { timestamp: number; events: number } {
  if (stream?.extent.last === undefined) return { timestamp: -1, events: 0 }
  const timestamp = stream.extent.last
  let events = 0
  for (const event of stream.backward(stream.extent.size)) {
    if (event.timestamp !== timestamp) break
    events++
  }
  return { timestamp, events }
}

/**
 * Takes the engine's log stream apart. Without a terminal it comes in frames (source, length, entry), one per log entry; an entry without
 * a newline at its end is a part of a longer line. Every entry begins with its time.
 */
export class OutputParser {
  readonly #tty: boolean
  readonly #write: (lines: readonly Line[]) => void
  #rest: Buffer = Buffer.alloc(0)
  /** Unfinished lines by source: standard output and standard error run on separately. */
  readonly #partial = new Map<number, Line>()
  #lines: Line[] = []
  /** The newest entry's millisecond, and how many entries were of it. */
  #newest = { timestamp: -1, entries: 0 }
  /** Entries of that millisecond that will come a second time. */
  #again = 0

  constructor(tty: boolean, write: (lines: readonly Line[]) => void) {
    this.#tty = tty
    this.#write = write
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    if (this.#tty) this.#takeLines()
    else this.#takeFrames()
    this.#flush()
  }

  /** The output will be read once more from the millisecond that is answered; what came already is left out then. */
  rewind(): number {
    this.#rest = Buffer.alloc(0)
    this.#again = this.#newest.entries
    return this.#newest.timestamp
  }

  end(): void {
    if (this.#tty && this.#rest.length > 0) this.#entry(0, this.#rest)
    for (const line of this.#partial.values()) this.#lines.push(line)
    this.#partial.clear()
    this.#flush()
  }

  #takeFrames(): void {
    let at = 0
    while (this.#rest.length - at >= 8) {
      const length = this.#rest.readUInt32BE(at + 4)
      if (this.#rest.length - at - 8 < length) break
      this.#entry(this.#rest[at]!, this.#rest.subarray(at + 8, at + 8 + length))
      at += 8 + length
    }
    this.#rest = this.#rest.subarray(at)
  }

  #takeLines(): void {
    for (;;) {
      const end = this.#rest.indexOf(10)
      if (end < 0) return
      this.#entry(0, this.#rest.subarray(0, end + 1))
      this.#rest = this.#rest.subarray(end + 1)
    }
  }

  #entry(source: number, entry: Buffer): void {
    const space = entry.indexOf(32)
    const timestamp = Date.parse(entry.toString('latin1', 0, space))
    if (timestamp === this.#newest.timestamp && this.#again > 0) {
      this.#again--
      return
    }
    if (timestamp > this.#newest.timestamp) {
      this.#newest = { timestamp, entries: 0 }
      this.#again = 0
    }
    if (timestamp === this.#newest.timestamp) this.#newest.entries++
    const complete = entry.at(-1) === 10
    const text = entry.toString('utf8', space + 1, complete ? entry.length - 1 : entry.length)
    const before = this.#partial.get(source)
    const line: Line = { timestamp: before?.timestamp ?? timestamp, message: (before?.message ?? '') + text }
    if (complete || line.message.length >= LONGEST_LINE) {
      this.#partial.delete(source)
      this.#lines.push(line)
    } else {
      this.#partial.set(source, line)
    }
  }

  #flush(): void {
    if (this.#lines.length === 0) return
    const lines = this.#lines
    this.#lines = []
    this.#write(lines)
  }
}
