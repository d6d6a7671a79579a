// The API as clients in pods see it where its own certificate is for another name: made, published and served, and checked by a TLS client.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { request } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { apiProxy } from '../../agent/network/api-proxy.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { ensureInClusterCertificate, findInClusterCertificate } from '../../shared/auth/in-cluster-certificate.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { openCluster } from '../../shared/cluster.ts'
import { NAMESPACES } from '../../shared/controllers/collections.ts'
import { networkPlan } from '../../shared/pods/network-plan.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

const closing: { close(): void }[] = []
afterEach(() => {
  for (const one of closing.splice(0)) one.close()
})

async function cluster() {
  const client = clientFor(openCluster({ store: new MemoryStore() }), SYSTEM, 'test')
  await client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } })
  return client
}

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(server)
  return (server.address() as AddressInfo).port
}

it('is made once, whoever is first', async () => {
  const client = await cluster()
  expect(await findInClusterCertificate(client)).toBeUndefined()
  const made = await Promise.all([1, 2, 3].map(() => ensureInClusterCertificate(client, '127.128.0.1', Date.now())))
  expect(new Set(made.map(({ cert }) => cert)).size).toBe(1)
  expect(await findInClusterCertificate(client)).toEqual(made[0])
})

it('is believed at its address and by its names; requests reach the API under its own name, answers come as they are made', async () => {
  const { ca, cert, key } = await ensureInClusterCertificate(await cluster(), '127.0.0.1', Date.now())
  const seen: IncomingMessage[] = []
  let finish = () => {}
  const api = await listen(
    createServer((incoming, answer) => {
      seen.push(incoming)
      incoming.pipe(answer.writeHead(200, { 'x-mark': 'api' }), { end: false })
      incoming.on('end', () => answer.write('first\n'))
      finish = () => answer.end('last\n')
    }),
  )
  const proxy = apiProxy({ url: `http://127.0.0.1:${api}`, cert, key })
  const port = await listen(createTcpServer(client => proxy(client)))
  const ask = (servername: string | undefined) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { authorization: 'Bearer t' }
      const sent = request(
        { host: '127.0.0.1', port, path: '/api?watch=1', method: 'POST', ca, servername, headers, agent: false },
        resolve,
      )
      sent.on('error', reject)
      sent.end('body\n')
    })
  for (const servername of [undefined, 'kubernetes.default.svc']) {
    const response = await ask(servername)
    expect(response.headers['x-mark']).toBe('api')
    const chunks: string[] = []
    for await (const chunk of response.setEncoding('utf8')) {
      chunks.push(chunk)
      // The first part is here before the last is made.
      if (chunks.join('').includes('first\n')) finish()
    }
    expect(chunks.join('')).toBe('body\nfirst\nlast\n')
  }
  expect(seen[0]).toMatchObject({ method: 'POST', url: '/api?watch=1' })
  expect(seen[0]!.headers).toMatchObject({ host: `127.0.0.1:${api}`, authorization: 'Bearer t' })
  await expect(ask('example.com')).rejects.toThrow(/altnames/)
})

it('leads into the cluster whose agent it is, where several share an address', async () => {
  const { ca, cert, key } = await ensureInClusterCertificate(await cluster(), '127.0.0.1', Date.now())
  const paths: (string | undefined)[] = []
  const api = await listen(
    createServer(({ url }, answer) => {
      paths.push(url)
      answer.end()
    }),
  )
  for (const base of ['/clusters/pr-1', '/']) {
    const proxy = apiProxy({ url: `http://127.0.0.1:${api}${base}`, cert, key })
    const port = await listen(createTcpServer(client => proxy(client)))
    await new Promise<IncomingMessage>((resolve, reject) => {
      request({ host: '127.0.0.1', port, path: '/api/v1/pods?watch=1', ca, agent: false }, resolve).on('error', reject).end()
    })
  }
  expect(paths).toEqual(['/clusters/pr-1/api/v1/pods?watch=1', '/api/v1/pods?watch=1'])
})

it("reaches agents without its authority, which would take the place of the API's own there", async () => {
  const made = await ensureInClusterCertificate(await cluster(), '127.0.0.1', Date.now())
  const pod = { metadata: { name: 'web', namespace: 'default' }, spec: { containers: [] } } as unknown as Pod
  expect(networkPlan(pod, undefined, made).api.certificate).toEqual({ cert: made.cert, key: made.key })
})

it('says so when the API cannot be reached', async () => {
  const { ca, cert, key } = await ensureInClusterCertificate(await cluster(), '127.0.0.1', Date.now())
  const proxy = apiProxy({ url: 'http://127.0.0.1:1', cert, key })
  const port = await listen(createTcpServer(client => proxy(client)))
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/api', ca, agent: false }, resolve).on('error', reject).end()
  })
  expect(response.statusCode).toBe(503)
  let text = ''
  for await (const chunk of response) text += chunk
  expect(JSON.parse(text)).toMatchObject({ kind: 'Status', reason: 'ServiceUnavailable' })
})
