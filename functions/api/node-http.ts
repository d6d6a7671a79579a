// Node's HTTP server in front of a Request -> Response function, for scripts and tests.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { markDotSegments } from '../../shared/apimachinery/request/dot-segments.ts'

export function nodeListener(handle: (request: Request) => Promise<Response>): RequestListener {
  return (incoming, outgoing) => {
    serve(handle, incoming, outgoing).catch(() => outgoing.destroy())
  }
}

// The Fetch standard refuses to make requests of these methods; the API refuses them itself, in its own words.
const UNFETCHABLE = ['TRACE', 'TRACK', 'CONNECT']

async function serve(handle: (request: Request) => Promise<Response>, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const controller = new AbortController()
  outgoing.on('close', () => controller.abort())
  const headers = new Headers()
  for (let i = 0; i < incoming.rawHeaders.length; i += 2)
    headers.append(incoming.rawHeaders[i] as string, incoming.rawHeaders[i + 1] as string)
  const method = incoming.method ?? 'GET'
  const hasBody = method !== 'GET' && method !== 'HEAD' && (headers.has('content-length') || headers.has('transfer-encoding'))
  const init: RequestInit & { duplex?: 'half' } = {
    method: UNFETCHABLE.includes(method) ? 'OPTIONS' : method,
    headers,
    signal: controller.signal,
  }
  if (hasBody) Object.assign(init, { body: Readable.toWeb(incoming), duplex: 'half' })
  const response = await handle(new Request(`http://${headers.get('host') ?? 'localhost'}${markDotSegments(incoming.url ?? '/')}`, init))
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of response.headers) fields[name] = name in fields ? [fields[name] as string, value].flat() : value
  const warnings = response.headers.get('warning')
  if (warnings !== null) fields.warning = splitWarnings(warnings)
  outgoing.writeHead(response.status, fields)
  outgoing.flushHeaders()
  if (response.body === null) {
    outgoing.end()
    return
  }
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    if (outgoing.destroyed) break
    if (!outgoing.write(chunk)) await new Promise(resolve => outgoing.once('drain', resolve).once('close', resolve))
  }
  outgoing.end()
}

/** The standard joins repeated headers; clients want one line per warning. */
export function splitWarnings(joined: string): string[] {
  return joined.split(/, (?=299 - ")/)
}
