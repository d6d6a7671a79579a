// The awslogs driver: follows a container's output at the engine and writes it to CloudWatch Logs, in order, and goes on after a crash
// where the log stream ends.
import type { Readable } from 'node:stream'
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
  let output: Readable
  try {
    const options = {
      follow: true as const,
      stdout: true,
      stderr: true,
      timestamps: true,
      since: resume.timestamp < 0 ? 0 : resume.timestamp / 1000,
    }
    output = (await engine.call(docker => docker.getContainer(containerId).logs(options))) as unknown as Readable
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  await new Promise<void>(resolve => {
    output.on('data', (chunk: Buffer) => parser.push(chunk))
    output.once('end', resolve)
    output.once('error', () => resolve())
    output.once('close', resolve)
  })
  parser.end()
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
