// Requests that the API passes on to a pod (.../pods/NAME/proxy/PATH, and of Services): HTTP over a forwarded connection.
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { ClientHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect as tlsConnect } from 'node:tls'
import { serviceUnavailable } from '../shared/apimachinery/status-error.ts'
import type { ProxyRequest } from '../shared/resources/pod/streams.ts'

/** Hop by hop (RFC 9110, 7.6.1), and who asks, which is nothing to the pod. */
const NOT_FORWARDED = /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|authorization|impersonate-.*)$/
/** Statuses whose answers have no body. */
const EMPTY = [204, 205, 304]

/**
 * @param open asks the pod's agent for the port; rejects when it cannot be reached
 * @throws StatusError 503 when the pod cannot be reached, or its answer is none
 */
export async function proxyToPod(proxied: ProxyRequest, open: (port: number) => Promise<ClientHttp2Stream>): Promise<Response> {
  const { request, call } = proxied
  const url = new URL(request.url)
  const above = call.path === '' ? url.pathname : url.pathname.slice(0, url.pathname.length - call.path.length)
  // What the page names beside itself is found below it alone (k8s.io/apimachinery/pkg/util/proxy).
  if (call.path === '' && ['GET', 'HEAD'].includes(request.method))
    return new Response(null, { status: 301, headers: { location: `${above}/${url.search}` } })
  const tunnel = await open(proxied.port).catch(unreachable)
  const abort = () => tunnel.close()
  request.signal.addEventListener('abort', abort)
  tunnel.on('close', () => request.signal.removeEventListener('abort', abort))
  try {
    return responseOf(await exchange(proxied, tunnel, `${call.path || '/'}${url.search}`), above)
  } catch (error) {
    tunnel.close()
    return unreachable(error)
  }
}

function unreachable(error: unknown): never {
  throw serviceUnavailable(`error trying to reach service: ${error instanceof Error ? error.message : error}`)
}

async function exchange({ scheme, request, pod }: ProxyRequest, tunnel: ClientHttp2Stream, path: string): Promise<IncomingMessage> {
  // As upstream, the certificate is not looked at: it is the pod's own, for a name that nobody knows.
  const socket = scheme === 'https' ? tlsConnect({ socket: tunnel, rejectUnauthorized: false }) : tunnel
  const headers: OutgoingHttpHeaders = {}
  for (const [name, value] of request.headers) if (!NOT_FORWARDED.test(name)) headers[name] = value
  headers['x-forwarded-uri'] = new URL(request.url).pathname
  const outgoing = httpRequest({
    createConnection: () => socket,
    host: pod.status?.podIP,
    method: request.method,
    path,
    headers,
    setHost: false,
  })
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve)
    outgoing.on('error', reject)
    outgoing.on('close', () => reject(new Error('the pod closed the connection')))
  })
  if (request.body === null) outgoing.end()
  else pipeline(Readable.fromWeb(request.body as never), outgoing).catch(error => outgoing.destroy(error))
  return await answer
}

function responseOf(answer: IncomingMessage, above: string): Response {
  const { statusCode: status = 502, rawHeaders } = answer
  const headers = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (!NOT_FORWARDED.test(rawHeaders[i]!.toLowerCase())) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!)
  const location = headers.get('location')
  if (location?.startsWith('/')) headers.set('location', `${above}${location}`)
  if (EMPTY.includes(status)) {
    answer.resume()
    return new Response(null, { status, headers })
  }
  return new Response(Readable.toWeb(answer) as ReadableStream, { status, headers })
}
