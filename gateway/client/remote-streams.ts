// A client's end of exec and attach, whatever it speaks: where its bytes come from and go to.
import type { Readable, Writable } from 'node:stream'
import type { Outcome } from '../../shared/pods/tunnel-protocol.ts'

export interface Wanted {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

export interface RemoteStreams {
  readonly stdin?: Readable
  readonly stdout?: Writable
  readonly stderr?: Writable
  /** Chunks of JSON, each a terminal's size. */
  readonly resize?: Readable
  /** Says how it ended, after everything that was written, and closes. */
  finish(outcome: Outcome): Promise<void>
  /** The client has gone, or has been sent away. */
  readonly closed: Promise<void>
}
