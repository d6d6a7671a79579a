// Between a Lambda Function URL and the API: its event is a Request, and a Response is what its stream wants.
import { Readable } from 'node:stream'
import type { ReadableStream as WebStream } from 'node:stream/web'
import type { LambdaFunctionURLEvent } from 'aws-lambda'
import { markDotSegments } from '../../shared/apimachinery/request/dot-segments.ts'

export interface StreamedResponse {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: Readable | string
}

/** The Fetch standard refuses to make requests of these methods; the API refuses them itself, in its own words. */
const UNFETCHABLE = new Set(['TRACE', 'TRACK', 'CONNECT'])

export function requestOf({
  rawPath,
  rawQueryString,
  headers,
  cookies,
  body,
  isBase64Encoded,
  requestContext,
}: LambdaFunctionURLEvent): Request {
  const url = `https://${headers.host ?? 'localhost'}${markDotSegments(rawPath)}${rawQueryString === '' ? '' : `?${rawQueryString}`}`
  const { method } = requestContext.http
  const fields = new Headers()
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) fields.set(name, value)
  if (cookies !== undefined) fields.set('cookie', cookies.join('; '))
  const hasBody = body !== undefined && method !== 'GET' && method !== 'HEAD'
  return new Request(url, {
    method: UNFETCHABLE.has(method) ? 'OPTIONS' : method,
    headers: fields,
    // As bytes: of a text it would say that it is text/plain, where the client said nothing (kubectl create --raw).
    ...(hasBody && { body: Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8') }),
  })
}

/**
 * When the client leaves, the stream is cancelled, which ends a watch. That takes a stream of Node's own: its pipeline does not
 * cancel a web stream that it is waiting for.
 */
export function streamedOf({ status, headers, body }: Response): StreamedResponse {
  return { statusCode: status, headers: Object.fromEntries(headers), body: body === null ? '' : Readable.fromWeb(body as WebStream) }
}
