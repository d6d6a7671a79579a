// The demo server: shows what its pod is like, and does on request what pods do wrong. Endpoints and flags are those of kuard, the
// demo application of "Kubernetes: Up & Running", so that the book's examples work with it. VERSION says which of its versions it plays.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { hostname } from 'node:os'
import { join, normalize } from 'node:path'
import { parseFlags } from './flags.ts'
import { keygen } from './keygen.ts'
import { MemoryQueues } from './memq.ts'
import { probeTarget } from './probe-target.ts'
import { type Answer, escapeHtml, html, json, type Request, text } from './routes.ts'

const flags = parseFlags(process.argv.slice(2))
const version = process.env.DEMO_VERSION ?? '1'
const started = new Date()
const queues = new MemoryQueues()
const healthy = probeTarget()
const ready = probeTarget()
let allocated: Buffer[] = []

const log = (line: string) =>
  process.stdout.write(`${new Date().toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' ')} ${line}\n`)

/** First match wins; the handler sees what follows the prefix. */
const routes: [prefix: string, handler: (request: Request, rest: string) => Answer][] = [
  ['/healthy', healthy],
  ['/ready', ready],
  ['/version', () => json({ version, hostname: hostname(), started: started.toISOString() })],
  ['/env', () => json({ commandLine: process.argv.slice(2), env: process.env })],
  ['/mem', memory],
  ['/fs', (_, rest) => files(rest)],
  ['/memq/server', (request, rest) => queues.handle(request, rest)],
  ['/', (request, rest) => (rest === '' ? page(request) : text('404 page not found\n', 404))],
]

function memory(request: Request, rest: string): Answer {
  if (rest === '/api/alloc' && request.method === 'POST') {
    const size = Number(request.query.get('size') ?? 0)
    // In pieces, and written to: memory that is only reserved costs nothing and is not counted.
    for (let left = size; left > 0; left -= 1 << 24) allocated.push(Buffer.alloc(Math.min(left, 1 << 24), 1))
  }
  if (rest === '/api/clear' && request.method === 'POST') allocated = []
  return json({ allocated: allocated.reduce((sum, buffer) => sum + buffer.length, 0), memory: process.memoryUsage() })
}

function files(rest: string): Answer {
  const path = join('/', normalize(decodeURIComponent(rest || '/')))
  try {
    if (!statSync(path).isDirectory()) return { status: 200, type: 'application/octet-stream', body: readFileSync(path) }
    return text(`${readdirSync(path).join('\n')}\n`)
  } catch (error) {
    return text(`${(error as Error).message}\n`, 404)
  }
}

function page(request: Request): Answer {
  const rows = { Version: version, Hostname: hostname(), 'Your address': request.remote, Started: started.toISOString() }
  const links = ['/version', '/env', '/fs/', '/mem', '/healthy/api', '/ready/api', '/memq/server/stats']
  return html(`<!doctype html><title>demo ${escapeHtml(version)}</title>
<h1>Demo application</h1>
<table>${Object.entries(rows)
    .map(([name, value]) => `<tr><th>${name}<td>${escapeHtml(value)}`)
    .join('\n')}</table>
<p>${links.map(link => `<a href="${link}">${link}</a>`).join(' ')}
`)
}

function route(request: Request): Answer {
  for (const [prefix, handler] of routes) {
    const under = prefix === '/' ? '/' : `${prefix}/`
    if (request.path !== prefix && !request.path.startsWith(under)) continue
    try {
      return handler(request, request.path.slice(prefix.length))
    } catch (error) {
      return text(`${(error as Error).message}\n`, 400)
    }
  }
  return text('404 page not found\n', 404)
}

const listener: RequestListener = (incoming, outgoing) => {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => {
    const url = new URL(incoming.url ?? '/', 'http://demo')
    const remote = incoming.socket.remoteAddress ?? ''
    if (!url.pathname.startsWith('/healthy') && !url.pathname.startsWith('/ready')) log(`${remote} ${incoming.method} ${url.pathname}`)
    const { status, type, body } = route({
      method: incoming.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
      remote,
    })
    outgoing.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
  })
}

const port = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1))
const servers: { close(): unknown }[] = []

log(`Starting demo version: ${version}`)
servers.push(createServer(listener).listen(port(flags.address), () => log(`Serving on HTTP on ${flags.address}`)))
try {
  const [cert, key] = ['kuard.crt', 'kuard.key'].map(name => readFileSync(join(flags.tlsDir, name)))
  servers.push(
    createTlsServer({ cert, key }, listener).listen(port(flags.tlsAddress), () => log(`Serving on HTTPS on ${flags.tlsAddress}`)),
  )
} catch {
  log(`Could not find certificates to serve TLS in ${flags.tlsDir}`)
}

if (flags.keygen.enable) {
  keygen(flags.keygen, log).then(() => {
    if (flags.keygen.exitOnComplete) process.exit(flags.keygen.exitCode)
  })
}

// Requests that are being answered are answered; new ones only while draining.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    log(`${signal}: closing`)
    setTimeout(() => {
      for (const server of servers) server.close()
      setTimeout(() => process.exit(0), 50).unref()
    }, flags.drainSeconds * 1000)
  })
}
