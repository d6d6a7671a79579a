// Between a Lambda Function URL and the API: its event is a Request, and a Response is what its stream wants.
import type { LambdaFunctionURLEvent } from 'aws-lambda'

export interface StreamedResponse {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: ReadableStream<Uint8Array> | string
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
  const url = `https://${headers.host ?? 'localhost'}${rawPath}${rawQueryString === '' ? '' : `?${rawQueryString}`}`
  const { method } = requestContext.http
  const fields = new Headers()
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) fields.set(name, value)
  if (cookies !== undefined) fields.set('cookie', cookies.join('; '))
  const hasBody = body !== undefined && method !== 'GET' && method !== 'HEAD'
  return new Request(url, {
    method: UNFETCHABLE.has(method) ? 'OPTIONS' : method,
    headers: fields,
    ...(hasBody && { body: isBase64Encoded ? Buffer.from(body, 'base64') : body }),
  })
}

/** When the client leaves, the stream is cancelled, which ends a watch. */
export function streamedOf(response: Response): StreamedResponse {
  return { statusCode: response.status, headers: Object.fromEntries(response.headers), body: response.body ?? '' }
}
