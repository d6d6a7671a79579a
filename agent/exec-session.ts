// exec: a command in a container with its streams over the tunnel. The holder runs it; between it and us are fifos in the container's
// volume, so that whoever is slow makes the other wait and nothing is kept here.
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { CHANNEL } from '../shared/pods/tunnel-protocol.ts'
import type { Container } from './container.ts'
import { makeFifos } from './fifos.ts'
import { quote, startScript } from './script.ts'
import { SessionStream } from './session-stream.ts'
import { TerminalOutput, terminalCommand, terminalScript } from './terminal.ts'

/** What a process has left behind may hold its output open; so long after the process' own end it gets to say something more. */
const SILENCE_MS = 300
/** A terminal should have its size before its program looks; clients send it first of all. */
const SIZE_MS = 200
const END_OF_TRANSMISSION = Buffer.of(4)

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
      holder.write(
        `${file}.tty`,
        terminalScript({ source: `${file}.cmd`, told: `session ${id}`, ended: `echo "done ${id} $?" >&4`, size }),
        0o755,
      )
      holder.write(`${file}.err`, '', 0o666)
      holder.write(file, terminalCommand(`${file}.tty`))
    } else holder.write(file, command)

    const ended = Promise.withResolvers<number>()
    const begun = Promise.withResolvers<void>()
    const kill = holder.begin(id, ended.resolve, begun.resolve)
    stream.on('close', () => {
      kill()
      for (const socket of [input, output, errors]) socket?.destroy()
      ended.resolve(137)
    })
    const screen = start.tty ? new TerminalOutput() : undefined
    const copies = [copy(session, output, CHANNEL.stdout, screen), ...(errors ? [copy(session, errors, CHANNEL.stderr)] : [])]
    session.feed(input, start.tty, () => {
      // A terminal does not end with its input; a program on it is told as a person would.
      if (start.tty) input?.write(END_OF_TRANSMISSION)
      // Closed earlier, what was written would be lost, and the process wait for a writer.
      else void begun.promise.then(() => input?.end())
    })
    const exitCode = await ended.promise
    await Promise.all(copies.map(one => one.rest(SILENCE_MS)))
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

/** What comes from the process, until there is no more. `rest`: until nothing has come for so long, or it has ended. */
function copy(
  session: SessionStream,
  source: Socket,
  channel: number,
  screen?: TerminalOutput,
): { rest(silenceMs: number): Promise<void> } {
  let heard = () => {}
  source.on('data', (chunk: Buffer) => {
    heard()
    if (session.write(channel, screen ? screen.push(chunk) : chunk)) return
    source.pause()
    session.drained(() => source.resume())
  })
  const ended = new Promise<void>(resolve => source.on('close', () => resolve()))
  return {
    rest: silenceMs =>
      new Promise<void>(resolve => {
        let timer: NodeJS.Timeout
        const done = () => {
          clearTimeout(timer)
          heard = () => {}
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
