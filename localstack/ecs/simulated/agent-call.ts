// The agents' sync call from simulated tasks: over HTTPS like a real agent's, unless the host hands in the function itself.
import { request as http } from 'node:http'
import { Agent, request as https } from 'node:https'
import { Readable } from 'node:stream'

export type Fetch = (request: Request) => Promise<Response>

/** Node's own fetch takes no certificate authority. One connection a task while a call is held open. */
export function fetchWithAuthority(ca: string | undefined): Fetch {
  const agent = new Agent({ keepAlive: true, ca })
  return async request => {
    const body = await request.text()
    const url = new URL(request.url)
    const headers = { ...Object.fromEntries(request.headers), 'content-length': String(Buffer.byteLength(body)) }
    const options = { method: request.method, headers, signal: request.signal }
    return new Promise((resolve, reject) => {
      const call = url.protocol === 'https:' ? https(url, { ...options, agent }) : http(url, options)
      call.on('response', reply => {
        const answer = new Headers()
        for (const [name, value] of Object.entries(reply.headers)) if (typeof value === 'string') answer.set(name, value)
        // A held call that is given up ends its body with an error that nobody waits for.
        reply.on('error', () => {})
        resolve(new Response(Readable.toWeb(reply) as ReadableStream, { status: reply.statusCode, headers: answer }))
      })
      call.on('error', reject)
      call.end(body)
    })
  }
}
