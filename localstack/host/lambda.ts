// What the Lambda service gives to the functions that run in this process: a context per invocation, the global `awslambda` for
// streamed responses, and invocation by name.
import { randomUUID } from 'node:crypto'
import type { Writable } from 'node:stream'
import type { Context } from 'aws-lambda'

/** A function's exported handler. Buffered ones return their result; streaming ones (made by awslambda.streamifyResponse) write it. */
export type Handler = (event: never, context: Context) => Promise<unknown>
export type StreamingHandler = (event: unknown, response: Writable, context: Context) => Promise<void>

/** Status and headers that precede a streamed body. */
export interface ResponseHead {
  readonly statusCode?: number
  readonly headers?: Readonly<Record<string, string | number | boolean>>
  readonly cookies?: readonly string[]
}

/** The stream handed to a streaming handler takes the head through this. */
export interface HeadTaker {
  takeHead(head: ResponseHead): void
}

const STREAMING = Symbol.for('zeroplane.streaming')

/** Must run before a module with a streaming handler is imported. */
export function installAwsLambda(): void {
  const awslambda = {
    streamifyResponse(handler: StreamingHandler): StreamingHandler {
      return Object.assign(handler, { [STREAMING]: true })
    },
    HttpResponseStream: {
      from(stream: Writable & Partial<HeadTaker>, head: ResponseHead): Writable {
        stream.takeHead?.(head)
        return stream
      },
    },
  }
  Object.assign(globalThis, { awslambda })
}

export interface FunctionSettings {
  readonly name: string
  readonly timeoutSeconds: number
  readonly memoryMiB: number
  readonly region: string
  readonly account: string
}

export function newContext({ name, timeoutSeconds, memoryMiB, region, account }: FunctionSettings): Context {
  const deadline = Date.now() + timeoutSeconds * 1000
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn({ name, region, account }),
    memoryLimitInMB: String(memoryMiB),
    awsRequestId: randomUUID(),
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: 'local',
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done() {},
    fail() {},
    succeed() {},
  }
}

export function functionArn({ name, region, account }: Pick<FunctionSettings, 'name' | 'region' | 'account'>): string {
  return `arn:aws:lambda:${region}:${account}:function:${name}`
}
