// Requests that are no streams go to the API function as they came, and its answers back as they come: a kubeconfig has one server.
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { pipeline } from 'node:stream'

/** Hop by hop (RFC 9110, 7.6.1); the host is the function's own. */
const NOT_PASSED_ON = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'host']

export function passOn(api: string, ca?: string): (request: IncomingMessage, response: ServerResponse) => void {
  const base = new URL(api)
  const isTls = base.protocol === 'https:'
  const agent = isTls ? new HttpsAgent({ keepAlive: true, ca }) : new HttpAgent({ keepAlive: true })
  const send = isTls ? httpsRequest : httpRequest
  return (request, response) => {
    const headers: Record<string, string | string[]> = { host: base.host }
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined && !NOT_PASSED_ON.includes(name)) headers[name] = value
    }
    const { hostname, port } = base
    const outgoing = send({ hostname, port, agent, method: request.method, path: request.url, headers }, answer => {
      const passed = Object.entries(answer.headers).filter(([name]) => !NOT_PASSED_ON.includes(name))
      response.writeHead(answer.statusCode ?? 502, Object.fromEntries(passed))
      // A watch shows its head before its first event.
      response.flushHeaders()
      pipeline(answer, response, () => {})
    })
    outgoing.on('error', error => {
      if (response.headersSent) return response.destroy()
      const message = `error trying to reach the API function: ${error.message}`
      const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'ServiceUnavailable', code: 503 }
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' })
      response.end(JSON.stringify(status))
    })
    // The client has gone: a watch of its ends.
    response.on('close', () => outgoing.destroy())
    pipeline(request, outgoing, () => {})
  }
}
