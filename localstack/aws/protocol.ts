// AWS's wire protocols, as far as the SDK's clients for our services use them: JSON 1.0 and 1.1 (operation in X-Amz-Target), query
// (form in, XML out) and REST-JSON (operation from method and path).

import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { AwsError } from './errors.ts'

/** Largest request of any service here: SQS takes 1 MiB of payload, base64 and escapes included that stays well below this. */
const MAX_BODY = 16 * 1024 * 1024

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MAX_BODY) throw new AwsError('RequestEntityTooLarge', `the request is larger than ${MAX_BODY} bytes`, { status: 413 })
    parts.push(part)
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

export function parseJson(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {}
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    throw new AwsError('SerializationException', 'the request body is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AwsError('SerializationException', 'the request body is not a JSON object')
  }
  return value as Record<string, unknown>
}

/** The signature is not checked (any key will do locally); its credential scope tells who calls which service. */
export function credentialScope(request: IncomingMessage, query: URLSearchParams): { accessKeyId?: string; service?: string } {
  const scope = request.headers.authorization?.match(/Credential=([^,\s]+)/)?.[1] ?? query.get('X-Amz-Credential')
  const [accessKeyId, , , service] = scope?.split('/') ?? []
  return { accessKeyId, service }
}

export interface Protocol {
  success(response: ServerResponse, output: unknown): void
  failure(response: ServerResponse, error: AwsError): void
}

function send(response: ServerResponse, status: number, type: string, body: string, headers: Record<string, string> = {}): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'x-amzn-requestid': randomUUID(),
    ...headers,
  })
  response.end(body)
}

export function jsonProtocol(version: '1.0' | '1.1'): Protocol {
  const type = `application/x-amz-json-${version}`
  return {
    success: (response, output) => send(response, 200, type, output === undefined ? '{}' : JSON.stringify(output)),
    failure(response, error) {
      const headers: Record<string, string> = { 'x-amzn-errortype': error.code }
      // SQS still speaks of its query-protocol codes to clients that ask with x-amzn-query-mode.
      if (error.queryCode) headers['x-amzn-query-error'] = `${error.queryCode};${error.status < 500 ? 'Sender' : 'Receiver'}`
      send(response, error.status, type, JSON.stringify({ __type: error.code, message: error.message, ...error.fields }), headers)
    },
  }
}

export const restJsonProtocol: Protocol = {
  success: (response, output) => send(response, 200, 'application/json', output === undefined ? '{}' : JSON.stringify(output)),
  failure: (response, error) =>
    send(response, error.status, 'application/json', JSON.stringify({ Message: error.message, ...error.fields }), {
      'x-amzn-errortype': error.code,
    }),
}

/** `acceptJson`: STS answers JSON when asked to, as Go clients do. */
export function queryProtocol(operation: string, namespace: string, acceptJson: boolean): Protocol {
  const requestId = randomUUID()
  return {
    success(response, output) {
      if (acceptJson) {
        const answer = { [`${operation}Response`]: { [`${operation}Result`]: output, ResponseMetadata: { RequestId: requestId } } }
        return send(response, 200, 'application/json', JSON.stringify(answer))
      }
      const result = `<${operation}Result>${xml(output)}</${operation}Result>`
      const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`
      send(response, 200, 'text/xml', `<${operation}Response xmlns="${namespace}">${result}${metadata}</${operation}Response>`)
    },
    failure(response, error) {
      const fault = error.status < 500 ? 'Sender' : 'Receiver'
      const body = `<Error><Type>${fault}</Type>${xml({ Code: error.queryCode ?? error.code, Message: error.message })}</Error>`
      send(
        response,
        error.status,
        'text/xml',
        `<ErrorResponse xmlns="${namespace}">${body}<RequestId>${requestId}</RequestId></ErrorResponse>`,
      )
    },
  }
}

function xml(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.map(item => `<member>${xml(item)}</member>`).join('')
  if (typeof value === 'object') {
    return Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => `<${name}>${xml(member)}</${name}>`)
      .join('')
  }
  return String(value).replace(/[<>&]/g, char => ({ '<': '&lt;', '>': '&gt;' })[char] ?? '&amp;')
}
