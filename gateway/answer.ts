// Requests of HTTP/1.1 for a Request -> Response function, and its answers back as they come.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { splitClusterPath } from '../shared/cluster-name.ts'

/** The Fetch standard makes no requests of the other methods. */
export const isFetchable = ({ method = '' }: IncomingMessage): boolean => !['TRACE', 'TRACK', 'CONNECT'].includes(method)

/**
 * `serve` knows paths as they are inside of the cluster.
 * @throws when the client goes away before it has its answer
 */
export async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  serve: (request: Request) => Promise<Response>,
): Promise<void> {
  const { method = 'GET', url = '/', rawHeaders } = incoming
  const { path } = splitClusterPath(url)
  const gone = new AbortController()
  outgoing.on('close', () => gone.abort())
  const headers = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!)
  const hasBody = headers.has('content-length') || headers.has('transfer-encoding')
  const body =
    ['GET', 'HEAD'].includes(method) || !hasBody ? {} : { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' as const }
  const host = headers.get('host') ?? 'localhost'
  const response = await serve(new Request(`https://${host}${path}`, { method, headers, signal: gone.signal, ...body }))
  const fields: Record<string, string | string[]> = Object.fromEntries(response.headers)
  if (response.headers.get('location')?.startsWith('/'))
    fields.location = `${url.slice(0, url.length - path.length)}${response.headers.get('location')}`
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 0) fields['set-cookie'] = cookies
  outgoing.writeHead(response.status, fields)
  outgoing.flushHeaders()
  if (response.body === null) outgoing.end()
  else await pipeline(Readable.fromWeb(response.body as never), outgoing)
}
