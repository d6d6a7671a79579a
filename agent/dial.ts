// The network calls of probes and hooks, with kubelet's messages. Each settles within its time-out; `null` is success.
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createConnection } from 'node:net'
import type { HTTPGetAction } from '../shared/api/core/v1.ts'

/** What went wrong, in words for an event; null when nothing did. */
export type Failure = string | null

/** Bytes of an answer's body that a message may carry. */
const BODY_LIMIT = 1024
const MAX_REDIRECTS = 10
const USER_AGENT = 'kube-probe/1.36'

const hostPort = (host: string, port: number) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

/** `dial tcp 10.0.0.1:8080: connect: connection refused`, as Go words it. */
export function dialMessage(error: NodeJS.ErrnoException, host: string, port: number): string {
  const cause: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    EADDRNOTAVAIL: 'connect: cannot assign requested address',
    ETIMEDOUT: 'i/o timeout',
    ENOTFOUND: 'lookup failed: no such host',
  }
  if (error.code === 'ECONNRESET') return `read tcp ${hostPort(host, port)}: read: connection reset by peer`
  return `dial tcp ${hostPort(host, port)}: ${cause[error.code ?? ''] ?? error.message}`
}

export function dialTcp(host: string, port: number, timeoutMs: number): Promise<Failure> {
  return new Promise(resolve => {
    const socket = createConnection({ host, port, timeout: timeoutMs })
    const settle = (failure: Failure) => {
      socket.destroy()
      resolve(failure)
    }
    socket.on('connect', () => settle(null))
    socket.on('timeout', () => settle(`dial tcp ${hostPort(host, port)}: i/o timeout`))
    socket.on('error', error => settle(dialMessage(error, host, port)))
  })
}

/** Status 200 to 399 is success; a redirect within the host is followed. */
export function dialHttp(action: HTTPGetAction, host: string, port: number, timeoutMs: number): Promise<Failure> {
  const scheme = (action.scheme ?? 'HTTP').toLowerCase()
  const path = action.path === undefined || action.path === '' ? '/' : action.path
  const url = new URL(path.startsWith('/') ? path : `/${path}`, `${scheme}://${hostPort(action.host || host, port)}`)
  const headers: Record<string, string> = { 'user-agent': USER_AGENT, accept: '*/*', connection: 'close' }
  for (const { name, value } of action.httpHeaders ?? []) {
    if (value === '') delete headers[name.toLowerCase()]
    else headers[name.toLowerCase()] = value
  }
  return new Promise(resolve => {
    const abort = new AbortController()
    const timer = setTimeout(() => {
      settle(`Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`)
      abort.abort()
    }, timeoutMs)
    const settle = (failure: Failure) => {
      clearTimeout(timer)
      resolve(failure)
    }
    const get = (at: URL, redirects: number) => {
      const send = at.protocol === 'https:' ? httpsRequest : httpRequest
      // A probe asks whether the process serves, not who it is: certificates are not checked, as upstream does not either.
      const call = send(at, { headers, agent: false, rejectUnauthorized: false, signal: abort.signal }, response => {
        const status = response.statusCode ?? 0
        const location = response.headers.location
        if (status >= 300 && status < 400 && location !== undefined && redirects < MAX_REDIRECTS) {
          const target = new URL(location, at)
          response.destroy()
          if (target.hostname === at.hostname) return get(target, redirects + 1)
          return settle(null)
        }
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > BODY_LIMIT * 10) response.destroy()
        })
        response.on('error', () => {})
        settle(status >= 200 && status < 400 ? null : `HTTP probe failed with statuscode: ${status}`)
      })
      call.on('error', error => settle(`Get "${url}": ${dialMessage(error, at.hostname.replace(/^\[|\]$/g, ''), Number(at.port) || port)}`))
      call.end()
    }
    get(url, 0)
  })
}
