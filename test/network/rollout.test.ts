// Pods that come and go under a constant stream of requests: the control plane, its controller of slices, the sync call and the agents'
// networks are the real ones, in one process; what runs in the pods are servers of the test.
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { systemClock } from '../../agent/clock.ts'
import { Link } from '../../agent/link.ts'
import { PodNetwork } from '../../agent/network/pod-network.ts'
import { nodeListener } from '../../functions/api/node-http.ts'
import type { Pod, Service } from '../../shared/api/core/v1.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { openCluster } from '../../shared/cluster.ts'
import { NODES, PODS, SERVICES } from '../../shared/controllers/collections.ts'
import { endpointSliceController } from '../../shared/controllers/endpointslice.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { startManager } from '../../shared/pipeline/manager.ts'
import { agentKey, issueToken } from '../../shared/pods/agent-token.ts'
import { withRecord } from '../../shared/pods/record.ts'
import { ServiceCatalog } from '../../shared/pods/services/catalog.ts'
import { podStatus } from '../../shared/pods/status.ts'
import { createAgentSync } from '../../shared/pods/sync.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { freePort } from '../tools/cluster.ts'
import { eventually } from '../tools/wait.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close()
})

const TARGET = 18_080
/** Endpoints cannot be on the loopback, where these servers are: the control plane is told of other addresses. */
const HERE = '127.90.'
const TOLD = '10.90.'
/** How long a request is worked on. */
const WORK_MS = 20

async function openBench() {
  const store = new MemoryStore()
  const machinery = openCluster({ store })
  const client = clientFor(machinery, SYSTEM, 'test')
  for (const name of ['default', 'kube-system'])
    await client.create({ group: '', resource: 'namespaces' }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  await client.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } })
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } }
  await client.create({ group: '', resource: 'serviceaccounts' }, account)
  const controllers = [endpointSliceController]
  const manager = await startManager({ store, client, registry: machinery.registry, controllers, log: silent })
  const handle = createAgentSync({
    client,
    read: createReader(store),
    store,
    key: () => agentKey(client),
    events: { event: async () => {} },
    now: Date.now,
    holdSeconds: 20,
    findTask: async () => undefined,
    services: new ServiceCatalog(store, Date.now),
  })
  const server = createHttpServer(nodeListener(handle))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(
    () => manager.stop(),
    () => {
      server.close()
      server.closeAllConnections()
    },
  )
  return { client, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
type Bench = Awaited<ReturnType<typeof openBench>>

/** A pod with its agent. With a server, that ends at once, and with all its connections, when it is told to. */
async function startPod({ client, url }: Bench, name: string, ip: string, ports: readonly number[], serves: boolean): Promise<void> {
  const created = await client.create<Pod>(PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: serves ? { app: 'web' } : {} },
    spec: { nodeName: 'n', containers: [{ name: 'app', image: 'x', ports: ports.map(containerPort => ({ containerPort })) }] },
  } as Pod)
  await client.updateStatus<Pod>(PODS, {
    ...created,
    metadata: withRecord(created.metadata, { launch: 1, at: Date.now() }),
    status: podStatus(created, { now: Date.now() }),
  })
  const connections = new Set<Socket>()
  const server = createServer(socket => {
    connections.add(socket)
    socket.on('error', () => {})
    socket.on('data', () => setTimeout(() => socket.end(name), WORK_MS))
  })
  if (serves) await new Promise<void>(resolve => server.listen(TARGET, ip, resolve))
  const end = () => {
    server.close()
    for (const socket of connections) socket.destroy()
  }
  const startedAt = new Date().toISOString()
  let ending = false
  const link: Link = new Link({
    url,
    token: issueToken(await agentKey(client), { namespace: 'default', name, uid: created.metadata.uid!, launch: 1 }),
    clock: systemClock,
    log: () => {},
    report: () => ({
      podIPs: [ip.replace(HERE, TOLD)],
      taskArn: `arn:aws:ecs:here:1:task/c/${name}`,
      containers: [{ name: 'app', state: { running: { startedAt } }, restartCount: 0, started: true, ready: true }],
      finished: false,
      services: network.known(),
    }),
    orders(orders) {
      network.apply(JSON.parse((JSON.stringify(orders.services) ?? 'null').replaceAll(TOLD, HERE)) ?? undefined)
      if (orders.plan) network.adopt(orders.plan)
      if (!orders.deletion || ending) return
      ending = true
      void network.drained().then(end)
    },
    gone: () => {},
    finished: () => {},
  })
  const network = new PodNetwork({
    clock: systemClock,
    network: { nameservers: [], searches: [], options: [] },
    apiUrl: url,
    image: () => ({}),
    podIPs: () => [ip],
    ready: () => true,
    write: () => {},
    report: () => link.changed(),
    pushed: () => link.holds,
    event: () => {},
    log: () => {},
    dnsPort: await freePort(),
  })
  closing.push(() => {
    link.close()
    network.close()
    end()
  })
  link.freshPlan().catch(() => {})
  void link.run()
}

function request(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => socket.write('x'))
    let answer = ''
    socket.on('data', chunk => {
      answer += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => (answer === '' ? reject(new Error('closed without an answer')) : resolve(answer)))
  })
}

it('drops no request', async () => {
  const bench = await openBench()
  const port = await freePort()
  const { spec } = await bench.client.create<Service>(SERVICES, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port, targetPort: TARGET }] },
  })
  const address = spec!.clusterIP!
  // All these pods share one loopback here: those that serve leave the Service's address to the client.
  for (const n of [1, 2, 3]) await startPod(bench, `old-${n}`, `127.90.0.${n}`, [TARGET, port], true)
  await startPod(bench, 'client', '127.90.0.100', [], false)
  const answered = new Map<string, number>()
  const failed: string[] = []
  let over = false
  const isAnswering = (name: string) => eventually(`${name} answers`, () => answered.has(name))
  await eventually('the Service answers', () => request(address, port))
  const stream = async () => {
    while (!over) {
      await request(address, port).then(
        name => answered.set(name, (answered.get(name) ?? 0) + 1),
        error => failed.push(String(error)),
      )
    }
  }
  const streams = [1, 2, 3, 4].map(stream)
  for (const n of [1, 2, 3]) {
    await startPod(bench, `new-${n}`, `127.90.1.${n}`, [TARGET, port], true)
    await isAnswering(`new-${n}`)
    await bench.client.delete(PODS, 'default', `old-${n}`, { gracePeriodSeconds: 30 })
    await eventually(`old-${n} has ended`, () =>
      request(`127.90.0.${n}`, TARGET).then(
        () => false,
        () => true,
      ),
    )
  }
  over = true
  await Promise.all(streams)
  expect(failed).toEqual([])
  expect([...answered.keys()].sort()).toEqual(['new-1', 'new-2', 'new-3', 'old-1', 'old-2', 'old-3'])
}, 60_000)
