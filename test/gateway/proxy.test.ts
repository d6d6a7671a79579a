// Requests that the API passes on to pods and Services, through the gateway and an agent's tunnel. The "pod" is a server of this machine.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../agent/clock.ts'
import { GatewayLink } from '../../agent/gateway-link.ts'
import { createGateway, type Gateway } from '../../gateway/gateway.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { MASTERS, SYSTEM } from '../../shared/auth/types.ts'
import { openCluster } from '../../shared/cluster.ts'
import { PODS } from '../../shared/controllers/collections.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { agentKey, issueToken } from '../../shared/pods/agent-token.ts'
import { withRecord } from '../../shared/pods/record.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

const IP = '10.0.0.7'
let app: Server
let server: Server
let gateway: Gateway
let link: GatewayLink
let client: Client

const portOf = (of: Server) => (of.address() as AddressInfo).port
const listening = (of: Server) => new Promise<void>(resolve => of.listen(0, '127.0.0.1', resolve))
const create = (resource: string, object: object) => client.create({ group: '', resource }, { apiVersion: 'v1', ...object } as KubeObject)

/** Tells what it was asked. */
const echo = () =>
  createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      if (request.url === '/moved') return response.writeHead(302, { location: '/elsewhere' }).end()
      if (request.url === '/nothing') return response.writeHead(204).end()
      const { method, url, headers } = request
      response.writeHead(418, { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] })
      response.end(JSON.stringify({ method, url, headers, body }))
    })
  })

beforeAll(async () => {
  app = echo()
  await listening(app)
  const store = new MemoryStore()
  client = clientFor(openCluster({ store }), SYSTEM, 'test')
  for (const name of ['default', 'kube-system']) await create('namespaces', { kind: 'Namespace', metadata: { name } })
  await create('serviceaccounts', { kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } })
  await create('nodes', { kind: 'Node', metadata: { name: 'n' } })
  const made = (await create('pods', {
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
    spec: { nodeName: 'n', containers: [{ name: 'app', image: 'i', ports: [{ containerPort: portOf(app) }] }] },
  })) as Pod
  const status = { phase: 'Running', podIP: IP, podIPs: [{ ip: IP }] }
  await client.updateStatus<Pod>(PODS, { ...made, metadata: withRecord(made.metadata, { launch: 1, at: 0 }), status } as Pod)
  const ports = [{ name: 'http', port: 80, targetPort: portOf(app) }]
  for (const name of ['web', 'empty', 'stale', 'foreign'])
    await create('services', { kind: 'Service', metadata: { name, namespace: 'default' }, spec: { ports } })
  const endpoints = (name: string, ip: string, targetRef?: object) =>
    create('endpoints', {
      kind: 'Endpoints',
      metadata: { name, namespace: 'default' },
      subsets: [{ addresses: [{ ip, targetRef }], ports: [{ name: 'http', port: portOf(app) }] }],
    })
  await create('endpoints', { kind: 'Endpoints', metadata: { name: 'empty', namespace: 'default' } })
  await endpoints('web', IP, { kind: 'Pod', namespace: 'default', name: 'web' })
  await endpoints('stale', '10.0.0.8', { kind: 'Pod', namespace: 'default', name: 'web' })
  await endpoints('foreign', '203.0.113.7')

  gateway = await createGateway({
    store,
    log: silent,
    logs: { page: async () => undefined },
    tokens: [
      { token: 'admin', user: { name: 'admin', groups: [MASTERS] } },
      { token: 'reader', user: { name: 'reader', groups: [] } },
    ],
    tunnels: { patienceMs: 2_000, idleMs: 60_000 },
  })
  server = createServer({ shouldUpgradeCallback: gateway.takes }, (incoming, response) => {
    if (!gateway.handle(incoming, response)) response.writeHead(404).end()
  })
  server.on('upgrade', gateway.upgrade)
  await listening(server)
  const token = issueToken(await agentKey(client), { namespace: 'default', name: 'web', uid: made.metadata.uid!, launch: 1 })
  link = new GatewayLink({ token, clock: systemClock, containers: () => [], log: () => {} })
  link.offer(`http://127.0.0.1:${portOf(server)}`)
})

afterAll(() => {
  void link?.close()
  gateway?.close()
  for (const one of [server, app]) {
    one?.closeAllConnections()
    one?.close()
  }
})

const ABOVE = '/api/v1/namespaces/default'
const ask = (path: string, { token = 'admin', ...init }: RequestInit & { token?: string } = {}) =>
  fetch(`http://127.0.0.1:${portOf(server)}${ABOVE}${path}`, {
    redirect: 'manual',
    ...init,
    headers: { authorization: `Bearer ${token}`, ...init.headers },
  })

it.each([
  ['a pod, by the first port that it declares', () => '/pods/web/proxy/some/path?a=1&b'],
  ['a pod, by a port of its own', () => `/pods/web:${portOf(app)}/proxy/some/path?a=1&b`],
  ['a Service, by the name of a port', () => '/services/web:http/proxy/some/path?a=1&b'],
  ['a Service, by the number of a port', () => '/services/http:web:80/proxy/some/path?a=1&b'],
])('%s: method, path, query and body get there, and the answer comes as it is', async (_, path) => {
  const headers = { 'x-mine': 'yes', 'impersonate-user': 'admin', 'impersonate-group': MASTERS }
  const answer = await ask(path(), { method: 'PATCH', body: 'what I say', headers })
  expect(answer.status).toBe(418)
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  const asked = (await answer.json()) as { headers: Record<string, string> }
  expect(asked).toMatchObject({ method: 'PATCH', url: '/some/path?a=1&b', body: 'what I say', headers: { 'x-mine': 'yes' } })
  // Who asks the API is nothing to a pod, which could use it.
  for (const name of ['authorization', 'impersonate-user', 'impersonate-group']) expect(asked.headers).not.toHaveProperty(name)
})

it('a page is found below its own slash, and what it refers to below the same path', async () => {
  const answer = await ask('/pods/web/proxy?a=1')
  expect([answer.status, answer.headers.get('location')]).toEqual([301, `${ABOVE}/pods/web/proxy/?a=1`])
  expect(await (await ask('/pods/web/proxy/')).json()).toMatchObject({ method: 'GET', url: '/' })
  expect((await ask('/services/web:http/proxy/moved')).headers.get('location')).toBe(`${ABOVE}/services/web:http/proxy/elsewhere`)
  expect((await ask('/pods/web/proxy/nothing')).status).toBe(204)
})

it.each([
  ['who may not', '/pods/web/proxy/', 'reader', 403, /cannot get resource .*pods\/proxy/],
  ['a pod that is not there', '/pods/none/proxy/', 'admin', 404, /pods \\"none\\" not found/],
  ['a port on which nothing listens', '/pods/web:1/proxy/', 'admin', 503, /error trying to reach service: .*refused/],
  ['a port that is none', '/pods/web:http/proxy/', 'admin', 503, /invalid port/],
  ['a Service without a pod', '/services/empty:http/proxy/', 'admin', 503, /no endpoints available for service \\"empty\\"/],
  ['a port that the Service has not', '/services/web:81/proxy/', 'admin', 503, /no service port 81 found for service \\"web\\"/],
  ['an address that is no longer the pod’s', '/services/stale:http/proxy/', 'admin', 503, /no endpoints available/],
  ['an address that is no pod’s', '/services/foreign:http/proxy/', 'admin', 503, /no endpoints available/],
])('refused: %s', async (_, path, token, status, text) => {
  const answer = await ask(path, { token })
  expect(await answer.text()).toMatch(text)
  expect(answer.status).toBe(status)
})
