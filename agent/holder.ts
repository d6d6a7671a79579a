// The agent's end of one holder (holder.sh): commands go in through one fifo, reports come out of another, and files lie between.
// The app may be root in its own container and so may put anything into this volume: nothing is followed, nothing is waited
// for, and what is read is bounded.
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'

export type Refusal = 'notfound' | 'nofile' | 'denied' | 'directory' | `place:${string}`

export interface Usage {
  readonly cpuNanoseconds: number
  readonly memoryBytes: number
  readonly inactiveFileBytes: number
  readonly oomKills: number
}

export interface HolderEvents {
  /** The holder listens. */
  ready(): void
  started(attempt: number, pid: number): void
  /** The command could not be run at all. */
  failed(attempt: number, why: Refusal): void
  exited(attempt: number, code: number, oomKills: number): void
  /** The holder itself is gone, and the container with it: nothing can be started here any more. */
  lost(): void
}

export interface ExecResult {
  readonly code: number
  readonly output: string
}

const LONGEST_LINE = 4096
/** Bytes of an exec probe's or hook's output that anyone will see, as kubelet bounds it. */
const EXEC_OUTPUT_LIMIT = 10 * 1024

const isFifo = (stats: Stats) => stats.isFIFO()
const isFile = (stats: Stats) => stats.isFile()

export class Holder {
  readonly #directory: string
  readonly #events: HolderEvents
  readonly #sessions = new Map<number, Session>()
  #control: number | undefined
  #reports: Socket | undefined
  #alive: Socket | undefined
  #usage: ((usage: Usage) => void) | undefined
  #nextSession = 1
  #pid = 0

  constructor(directory: string, events: HolderEvents) {
    this.#directory = directory
    this.#events = events
  }

  /** False when setup has not made the fifos yet. The holder reports `ready` once it runs. */
  open(graceSeconds: number): boolean {
    try {
      lstatSync(this.path('ready'))
    } catch {
      return false
    }
    // For reading and writing both: neither open waits for the other side, and neither side sees an end of file while we live.
    const reports = this.#openChecked('report', constants.O_RDWR, isFifo)
    this.#control = this.#openChecked('ctl', constants.O_RDWR, isFifo)
    this.#reports = new Socket({ fd: reports, readable: true, writable: false })
    let rest = ''
    this.#reports.setEncoding('latin1')
    this.#reports.on('error', () => {})
    this.#reports.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > LONGEST_LINE) rest = ''
      for (const line of lines) this.#report(line.split(' '))
    })
    this.#say(`hello ${graceSeconds}`)
    return true
  }

  /** Copies a file that the agent wrote to where the container sees it, for a start script to place. @throws when there is no such file */
  place(index: number, file: string) {
    const { mode, uid, gid } = statSync(file)
    this.write(`file-${index}`, readFileSync(file), mode & 0o7777, { uid, gid })
  }

  /** What setup waits for before any container begins; empty when it does not. */
  get unmounted(): string {
    return this.read('unmounted', LONGEST_LINE).trim()
  }

  /** With `keepTail` the end of the output is kept in the file `tail`. The termination message, if any, is in `message` at the end. */
  start(
    attempt: number,
    script: string,
    messagePath: string,
    keepTail: boolean,
    attachable?: { begin(attempt: number, script: string): string },
  ) {
    const mode = attachable?.begin(attempt, script) ?? ''
    if (mode === '') this.write('start', script)
    this.#say(`start ${attempt} ${keepTail ? 1 : 0}${mode} ${messagePath.replaceAll('\n', ' ')}`)
  }

  /** To the user's process alone, as a container runtime does. */
  signal(name: string) {
    if (this.#pid > 0) this.#say(`signal ${name.replace(/^SIG/, '')} ${this.#pid}`)
  }

  /** SIGKILL to the process and its group; what else runs in the container follows them. */
  kill() {
    if (this.#pid > 0) this.#say(`kill ${this.#pid}`)
  }

  /** Runs a command in the container and waits for its end or the signal's abort, which kills it. */
  exec(script: string, signal: AbortSignal): Promise<ExecResult> {
    const id = this.newSession()
    const name = `exec-${id}`
    const files = [name, `${name}.in`, `${name}.out`, `${name}.err`]
    this.write(name, script)
    this.write(`${name}.in`, '')
    this.write(`${name}.out`, '', 0o666)
    this.write(`${name}.err`, '', 0o666)
    return new Promise<ExecResult>((resolve, reject) => {
      const abort = () => {
        kill()
        reject(signal.reason)
      }
      const kill = this.begin(id, code => {
        signal.removeEventListener('abort', abort)
        resolve({ code, output: this.read(`${name}.out`, EXEC_OUTPUT_LIMIT) + this.read(`${name}.err`, EXEC_OUTPUT_LIMIT) })
      })
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort, { once: true })
    }).finally(() => {
      for (const file of files) this.remove(file)
    })
  }

  newSession(): number {
    return this.#nextSession++
  }

  /**
   * Runs the script in the file exec-<id> with exec-<id>.in, .out and .err as its streams: files or fifos, made before. `begun` is called
   * when it has opened them, `end` when it has ended. Answers what kills it, after which `end` is not called.
   */
  begin(id: number, end: (code: number) => void, begun = () => {}): () => void {
    this.#sessions.set(id, { pid: 0, begun, end })
    this.#say(`exec ${id}`)
    return () => {
      const session = this.#sessions.get(id)
      if (session?.pid) this.#say(`signal KILL -${session.pid}`)
      this.#sessions.delete(id)
    }
  }

  /** One of our own fifos in the volume, which nobody has put something else in the place of. */
  fifo(name: string, use: 'read' | 'read on' | 'write'): Socket {
    // Opened for both, it neither waits for the other side nor finds the end of file when that has gone ("read on"). What writes is the
    // last to hold it for writing, so that closing it is the reader's end of file.
    const fd = this.#openChecked(name, use === 'read' ? constants.O_RDONLY : constants.O_RDWR, isFifo)
    const socket = new Socket({ fd, readable: use !== 'write', writable: use === 'write' })
    socket.on('error', () => socket.destroy())
    return socket
  }

  path(name: string): string {
    return join(this.#directory, name)
  }

  /** Answers when the holder does. */
  usage(callback: (usage: Usage) => void) {
    this.#usage = callback
    this.#say('stat')
  }

  /** The holder exits, and with it the container. */
  end(code: number) {
    this.#say(`end ${code}`)
  }

  /** The end of a file in the volume, or of an empty one when there is none to be trusted. */
  read(name: string, limit: number): string {
    try {
      const file = this.#openChecked(name, constants.O_RDONLY, isFile)
      try {
        const size = fstatSync(file).size
        const buffer = Buffer.alloc(Math.min(size, limit))
        const length = readSync(file, buffer, 0, buffer.length, Math.max(0, size - limit))
        return buffer.toString('utf8', 0, length)
      } finally {
        closeSync(file)
      }
    } catch {
      return ''
    }
  }

  close() {
    this.#reports?.destroy()
    this.#alive?.destroy()
    if (this.#control !== undefined) closeSync(this.#control)
    this.#control = undefined
  }

  #report([verb, first, second, ...rest]: string[]) {
    const attempt = Number(first)
    const value = Number(second)
    switch (verb) {
      case 'ready':
        this.#watch()
        return this.#events.ready()
      case 'started':
        this.#pid = positive(value)
        return this.#events.started(attempt, this.#pid)
      case 'failed':
        this.#ended()
        return this.#events.failed(attempt, (second ?? 'notfound') as Refusal)
      case 'exited':
        this.#ended()
        return this.#events.exited(attempt, Number.isInteger(value) ? value : 255, Number(rest[0] ?? 0))
      case 'session': {
        const session = this.#sessions.get(attempt)
        // Aborted before the holder said which process it is.
        if (session) {
          session.pid = positive(value)
          session.begun()
        } else if (positive(value)) this.#say(`signal KILL -${value}`)
        return
      }
      case 'done':
        this.#sessions.get(attempt)?.end(value)
        this.#sessions.delete(attempt)
        return
      case 'stat':
        return this.#usage?.({
          cpuNanoseconds: attempt || 0,
          memoryBytes: value || 0,
          inactiveFileBytes: Number(rest[0]) || 0,
          oomKills: Number(rest[1]) || 0,
        })
    }
  }

  /** Only the holder has this fifo open for writing: it ends with the holder. */
  #watch() {
    const alive = new Socket({ fd: this.#openChecked('alive', constants.O_RDONLY, isFifo), readable: true, writable: false })
    this.#alive = alive
    alive.on('error', () => {})
    alive.on('end', () => {
      this.#ended()
      this.#events.lost()
    })
    alive.resume()
  }

  /** Sessions end with the container's process, as they do where that process is process 1. */
  #ended() {
    this.#pid = 0
    for (const session of this.#sessions.values()) session.end(137)
    this.#sessions.clear()
  }

  #say(line: string) {
    if (this.#control === undefined) return
    try {
      writeSync(this.#control, `${line}\n`)
    } catch {
      // The fifo is full: the holder has not read 64 KB of orders. ECS's own signals and stop timeout are what is left.
    }
  }

  write(name: string, content: string | Buffer, mode = 0o644, owner?: { readonly uid: number; readonly gid: number }) {
    this.remove(name)
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
    const file = openSync(this.path(name), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, mode)
    try {
      writeFileSync(file, content)
      if (owner) fchownSync(file, owner.uid, owner.gid)
    } finally {
      closeSync(file)
    }
  }

  remove(name: string) {
    try {
      unlinkSync(this.path(name))
    } catch {
      // It was not there.
    }
  }

  #openChecked(name: string, flags: number, wanted: (stats: Stats) => boolean): number {
    const file = openSync(this.path(name), flags | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (wanted(fstatSync(file))) return file
    closeSync(file)
    throw new Error(`${this.path(name)} is not what setup made`)
  }
}

interface Session {
  pid: number
  begun(): void
  end(code: number): void
}

const positive = (value: number) => (Number.isInteger(value) && value > 1 ? value : 0)
