// Reading a request's body, up to upstream's limit.
import { tooLarge } from '../status-error.ts'

export const MAX_BODY_BYTES = 3 * 1024 * 1024

const refusal = () => tooLarge(`limit is ${MAX_BODY_BYTES}`)

/** @throws StatusError 413 */
export async function readBody(request: Request): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) throw refusal()
  if (request.body === null) return new Uint8Array(0)
  // Without a length, count while reading, so that nobody fills the memory.
  if (request.headers.has('content-length')) return new Uint8Array(await request.arrayBuffer())
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of request.body as unknown as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > MAX_BODY_BYTES) throw refusal()
    parts.push(part)
  }
  return Buffer.concat(parts)
}
