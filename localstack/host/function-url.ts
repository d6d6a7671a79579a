// A Lambda Function URL with invoke mode RESPONSE_STREAM: an HTTP request becomes an event of payload format 2.0, and what the
// handler writes becomes the response while it writes.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import type { LambdaFunctionURLEvent } from 'aws-lambda'
import { reasonOf } from './host-error.ts'
import { type FunctionSettings, newContext, type ResponseHead, type StreamingHandler } from './lambda.ts'

/** Lambda takes events of 6 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const PAYLOAD_LIMIT = 6 * 1024 * 1024

export function functionUrl(handler: StreamingHandler, settings: FunctionSettings, log: (line: string) => void): RequestListener {
  return (request, response) => {
    serve(handler, settings, request, response).catch(error => {
      // A client that left ends the handler's writes with an error; that is how watches end.
      if (!response.destroyed)
        log(
          `${settings.name}: ${request.method} ${request.url}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        )
      if (response.headersSent || response.destroyed) response.destroy()
      else reject(response, 502, `the function failed: ${reasonOf(error)}`)
    })
  }
}

async function serve(
  handler: StreamingHandler,
  settings: FunctionSettings,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await read(request)
  if (body === undefined)
    return reject(response, 413, `Request must be smaller than ${PAYLOAD_LIMIT} bytes for the InvokeFunction operation`)
  const context = newContext(settings)
  await handler(functionUrlEvent(request, body, context.awsRequestId), new ResponseStream(response), context)
}

/** The whole body, or undefined when it is larger than Lambda takes. */
async function read(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= PAYLOAD_LIMIT) chunks.push(chunk)
  }
  return size <= PAYLOAD_LIMIT ? Buffer.concat(chunks) : undefined
}

function reject(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify({ Message: message })}\n`)
}

const TEXT = /^(text\/|application\/(json|xml|javascript|x-www-form-urlencoded)\b)/

/** The event as the Function URL makes it: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads */
export function functionUrlEvent(request: IncomingMessage, body: Buffer, requestId: string): LambdaFunctionURLEvent {
  const url = request.url ?? '/'
  const question = url.indexOf('?')
  const rawPath = question < 0 ? url : url.slice(0, question)
  const rawQueryString = question < 0 ? '' : url.slice(question + 1)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) {
    if (name !== 'cookie' && value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value
  }
  const sourceIp = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '127.0.0.1'
  headers['x-forwarded-for'] = headers['x-forwarded-for'] ? `${headers['x-forwarded-for']}, ${sourceIp}` : sourceIp
  headers['x-forwarded-proto'] = 'https'
  const isText = TEXT.test(headers['content-type'] ?? 'application/json')
  const now = new Date()
  const host = headers.host ?? 'localhost'
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    ...(request.headers.cookie ? { cookies: request.headers.cookie.split(/; */) } : {}),
    headers,
    ...(rawQueryString ? { queryStringParameters: parameters(rawQueryString) } : {}),
    requestContext: {
      accountId: 'anonymous',
      apiId: 'local',
      domainName: host,
      domainPrefix: host.split('.')[0]!,
      http: {
        method: request.method ?? 'GET',
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId,
      routeKey: '$default',
      stage: '$default',
      time: now.toISOString(),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 ? { body: body.toString(isText ? 'utf8' : 'base64') } : {}),
    isBase64Encoded: body.length > 0 && !isText,
  }
}

/** Decoded, the values of a repeated name joined by commas, as AWS does. */
function parameters(query: string): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(query)) joined[name] = Object.hasOwn(joined, name) ? `${joined[name]},${value}` : value
  return joined
}

/** Where a streaming handler writes. It is destroyed when the client leaves, so that the handler's next write, or its pipeline, fails. */
class ResponseStream extends Writable {
  readonly #response: ServerResponse
  #held: Buffer | string | undefined

  constructor(response: ServerResponse) {
    super()
    this.#response = response
    response.on('close', () => {
      if (!response.writableFinished) this.destroy(new Error('the client closed the connection'))
    })
    // The handler may have nothing to write for minutes and would learn of it only then.
    this.on('error', () => response.destroy())
  }

  takeHead({ statusCode = 200, headers = {}, cookies }: ResponseHead): void {
    const response = this.#response
    if (response.destroyed) return
    response.statusCode = statusCode
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, String(value))
    if (cookies) response.setHeader('set-cookie', [...cookies])
    // A watch shows its head before its first event; an answer that is ready travels in one packet with its head.
    setImmediate(() => {
      if (!response.headersSent && !response.destroyed) response.flushHeaders()
    })
  }

  /** A chunk waits for the end of this turn: an answer that is complete by then travels in one packet, with its length. */
  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#flush()
    this.#held = chunk
    setImmediate(() => this.#flush())
    const response = this.#response
    // It may close instead of draining; this stream is destroyed then, and nobody waits for us.
    if (response.writableNeedDrain) response.once('drain', () => done())
    else done()
  }

  override _final(done: (error?: Error | null) => void): void {
    const last = this.#held
    this.#held = undefined
    this.#response.end(last, () => done())
  }

  #flush(): void {
    const chunk = this.#held
    this.#held = undefined
    if (chunk !== undefined && !this.#response.destroyed) this.#response.write(chunk)
  }
}
