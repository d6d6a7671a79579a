// The agent's proxy and name service as one, over real sockets of this machine's loopback; only the control plane is played.
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PodNetwork } from '../../agent/network/pod-network.ts'
import type { ImageDefaults, PodPlan } from '../../shared/pods/agent-protocol.ts'
import type { ServiceNews, ServiceView } from '../../shared/pods/services/protocol.ts'
import { freePort } from '../tools/cluster.ts'
import { eventually } from '../tools/wait.ts'

const VIP = '127.88.0.7'
const DNS = '127.88.0.10'

const clock = { now: () => Date.now(), at: (_: number, run: () => void) => later(run) }
let timers: (() => void)[] = []
/** Time passes when the test says so. */
function later(run: () => void) {
  timers.push(run)
  return () => {
    timers = timers.filter(timer => timer !== run)
  }
}
function pass() {
  for (const timer of timers.splice(0)) timer()
}

const closing: { close(): void }[] = []
let events: string[]
let files: Record<string, string>
let exposed: ImageDefaults
let ready: boolean
let reports: number
let network: PodNetwork
let dnsPort: number
let resolver: Resolver
let api: Server

beforeEach(async () => {
  timers = []
  events = []
  files = {}
  exposed = {}
  ready = true
  reports = 0
  dnsPort = await freePort()
  api = await serve('api')
  network = new PodNetwork({
    clock,
    network: { nameservers: [], searches: [], options: [] },
    apiUrl: `http://127.0.0.1:${portOf(api)}`,
    image: () => exposed,
    podIPs: () => ['127.88.1.1'],
    ready: () => ready,
    write: (name, text) => {
      files[name] = text
    },
    report: () => {
      reports++
    },
    pushed: () => true,
    event: ({ reason }) => events.push(reason),
    log: () => {},
    dnsPort,
  })
  closing.push(network)
  resolver = new Resolver({ timeout: 5_000, tries: 1 })
  resolver.setServers([`${DNS}:${dnsPort}`])
})

afterEach(() => {
  for (const one of closing.splice(0)) one.close()
})

const portOf = (server: Server) => (server.address() as { port: number }).port

/** A server that answers everything with its name and what it was sent, once the other side has ended. */
async function serve(name: string, port = 0, host = '127.0.0.1'): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    let text = ''
    socket.on('data', chunk => {
      text += chunk
    })
    socket.on('end', () => socket.end(`${name}:${text}`))
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  closing.push({ close: () => server.listening && server.close() })
  return server
}

/** What is answered; 'refused' when nobody listens or the connection is reset. */
function call(port: number, host = VIP, text = 'hello'): Promise<string> {
  return new Promise(resolve => {
    const socket: Socket = connect({ host, port, allowHalfOpen: true }, () => socket.end(text))
    let answer = ''
    socket.on('data', chunk => {
      answer += chunk
    })
    socket.on('end', () => resolve(answer))
    socket.on('error', () => resolve('refused'))
  })
}

const plan = (container: object = {}): PodPlan => ({
  version: '1',
  name: 'client',
  namespace: 'default',
  uid: 'u',
  restartPolicy: 'Always',
  terminationGracePeriodSeconds: 30,
  containers: [{ name: 'a', role: 'app', image: 'x', env: [], ports: [], ...container } as never],
  network: {
    dnsAddress: DNS,
    dnsPolicy: 'ClusterFirst',
    nameservers: [],
    searches: [],
    options: [],
    hostname: 'client',
    hostAliases: [],
    api: { address: '127.88.0.1', port: 6443 },
  },
})

async function adopt(container: object = {}) {
  network.adopt(plan(container))
  await network.starting(false)
}

function service(port: number, targets: readonly number[], more: Partial<ServiceView> = {}): ServiceView {
  const named = (number: number) => [{ name: '', protocol: 'TCP' as const, port: number }]
  return {
    version: String(Math.random()),
    clusterIPs: [VIP],
    ports: named(port),
    groups: targets.map(target => ({ ports: named(target), endpoints: [{ address: '127.0.0.1' }] })),
    ...more,
  }
}

function tell(news: ServiceNews) {
  network.known()
  network.apply(news)
}

const listening = (port: number) => eventually('something listens', async () => (await call(port)) !== 'refused')

describe('a Service', () => {
  it('is reached at its address, spread over its endpoints, with both ends of a connection passed on', async () => {
    const [a, b, port] = [await serve('a'), await serve('b'), await freePort()]
    await adopt()
    tell({ 'default/web': service(port, [portOf(a), portOf(b)]) })
    await listening(port)
    const answers = await Promise.all(Array.from({ length: 10 }, () => call(port)))
    expect(answers.filter(answer => answer === 'a:hello')).toHaveLength(5)
    expect(answers.filter(answer => answer === 'b:hello')).toHaveLength(5)
  })

  it('passes megabytes both ways unharmed', async () => {
    const [a, port] = [await serve('a'), await freePort()]
    await adopt()
    tell({ 'default/web': service(port, [portOf(a)]) })
    await listening(port)
    const text = 'x'.repeat(5_000_000)
    expect(await call(port, VIP, text)).toBe(`a:${text}`)
  })

  it('loses no connection to an endpoint that is gone; without any it refuses', async () => {
    const [a, b, port] = [await serve('a'), await serve('b'), await freePort()]
    await adopt()
    tell({ 'default/web': service(port, [portOf(a), portOf(b)]) })
    await listening(port)
    a.close()
    expect(await Promise.all(Array.from({ length: 6 }, () => call(port)))).toEqual(Array.from({ length: 6 }, () => 'b:hello'))
    b.close()
    expect(await call(port)).toBe('refused')
  })

  it('follows its endpoints, and is gone when it is deleted', async () => {
    const [a, b, port] = [await serve('a'), await serve('b'), await freePort()]
    await adopt()
    tell({ 'default/web': service(port, [portOf(a)]) })
    await listening(port)
    tell({ 'default/web': service(port, [portOf(b)]) })
    expect(await call(port)).toBe('b:hello')
    tell({ 'default/web': null })
    expect(await call(port)).toBe('refused')
  })

  it('stays with one endpoint where it has affinity', async () => {
    const [a, b, port] = [await serve('a'), await serve('b'), await freePort()]
    await adopt()
    tell({ 'default/web': service(port, [portOf(a), portOf(b)], { affinitySeconds: 60 }) })
    await listening(port)
    const first = await call(port)
    for (let n = 0; n < 5; n++) expect(await call(port)).toBe(first)
  })

  it('takes datagrams, and sends the answers back from its own address', async () => {
    const port = await freePort()
    const echo: UdpSocket = createSocket('udp4')
    echo.on('message', (message, from) => echo.send(`echo ${message}`, from.port, from.address))
    const target = await new Promise<number>(resolve => echo.bind(0, '127.0.0.1', () => resolve(echo.address().port)))
    closing.push(echo)
    await adopt()
    const ports = (number: number) => [{ name: '', protocol: 'UDP' as const, port: number }]
    tell({
      'default/web': service(port, [], { ports: ports(port), groups: [{ ports: ports(target), endpoints: [{ address: '127.0.0.1' }] }] }),
    })
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual([VIP])
    const client = createSocket('udp4')
    closing.push(client)
    const answer = new Promise<string>(resolve => client.once('message', (message, from) => resolve(`${message} from ${from.address}`)))
    client.send('one', port, VIP)
    expect(await answer).toBe(`echo one from ${VIP}`)
  })
})

describe('names', () => {
  it('of Services that are not known are asked for, and wait for the answer', async () => {
    await adopt()
    const answer = resolver.resolve4('db.other.svc.cluster.local')
    await eventually('it is asked for', () => network.known()['other/db'] === '')
    expect(reports).toBeGreaterThan(0)
    network.apply({ 'other/db': service(await freePort(), []) })
    expect(await answer).toEqual([VIP])
  })

  it('that lead nowhere are asked for once, and believed until the control plane says otherwise', async () => {
    await adopt()
    const answer = resolver.resolve4('db.other.svc.cluster.local').catch((error: { code: string }) => error.code)
    await eventually('it is asked for', () => network.known()['other/db'] === '')
    network.apply({ 'other/db': null })
    expect(await answer).toBe('ENOTFOUND')
    await expect(resolver.resolve4('db.other.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    expect(network.known()).toEqual({ 'other/db': '-' })
    tell({ 'other/db': service(await freePort(), []) })
    expect(await resolver.resolve4('db.other.svc.cluster.local')).toEqual([VIP])
  })

  it('are in place before a container runs', async () => {
    await adopt()
    expect(files['resolv.conf']).toContain(`nameserver ${DNS}\n`)
    expect(files.hosts).toContain('127.88.1.1\tclient\n')
  })
})

describe('the port of an app', () => {
  const app = (port: number) => serve('app', port, '0.0.0.0')

  it.each([
    ['declares', (port: number) => ({ ports: [{ containerPort: port }] })],
    ['probes', (port: number) => ({ readinessProbe: { tcpSocket: { port } } })],
  ])('that the pod %s is never listened on: names lead to the endpoints', async (_, container) => {
    const [a, port] = [await serve('a'), await freePort()]
    await adopt(container(port))
    tell({ 'default/web': service(port, [portOf(a)]) })
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['127.0.0.1'])
    await app(port)
  })

  it("that the image exposes is the app's, unless another command runs", async () => {
    const [a, port] = [await serve('a'), await freePort()]
    exposed = { ports: [port] }
    await adopt()
    tell({ 'default/web': service(port, [portOf(a)]) })
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['127.0.0.1'])
    await adopt({ command: ['sh'] })
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual([VIP])
  })

  it('that a Service selects it for is given up when the Service comes', async () => {
    const [a, port] = [await serve('a'), await freePort()]
    await adopt()
    tell({ 'default/web': service(port, [portOf(a)]) })
    await listening(port)
    tell({ 'default/mine': service(await freePort(), [], { clusterIPs: [], own: [{ protocol: 'TCP', port: 1, target: port }] }) })
    await app(port)
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['127.0.0.1'])
  })

  it('that nobody could know costs one restart, and is left alone afterwards', async () => {
    const [a, port] = [await serve('a'), await freePort()]
    await adopt()
    tell({ 'default/web': service(port, [portOf(a)]) })
    await listening(port)
    await expect(app(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await network.starting(true)
    await app(port)
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['127.0.0.1'])
    pass()
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['127.0.0.1'])
    expect(events).toEqual(['ServicePortTaken'])
  })

  it('of others is listened on again some time after a restart', async () => {
    const [a, port] = [await serve('a'), await freePort()]
    await adopt()
    tell({ 'default/web': service(port, [portOf(a)]) })
    await listening(port)
    await network.starting(true)
    expect(await call(port)).toBe('refused')
    pass()
    await listening(port)
  })

  it('53 keeps the name service away, and an event says so', async () => {
    await adopt({ ports: [{ containerPort: 53 }] })
    expect(files['resolv.conf']).not.toContain(DNS)
    expect(events).toEqual(['MissingClusterDNS'])
  })
})

describe('the pod itself', () => {
  it("is reached on its Service's port, too, for pods that must go to it directly; when it is ready", async () => {
    const port = await freePort()
    const mine = await serve('mine', 0, '127.88.1.1')
    ready = false
    await adopt()
    tell({ 'default/mine': service(port, [], { own: [{ protocol: 'TCP', port, target: portOf(mine) }] }) })
    expect(await call(port, '127.88.1.1')).toBe('refused')
    ready = true
    network.step()
    await eventually('it listens', async () => (await call(port, '127.88.1.1')) === 'mine:hello')
  })

  it('finds the API at an address of its own', async () => {
    await adopt()
    await eventually('it listens', async () => (await call(6443, '127.88.0.1')) === 'api:hello')
  })

  it('waits with its end until nothing is sent to it, but not for ever', async () => {
    const serving = service(1, [], {
      own: [{ protocol: 'TCP', port: 1, target: 1 }],
      groups: [{ ports: [], endpoints: [{ address: '127.88.1.1' }] }],
    })
    await adopt()
    tell({ 'default/mine': serving })
    let over = false
    const drained = network.drained().then(() => {
      over = true
    })
    await new Promise(resolve => setImmediate(resolve))
    expect(over).toBe(false)
    tell({ 'default/mine': { ...serving, version: '2', groups: [] } })
    await eventually('the rest is waited for', () => timers.length > 0)
    pass()
    await drained
    expect(over).toBe(true)
  })
})
