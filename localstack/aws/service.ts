// What a service is to the endpoint: operations by name, taking the parsed input and returning the output (or throwing AwsError).
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from './clock.ts'
import type { Identity } from './identity.ts'

export interface Call {
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal
  /** Access key that signed the request; undefined when unsigned. */
  readonly accessKeyId: string | undefined
  /** "http://127.0.0.1:4566": where the client found us, for URLs in answers. */
  readonly endpoint: string
}

/** `never` as the input lets each operation declare the shape it takes. Inputs come from the wire: operations check what they rely on. */
export type Operation = (input: never, call: Call) => unknown

/** An operation that writes its own response, e.g. an event stream. */
export type RawOperation = (input: never, call: Call, response: ServerResponse, request: IncomingMessage) => Promise<void>

export interface Service {
  readonly name: string
  readonly operations: Readonly<Record<string, Operation>>
  readonly raw?: Readonly<Record<string, RawOperation>>
  close?(): void | Promise<void>
}

/** Given to every service. */
export interface World {
  readonly clock: Clock
  readonly identity: Identity
  /** Undefined: nothing is kept after the process. */
  readonly dataDir: string | undefined
  /** One line for the person who runs this. */
  readonly log: (line: string) => void
}
