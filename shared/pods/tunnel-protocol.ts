// What a pod's agent and the gateway say to each other (docs/gateway.md). Both calls are the agent's, with its own token:
//
//   GET /zeroplane/agent/v1/sessions      held; 200 when somebody wants a session of this pod, 204 when the time is over: ask again
//   GET /zeroplane/agent/v1/tunnel        Upgrade: zeroplane-tunnel; 101, and from then on HTTP/2 with the roles reversed: the gateway asks
//
// On the tunnel each session is one HTTP/2 stream, so it has its own flow control and its own end:
//
//   POST /exec, /attach     frames both ways; the first one to the agent is START. 200, or an error with text as body
//   POST /portforward       header zeroplane-port; bytes both ways. 200 when the port has been reached, or 502 with text as body
//
// The body of an error is what kubelet would have said. A stream that is reset ends its session: the process is killed, the connection
// closed. Whoever of the two sees the tunnel end treats all its streams as reset; no session outlives its tunnel.

export const SESSIONS_PATH = '/zeroplane/agent/v1/sessions'
export const TUNNEL_PATH = '/zeroplane/agent/v1/tunnel'
export const TUNNEL_PROTOCOL = 'zeroplane-tunnel'
export const PORT_HEADER = 'zeroplane-port'

/** So long the gateway holds an agent's call for sessions. */
export const SESSIONS_HOLD_SECONDS = 55
/** The gateway pings so often on a tunnel; either side gives up one on which nothing came for three times as long. */
export const PING_SECONDS = 15

/** Bytes that may be under way on one stream in one direction before its reader has taken them. */
export const STREAM_WINDOW = 64 * 1024
/** Sessions and forwarded connections of one pod at a time. Together their windows are the most that a side can be made to hold. */
export const MOST_STREAMS = 128

/** A frame is a channel (one byte), a length (four, big endian) and so many bytes. */
export const CHANNEL = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  /** JSON: Outcome. The last frame of a session. */
  outcome: 3,
  /** JSON: TerminalSize. */
  resize: 4,
  /** JSON: Start. */
  start: 5,
  /** Standard input has ended. No bytes. */
  endOfInput: 6,
} as const

export interface Start {
  readonly container: string
  /** exec only. */
  readonly command?: readonly string[]
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

export interface TerminalSize {
  readonly width: number
  readonly height: number
}

/** How a session ended: with the process' exit code, or with an error of its own. */
export interface Outcome {
  readonly exitCode?: number
  readonly error?: string
}

const HEAD = 5
/** More in one frame is not a frame of ours. */
const LONGEST = 1024 * 1024

export function frameHead(channel: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD)
  head[0] = channel
  head.writeUInt32BE(length, 1)
  return head
}

export const frame = (channel: number, payload: Uint8Array): Buffer => Buffer.concat([frameHead(channel, payload.length), payload])
export const jsonFrame = (channel: number, value: object): Buffer => frame(channel, Buffer.from(JSON.stringify(value)))

/** Takes bytes as they come and gives whole frames. */
export class FrameReader {
  readonly #frame: (channel: number, payload: Buffer) => void
  #rest: Buffer[] = []
  #length = 0

  constructor(frame: (channel: number, payload: Buffer) => void) {
    this.#frame = frame
  }

  /** @throws Error when this is no stream of frames */
  push(chunk: Buffer): void {
    this.#rest.push(chunk)
    this.#length += chunk.length
    while (this.#length >= HEAD) {
      const bytes = this.#rest.length === 1 ? this.#rest[0]! : Buffer.concat(this.#rest)
      const size = bytes.readUInt32BE(1)
      if (size > LONGEST) throw new Error(`a frame of ${size} bytes: this is not the tunnel protocol`)
      const end = HEAD + size
      if (bytes.length < end) {
        this.#rest = [bytes]
        return
      }
      this.#rest = bytes.length > end ? [bytes.subarray(end)] : []
      this.#length = bytes.length - end
      this.#frame(bytes[0]!, bytes.subarray(HEAD, end))
    }
  }
}
