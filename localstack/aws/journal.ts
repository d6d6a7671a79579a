// State that survives kill -9: one file of JSON lines, appended with a synchronous write before the reply is sent. A process that dies
// leaves at most one torn line at the end, which the next start drops. Power loss is not covered: nothing is fsynced.
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export interface JournalOptions<Entry> {
  /** Undefined: nothing is kept (tests, --fresh in memory). */
  readonly file: string | undefined
  /** Applies one entry of an earlier life. */
  readonly replay: (entry: Entry) => void
  /** Entries that rebuild the present state; the file is rewritten from them when it has grown to several times their size. */
  readonly snapshot: () => Iterable<Entry>
}

const SMALLEST_COMPACTION = 4 * 1024 * 1024
const GROWTH = 4

export class Journal<Entry> {
  readonly #file: string | undefined
  readonly #snapshot: () => Iterable<Entry>
  #fd: number | undefined
  #size = 0
  #compactAt = SMALLEST_COMPACTION

  /** @throws when the folder cannot be written or a line in the middle of the file is damaged. */
  constructor(options: JournalOptions<Entry>) {
    this.#file = options.file
    this.#snapshot = options.snapshot
    if (!this.#file) return
    mkdirSync(dirname(this.#file), { recursive: true })
    if (existsSync(this.#file)) this.#replay(this.#file, options.replay)
    this.#fd = openSync(this.#file, 'a')
    ftruncateSync(this.#fd, this.#size)
  }

  append(entry: Entry): void {
    if (this.#fd === undefined) return
    const line = Buffer.from(`${JSON.stringify(entry)}\n`)
    writeSync(this.#fd, line)
    this.#size += line.length
    if (this.#size > this.#compactAt) this.#compact()
  }

  close(): void {
    if (this.#fd === undefined) return
    closeSync(this.#fd)
    this.#fd = undefined
  }

  #replay(file: string, apply: (entry: Entry) => void): void {
    const bytes = readFileSync(file)
    // Everything after the last newline is a torn write of a process that died: it was never acknowledged.
    this.#size = bytes.lastIndexOf(10) + 1
    let number = 0
    for (const line of bytes.subarray(0, this.#size).toString('utf8').split('\n')) {
      number++
      if (line === '') continue
      let entry: Entry
      try {
        entry = JSON.parse(line) as Entry
      } catch {
        throw new Error(`${file}: line ${number} is damaged. Start with --fresh, or delete that line to lose one change.`)
      }
      apply(entry)
    }
    if (this.#size > this.#compactAt) this.#compactAt = this.#size * 2
  }

  /** Writes the present state beside the old file, then takes its place in one step. */
  #compact(): void {
    const file = this.#file!
    const lines: string[] = []
    for (const entry of this.#snapshot()) lines.push(JSON.stringify(entry))
    const text = lines.length > 0 ? `${lines.join('\n')}\n` : ''
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
    closeSync(this.#fd!)
    this.#fd = openSync(file, 'a')
    this.#size = Buffer.byteLength(text)
    this.#compactAt = Math.max(SMALLEST_COMPACTION, this.#size * GROWTH)
  }
}
