// A client that does nothing but speak HTTP, so that what is measured is the server.
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { parse } from 'yaml'

export interface Reply {
  readonly status: number
  readonly body: string
}

export interface ApiClient {
  call(method: string, path: string, body?: unknown, contentType?: string): Promise<Reply>
  close(): void
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }[]
  readonly users: readonly { readonly user: { readonly token: string } }[]
}

/** `connections`: how many it keeps open. */
export function apiClient(kubeconfig: string, connections: number): ApiClient {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
  const { server, 'certificate-authority-data': ca } = config.clusters[0]!.cluster
  const { token } = config.users[0]!.user
  const agent = new Agent({ keepAlive: true, maxSockets: connections, ca: Buffer.from(ca, 'base64') })
  return {
    call: (method, path, body, contentType = 'application/json') =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? undefined : JSON.stringify(body)
        const headers = {
          authorization: `Bearer ${token}`,
          ...(text !== undefined && { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
        }
        const outgoing = request(`${server}${path}`, { method, agent, headers }, response => {
          const chunks: Buffer[] = []
          response.on('data', chunk => chunks.push(chunk))
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }))
        })
        outgoing.on('error', reject)
        outgoing.end(text)
      }),
    close: () => agent.destroy(),
  }
}

/** Runs `act` for the time with so many at once; answers how long each took (ms), and how many a second. */
export async function load(
  clients: number,
  forMs: number,
  act: (client: number, n: number) => Promise<Reply>,
): Promise<{ took: number[]; perSecond: number }> {
  const took: number[] = []
  const begin = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let n = 0; performance.now() - begin < forMs; n++) {
        const start = performance.now()
        const { status, body } = await act(client, n)
        if (status >= 300) throw new Error(`the API answered ${status}: ${body.slice(0, 300)}`)
        took.push(performance.now() - start)
      }
    }),
  )
  return { took, perSecond: took.length / ((performance.now() - begin) / 1000) }
}
