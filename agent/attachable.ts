// A container with standard input or a terminal: its process' streams go through fifos, so that clients can attach to them, and a copy of
// what it says to its log. Without a client nobody types, and what it says is only read away.
import type { Socket } from 'node:net'
import type { ContainerPlan } from '../shared/pods/agent-protocol.ts'
import { CHANNEL } from '../shared/pods/tunnel-protocol.ts'
import { makeFifos } from './fifos.ts'
import type { Holder } from './holder.ts'
import type { SessionStream } from './session-stream.ts'
import { TerminalOutput, terminalCommand, terminalScript } from './terminal.ts'

const END_OF_TRANSMISSION = Buffer.of(4)
/** The last output is in the fifo when the holder tells of the end, and some moments away from being read. */
const SILENCE_MS = 100

export class Attachable {
  readonly #holder: Holder
  readonly #plan: ContainerPlan
  readonly #sessions = new Set<SessionStream>()
  readonly #behind = new Set<SessionStream>()
  readonly #outputs: readonly Socket[]
  #screen = new TerminalOutput(true)
  #input: Socket | undefined
  #heard = () => {}

  /** Makes the fifos. They last as long as the container. */
  static async prepare(holder: Holder, plan: ContainerPlan): Promise<Attachable> {
    const names = ['attach.in', 'attach.out', 'attach.err', 'attach.1', 'attach.2']
    for (const name of names) holder.remove(name)
    await makeFifos(names.map(name => holder.path(name)))
    return new Attachable(holder, plan)
  }

  private constructor(holder: Holder, plan: ContainerPlan) {
    this.#holder = holder
    this.#plan = plan
    this.#outputs = [this.#read('attach.out', CHANNEL.stdout), this.#read('attach.err', CHANNEL.stderr)]
  }

  /** Everything for one attempt is in place when this returns. Answers what the holder must know of it. */
  begin(attempt: number, script: string): string {
    this.#input?.destroy()
    this.#input = this.#plan.stdin || this.#plan.tty ? this.#holder.fifo('attach.in', 'write') : undefined
    this.#screen = new TerminalOutput(true)
    if (!this.#plan.tty) {
      this.#holder.write('start', script)
      return 'a'
    }
    const program = { source: 'start.cmd', told: `started ${attempt}`, ended: 'echo $? >"$Z/code"' }
    this.#holder.write('start.cmd', script)
    this.#holder.write('start.tty', terminalScript(program), 0o755)
    this.#holder.write('start', terminalCommand('start.tty'))
    this.#holder.write('code', '', 0o666)
    return 'at'
  }

  /** A client attaches; it is accepted already. */
  attach(session: SessionStream, wantsInput: boolean): void {
    const { tty = false, stdin, stdinOnce } = this.#plan
    this.#sessions.add(session)
    session.closed(() => {
      this.#sessions.delete(session)
      this.#caughtUp(session)
      if (wantsInput && stdinOnce) this.#endInput()
    })
    session.feed(stdin || tty ? this.#input : undefined, tty, () => {
      if (wantsInput && stdinOnce) this.#endInput()
    })
  }

  /** The process has ended: who is attached is told when the last output has been read. */
  ended(): void {
    let timer: NodeJS.Timeout
    const over = () => {
      this.#heard = () => {}
      for (const session of this.#sessions) session.end({ exitCode: 0 })
    }
    this.#heard = () => {
      clearTimeout(timer)
      timer = setTimeout(() => (this.#behind.size > 0 ? this.#heard() : over()), SILENCE_MS)
    }
    this.#heard()
  }

  /** The process reads the end of its input; on a terminal, what a person would type to say so. */
  #endInput(): void {
    if (this.#plan.tty) this.#input?.write(END_OF_TRANSMISSION)
    else this.#input?.end()
  }

  #read(name: string, channel: number): Socket {
    const output = this.#holder.fifo(name, 'read on')
    output.on('data', (chunk: Buffer) => {
      this.#heard()
      const bytes = this.#plan.tty && channel === CHANNEL.stdout ? this.#screen.push(chunk) : chunk
      for (const session of this.#sessions) if (!session.write(channel, bytes)) this.#wait(session)
    })
    return output
  }

  /** Whoever is behind holds up the process, as elsewhere; one that stays behind can be closed. */
  #wait(session: SessionStream): void {
    if (this.#behind.has(session)) return
    this.#behind.add(session)
    for (const output of this.#outputs) output.pause()
    session.drained(() => this.#caughtUp(session))
  }

  #caughtUp(session: SessionStream): void {
    this.#behind.delete(session)
    if (this.#behind.size === 0) for (const output of this.#outputs) output.resume()
  }
}
