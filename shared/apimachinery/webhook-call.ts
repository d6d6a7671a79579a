// One call of a webhook: by URL, or by service through an endpoint that is ready.
import { request } from 'node:https'
import { isIP } from 'node:net'
import type { WebhookClientConfig } from '../api/admissionregistration/v1.ts'
import type { Service } from '../api/core/v1.ts'
import type { EndpointSlice } from '../api/discovery/v1.ts'
import type { Reader } from './context.ts'

/** It could not be asked. The message follows Go's HTTP client, which people know. */
export class WebhookCallError extends Error {
  override readonly name = 'WebhookCallError'
}

interface Address {
  /** As messages name it. */
  readonly url: URL
  readonly host: string
  readonly port: number
}

const SERVICES = { group: '', resource: 'services' }
const SLICES = { group: 'discovery.k8s.io', resource: 'endpointslices' }
/** Bytes. */
const MOST_ANSWER = 3 * 1024 * 1024

/** @throws WebhookCallError */
export async function callWebhook(client: WebhookClientConfig, body: object, seconds: number, read: Reader): Promise<unknown> {
  const { service, url, caBundle } = client
  const target = new URL(url ?? `https://${service?.name}.${service?.namespace}.svc:${service?.port ?? 443}${service?.path ?? '/'}`)
  target.searchParams.set('timeout', `${seconds}s`)
  // URL leaves out the port that goes without saying; Go prints what was written.
  const shown = service === undefined ? String(target) : String(target).replace('.svc/', `.svc:${service.port ?? 443}/`)
  const fail = (why: string) => new WebhookCallError(`failed to call webhook: Post ${JSON.stringify(shown)}: ${why}`)
  let address: Address = { url: target, host: target.hostname, port: Number(target.port || 443) }
  if (service !== undefined) address = await ofService(service, target, read, fail)
  const ca = caBundle ? Buffer.from(caBundle, 'base64').toString() : undefined
  return send(address, JSON.stringify(body), seconds, ca, fail)
}

type Fail = (why: string) => WebhookCallError

async function ofService(service: NonNullable<WebhookClientConfig['service']>, url: URL, read: Reader, fail: Fail): Promise<Address> {
  const { namespace, name, port = 443 } = service
  const found = await read.get<Service>(SERVICES, namespace, name)
  if (found === undefined) throw fail(`service ${JSON.stringify(name)} not found`)
  const wanted = found.spec.ports?.find(one => one.port === port)
  if (wanted === undefined) throw fail(`no service port ${port} found for service ${JSON.stringify(name)}`)
  const slices = await read.list<EndpointSlice>(SLICES, namespace)
  for (const { metadata, endpoints, ports } of slices) {
    if (metadata.labels?.['kubernetes.io/service-name'] !== name) continue
    const target = ports?.find(one => (one.name ?? '') === (wanted.name ?? ''))?.port
    const ready = (endpoints ?? []).find(({ conditions }) => conditions?.ready !== false)
    const host = ready?.addresses?.[0]
    if (host !== undefined && target !== undefined) return { url, host, port: target }
  }
  throw fail(`no endpoints available for service ${JSON.stringify(name)}`)
}

function send({ url, host, port }: Address, body: string, seconds: number, ca: string | undefined, fail: Fail): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host,
        port,
        method: 'POST',
        path: `${url.pathname}${url.search}`,
        // An address is no name that TLS could say.
        ...(isIP(url.hostname) === 0 ? { servername: url.hostname } : {}),
        headers: {
          host: url.host,
          'content-type': 'application/json',
          accept: 'application/json',
          'content-length': Buffer.byteLength(body),
        },
        signal: AbortSignal.timeout(seconds * 1000),
        ...(ca === undefined ? {} : { ca }),
      },
      answer => {
        const chunks: Buffer[] = []
        let size = 0
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > MOST_ANSWER) call.destroy(new Error('the answer is too large'))
          else chunks.push(chunk)
        })
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          if (answer.statusCode !== undefined && answer.statusCode >= 300)
            return reject(new WebhookCallError(`failed to call webhook: the server answered ${answer.statusCode}: ${text.slice(0, 200)}`))
          try {
            resolve(JSON.parse(text))
          } catch {
            reject(new WebhookCallError('failed to call webhook: the answer is no JSON'))
          }
        })
      },
    )
    call.on('error', error => reject(fail(reasonOf(error, host, port))))
    call.end(body)
  })
}

function reasonOf(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'context deadline exceeded'
  if (error.code === 'ECONNREFUSED') return `dial tcp ${host}:${port}: connect: connection refused`
  if (error.code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`
  if (error.code === 'ECONNRESET') return 'EOF'
  return /certificate|self.signed/i.test(error.message) ? `tls: failed to verify certificate: ${error.message}` : error.message
}
