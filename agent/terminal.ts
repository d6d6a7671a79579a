// A terminal in a container that may have nothing but our busybox: its telnetd makes one for a program and speaks Telnet (RFC 854, 855)
// on its own standard streams, sizes (RFC 1073) included. Unprivileged, and without another file in the container.
import type { TerminalSize } from '../shared/pods/tunnel-protocol.ts'

const IAC = 255
const SB = 250
const SE = 240
const NAWS = 31
const CR = 13
/** What the script prints before its program runs: telnetd says things of its own first. */
const MARK = '\x1e'

export interface TerminalProgram {
  /** File in the container's volume: what a holder runs without a terminal. */
  readonly source: string
  /** How its process is reported: "session 3". */
  readonly told: string
  /** Shell that tells of its end; $? is its exit code. */
  readonly ended: string
  readonly size?: TerminalSize
}

/** Runs in the place of the program without a terminal, on fifos. */
export const terminalCommand = (script: string): string =>
  `exec 4>&- 5>&-; ZEROPLANE_ROLE=terminal exec "$B" telnetd -i -f /dev/null -l "$Z/${script}"\n`

/** What telnetd runs: the holder's functions, a terminal as others make them, and the program in the foreground. */
export function terminalScript({ source, told, ended, size }: TerminalProgram): string {
  const dimensions = size ? ` rows ${Math.trunc(size.height)} cols ${Math.trunc(size.width)}` : ''
  return `#!/.zeroplane/busybox sh
ZEROPLANE_ROLE=terminal
. /.zeroplane/holder
exec 4>>"$Z/report" 5>>"$Z/refused"
: "\${TERM:=xterm}"
export TERM
"$B" stty tab0${dimensions}
echo '${MARK}'
# Keys that interrupt are for the program; we live to tell how it ended.
trap : INT QUIT
told='${told}'
(. "$Z/${source}")
${ended}
`
}

/** What a person types, so that it arrives as typed. */
export function encodeInput(bytes: Buffer): Buffer {
  if (!bytes.includes(IAC) && !bytes.includes(CR)) return bytes
  const out: number[] = []
  for (const [index, byte] of bytes.entries()) {
    out.push(byte)
    if (byte === IAC) out.push(IAC)
    // A line feed or zero behind a carriage return would be taken for a part of it.
    const next = bytes[index + 1]
    if (byte === CR && (next === 10 || next === 0)) out.push(0)
  }
  return Buffer.from(out)
}

/** A size that contains 255 would end the message. */
export function sizeMessage({ width, height }: TerminalSize): Buffer {
  const part = (value: number) => {
    const whole = Math.min(0xffff, Math.max(1, Math.trunc(value)))
    return [whole >> 8 === IAC ? IAC - 1 : whole >> 8, (whole & 0xff) === IAC ? IAC - 1 : whole & 0xff]
  }
  return Buffer.from([IAC, SB, NAWS, ...part(width), ...part(height), IAC, SE])
}

/** What is printed, without what telnetd says to its peer. */
export class TerminalOutput {
  /** The script has begun: what comes is the program's. */
  started: boolean
  #before = ''
  /** Bytes of a command that has not come whole. */
  #command: number[] = []

  /** @param started nothing precedes */
  constructor(started = false) {
    this.started = started
  }

  push(chunk: Buffer): Buffer {
    if (this.started) return this.#plain(chunk)
    this.#before += chunk.toString('latin1')
    const mark = this.#before.indexOf(`${MARK}\r\n`)
    if (mark < 0) return Buffer.alloc(0)
    this.started = true
    const rest = Buffer.from(this.#before.slice(mark + 3), 'latin1')
    this.#before = ''
    return this.#plain(rest)
  }

  #plain(chunk: Buffer): Buffer {
    if (this.#command.length === 0 && !chunk.includes(IAC)) return chunk
    const out: number[] = []
    for (const byte of chunk) {
      if (this.#command.length === 0) {
        if (byte === IAC) this.#command.push(byte)
        else out.push(byte)
      } else if (this.#command.length === 1) {
        // Twice: the byte itself. WILL, WONT, DO and DONT have an option behind them.
        if (byte === IAC) out.push(byte)
        this.#command = byte > SB && byte < IAC ? [IAC, byte] : []
      } else this.#command = []
    }
    return Buffer.from(out)
  }
}
