// exec: a command in a container with its streams over the tunnel. The holder runs it; between it and us are fifos in the container's
// volume, so that whoever is slow makes the other wait and nothing is kept here.
import { execFile } from 'node:child_process'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { CHANNEL, FrameReader, frameHead, jsonFrame, type Outcome, type Start, type TerminalSize } from '../shared/pods/tunnel-protocol.ts'
import type { Container } from './container.ts'
import { quote, startScript } from './script.ts'
import { encodeInput, sizeMessage, TerminalOutput, terminalCommand, terminalScript } from './terminal.ts'

/** What a process has left behind may hold its output open; so long after the process' own end it gets to say something more. */
const SILENCE_MS = 300
/** A terminal should have its size before its program looks; clients send it first of all. */
const SIZE_MS = 200

export async function serveExec(stream: ServerHttp2Stream, containers: readonly Container[]): Promise<void> {
  const session = new SessionStream(stream)
  const start = await session.start
  const name = start.container
  const running = containers.find(container => container.name === name)?.session
  if (!running) return session.refuse(500, `container not found (${JSON.stringify(name)})`)
  const { plan, holder } = running
  const id = holder.newSession()
  const file = `exec-${id}`
  const fifos = [...(start.stdin || start.tty ? [`${file}.in`] : []), `${file}.out`, ...(start.tty ? [] : [`${file}.err`])]
  const files = [file, `${file}.in`, `${file}.out`, `${file}.err`, `${file}.tty`, `${file}.cmd`]
  try {
    await makeFifos(fifos.map(fifo => holder.path(fifo)))
    if (!fifos.includes(`${file}.in`)) holder.write(`${file}.in`, '')
    const input = fifos.includes(`${file}.in`) ? holder.fifo(`${file}.in`, 'write') : undefined
    const output = holder.fifo(`${file}.out`, 'read')
    const errors = start.tty ? undefined : holder.fifo(`${file}.err`, 'read')
    const command = `${refusals(start.command?.[0] ?? '')}${startScript({ argv: start.command ?? [], env: plan.env })}`
    session.accept()
    if (start.tty) {
      const size = await session.size(SIZE_MS)
      holder.write(`${file}.cmd`, command)
      holder.write(`${file}.tty`, terminalScript({ source: `${file}.cmd`, told: `session ${id}`, ended: `done ${id}`, size }), 0o755)
      holder.write(`${file}.err`, '', 0o666)
      holder.write(file, terminalCommand(`${file}.tty`))
    } else holder.write(file, command)

    const ended = Promise.withResolvers<number>()
    const kill = holder.begin(id, ended.resolve)
    stream.on('close', () => {
      kill()
      for (const socket of [input, output, errors]) socket?.destroy()
      ended.resolve(137)
    })
    const screen = start.tty ? new TerminalOutput() : undefined
    const done = [session.copy(output, CHANNEL.stdout, screen), ...(errors ? [session.copy(errors, CHANNEL.stderr)] : [])]
    session.feed(input, start)
    const exitCode = await ended.promise
    await Promise.all(done.map(copying => copying.rest(SILENCE_MS)))
    const why = screen?.started === false ? holder.read(`${file}.err`, 1024) : ''
    session.end(why === '' ? { exitCode } : { error: `no terminal could be made: ${why}` })
    for (const socket of [input, output, errors]) socket?.destroy()
  } finally {
    for (const one of files) holder.remove(one)
  }
}

/** The words of runc and the exit codes of shells, in place of the holder's own way to say that there is no such command. */
function refusals(command: string): string {
  const say = (detail: string) =>
    `${quote(`OCI runtime exec failed: exec failed: unable to start container process: ${detail}: unknown`)} >&2`
  const exec = `exec: ${JSON.stringify(command)}`
  return `refuse() {
  case $1 in
  notfound) echo ${say(`${exec}: executable file not found in $PATH`)}; exit 127 ;;
  nofile) echo ${say(`${exec}: stat ${command}: no such file or directory`)}; exit 127 ;;
  directory) echo ${say(`${exec}: is a directory`)}; exit 126 ;;
  *) echo ${say(`${exec}: permission denied`)}; exit 126 ;;
  esac
}
`
}

/** Node has no call for it. */
export function makeFifos(paths: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('mkfifo', ['-m', '0666', ...paths], error => (error ? reject(error) : resolve()))
  })
}

/** Frames on one stream of the tunnel. */
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
        // What follows waits for whoever takes it.
        stream.pause()
        start.resolve(JSON.parse(payload.toString()) as Start)
      } else if (channel === CHANNEL.resize) {
        const size = JSON.parse(payload.toString()) as TerminalSize
        this.#size.resolve(size)
        this.#frame(channel, payload)
      } else this.#frame(channel, payload)
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

  /** Standard input to the process; for a terminal sizes as well. */
  feed(input: Socket | undefined, { tty }: Start): void {
    const stream = this.#stream
    this.#frame = (channel, payload) => {
      if (!input || input.destroyed || !input.writable) return
      if (channel === CHANNEL.endOfInput) {
        // A terminal does not end with its input; a program on it is told as a person would.
        if (tty) input.write(Buffer.of(4))
        else input.end()
        return
      }
      const bytes =
        channel === CHANNEL.stdin
          ? tty
            ? encodeInput(payload)
            : payload
          : channel === CHANNEL.resize && tty
            ? sizeMessage(JSON.parse(payload.toString()) as TerminalSize)
            : undefined
      if (!bytes || bytes.length === 0 || input.write(bytes)) return
      stream.pause()
      input.once('drain', () => stream.resume())
      input.once('close', () => stream.resume())
    }
    for (const [channel, payload] of this.#held) this.#frame(channel, payload)
    stream.resume()
  }

  /** What comes from the process, until there is no more. */
  copy(source: Socket, channel: number, screen?: TerminalOutput): { rest(silenceMs: number): Promise<void> } {
    const stream = this.#stream
    let heard = () => {}
    source.on('data', (chunk: Buffer) => {
      heard()
      const bytes = screen ? screen.push(chunk) : chunk
      if (bytes.length === 0 || stream.destroyed || !stream.writable) return
      stream.write(frameHead(channel, bytes.length))
      if (stream.write(bytes)) return
      source.pause()
      stream.once('drain', () => source.resume())
    })
    const ended = new Promise<void>(resolve => source.on('close', () => resolve()))
    return {
      rest: silenceMs =>
        new Promise<void>(resolve => {
          let timer: NodeJS.Timeout
          const done = () => {
            clearTimeout(timer)
            resolve()
          }
          heard = () => {
            clearTimeout(timer)
            // While the client is behind there is something left to say.
            timer = setTimeout(() => (source.isPaused() ? heard() : done()), silenceMs)
          }
          heard()
          void ended.then(done)
        }),
    }
  }

  end(outcome: Outcome): void {
    if (!this.#stream.destroyed && this.#stream.writable) this.#stream.end(jsonFrame(CHANNEL.outcome, outcome))
    this.#stream.resume()
  }
}
