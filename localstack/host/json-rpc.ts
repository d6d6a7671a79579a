// AWS's JSON protocol over loopback, for the few calls that Lambda's event source mappings make themselves. The SDK is for product code.
import { Agent, request } from 'node:http'

export type JsonCall = (target: string, input: object) => Promise<Record<string, unknown>>

/** A refusal; `name` is AWS's error code, e.g. "ExpiredIteratorException". */
export class JsonCallError extends Error {
  constructor(code: string, message: string) {
    super(message)
    this.name = code
  }
}

/** Each call opens no new connection while an earlier one is free; close() ends them all. */
export function jsonClient(
  port: number,
  options: { readonly service: string; readonly region: string },
): { call: JsonCall; close(): void } {
  const agent = new Agent({ keepAlive: true })
  const authorization = `AWS4-HMAC-SHA256 Credential=local/20260101/${options.region}/${options.service}/aws4_request, SignedHeaders=host, Signature=0`
  const call: JsonCall = (target, input) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify(input)
      const headers = {
        'x-amz-target': target,
        'content-type': 'application/x-amz-json-1.0',
        'content-length': Buffer.byteLength(body),
        authorization,
      }
      const outgoing = request({ agent, host: '127.0.0.1', port, method: 'POST', path: '/', headers }, response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          try {
            const output = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as Record<string, unknown>
            if (response.statusCode === 200) resolve(output)
            else reject(new JsonCallError(codeOf(output), String(output.message ?? output.Message ?? `status ${response.statusCode}`)))
          } catch (error) {
            reject(error)
          }
        })
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  return { call, close: () => agent.destroy() }
}

/** "com.amazonaws.dynamodb.v20120810#ExpiredIteratorException" or the bare name. */
function codeOf(output: Record<string, unknown>): string {
  return String(output.__type ?? 'UnknownError').replace(/^.*#/, '')
}
