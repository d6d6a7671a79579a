// The gateway and the agent's half of it, over HTTP, with a real holder: what kubectl does not show of them. One container without Docker.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { systemClock } from '../../agent/clock.ts'
import type { Container } from '../../agent/container.ts'
import { GatewayLink } from '../../agent/gateway-link.ts'
import { Holder } from '../../agent/holder.ts'
import { clusterGateways } from '../../gateway/clusters.ts'
import { createGateway, type Gateway } from '../../gateway/gateway.ts'
import { findBusybox } from '../../scripts/images/base.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { Cluster } from '../../shared/api/zeroplane/v1alpha1.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { MASTERS, SYSTEM } from '../../shared/auth/types.ts'
import { openCluster } from '../../shared/cluster.ts'
import { PODS } from '../../shared/controllers/collections.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { agentKey, issueToken } from '../../shared/pods/agent-token.ts'
import { withRecord } from '../../shared/pods/record.ts'
import { SESSIONS_PATH, TUNNEL_PATH } from '../../shared/pods/tunnel-protocol.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

const RBAC = 'rbac.authorization.k8s.io'
const folder = mkdtempSync(join(tmpdir(), 'zeroplane-gateway-'))
let server: Server
let gateway: Gateway
let link: GatewayLink
let holder: Holder
let holderProcess: ChildProcess

/** Of another cluster behind the same address: the same names in it, and other credentials. */
const OTHER = { name: 'pr-1', uid: 'aaaaaaaa-0000-4000-8000-000000000000' }
let otherLink: GatewayLink
let homeAgentToken: string

beforeAll(async () => {
  const [store, other] = [new MemoryStore(), new MemoryStore()]
  const home = await openGateway(store, 'admin')
  gateway = clusterGateways({
    home,
    defaultName: 'default',
    find: async name => (name === OTHER.name ? ({ metadata: OTHER } as Cluster) : undefined),
    open: () => openGateway(other, 'other-admin'),
    failed: error => {
      throw error
    },
  })
  server = createServer({ shouldUpgradeCallback: gateway.takes }, (incoming, response) => {
    if (!gateway.handle(incoming, response)) response.writeHead(404).end()
  })
  server.on('upgrade', gateway.upgrade)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))

  await startHolder()
  homeAgentToken = await populate(store)
  link = startLink(homeAgentToken)
  link.offer(base())
  otherLink = startLink(await populate(other))
  otherLink.offer(`${base()}/clusters/pr-1`)
})

const startLink = (token: string) => {
  const plan = { name: 'app', env: [{ name: 'GREETING', value: 'hello' }] }
  const containers = () => [{ name: 'app', session: { plan, holder } } as unknown as Container]
  return new GatewayLink({ token, clock: systemClock, containers, log: () => {} })
}

const openGateway = (store: MemoryStore, token: string) =>
  createGateway({
    store,
    log: silent,
    logs: { page: async () => undefined },
    tokens: [
      { token, user: { name: 'admin', groups: [MASTERS] } },
      { token: 'reader', user: { name: 'reader', groups: [] } },
    ],
    tunnels: { patienceMs: 300, idleMs: 60_000 },
  })

/** What the tests look for, and the token of the agent of the pod "web". */
async function populate(store: MemoryStore): Promise<string> {
  const client = clientFor(openCluster({ store }), SYSTEM, 'test')
  for (const name of ['default', 'kube-system'])
    await client.create({ group: '', resource: 'namespaces' }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  await client.create({ group: '', resource: 'nodes' }, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } })
  await client.create(
    { group: '', resource: 'serviceaccounts' },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } },
  )
  const rules = [{ apiGroups: [''], resources: ['pods/exec'], verbs: ['get'] }]
  await client.create({ group: RBAC, resource: 'clusterroles' }, {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'r' },
    rules,
  } as never)
  await client.create({ group: RBAC, resource: 'clusterrolebindings' }, {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'r' },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'r' },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: 'reader' }],
  } as never)
  const uids = new Map<string, string>()
  for (const name of ['web', 'alone']) {
    const created = await client.create<Pod>(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { nodeName: 'n', containers: ['app', 'ended'].map(container => ({ name: container, image: 'i' })) },
    } as Pod)
    const status = {
      phase: 'Running',
      podIP: '10.0.0.1',
      podIPs: [{ ip: '10.0.0.1' }],
      containerStatuses: [
        { name: 'app', state: { running: { startedAt: '2026-01-01T00:00:00Z' } } },
        { name: 'ended', state: { terminated: { exitCode: 0 } } },
      ],
    }
    await client.updateStatus<Pod>(PODS, { ...created, metadata: withRecord(created.metadata, { launch: 1, at: 0 }), status } as Pod)
    uids.set(name, created.metadata.uid!)
  }
  return issueToken(await agentKey(client), { namespace: 'default', name: 'web', uid: uids.get('web')!, launch: 1 })
}

afterAll(async () => {
  void link?.close()
  void otherLink?.close()
  gateway?.close()
  holder?.end(0)
  holder?.close()
  server?.closeAllConnections()
  server?.close()
  if (holderProcess?.exitCode === null) await new Promise(resolve => holderProcess.once('exit', resolve))
  rmSync(folder, { recursive: true, force: true })
})

const base = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

/** As setup leaves it, and the holder as a process of this machine. */
async function startHolder(): Promise<void> {
  copyFileSync(findBusybox('node_modules/.cache/zeroplane'), join(folder, 'busybox'))
  copyFileSync('agent/holder.sh', join(folder, 'holder'))
  execFileSync(
    'mkfifo',
    ['ctl', 'report', 'alive', 'log'].map(name => join(folder, name)),
  )
  for (const name of ['message', 'tail', 'refused', 'ready']) writeFileSync(join(folder, name), '')
  holderProcess = spawn(join(folder, 'busybox'), ['sh', join(folder, 'holder')], {
    env: { ...process.env, ZEROPLANE_DIR: folder },
    stdio: 'ignore',
  })
  await new Promise<void>(resolve => {
    holder = new Holder(folder, { ready: resolve, started() {}, failed() {}, exited() {}, lost() {} })
    holder.open(1)
  })
}

const path = (query: string, pod = 'web', action = 'exec') => `/api/v1/namespaces/default/pods/${pod}/${action}?${query}`
const command = (...words: string[]) =>
  `container=app&stdout=true&stderr=true&${words.map(word => `command=${encodeURIComponent(word)}`).join('&')}`

interface Talk {
  readonly channels: Record<number, string>
  readonly code: number
}

/** Opens a session, says what is to be said, and gathers what comes until the server closes. */
function talk(
  protocol: string,
  query: string,
  say: (socket: WebSocket) => void = () => {},
  { cluster = '', token = 'admin' } = {},
): Promise<Talk> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${base().replace('http', 'ws')}${cluster}${path(query)}`, protocol === '' ? [] : [protocol], {
      headers: { authorization: `Bearer ${token}` },
    })
    const channels: Record<number, string> = {}
    socket.on('open', () => say(socket))
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      const channel = isBinary ? data[0]! : Number(String.fromCharCode(data[0]!))
      const text = isBinary ? data.toString('utf8', 1) : Buffer.from(data.toString('latin1', 1), 'base64').toString()
      channels[channel] = (channels[channel] ?? '') + text
    })
    socket.on('close', code => resolve({ channels, code }))
    socket.on('error', reject)
  })
}

/** The answer to a request that is not upgraded. */
function refusal(
  url: string,
  token = 'admin',
  headers: Record<string, string> = { upgrade: 'SPDY/3.1', connection: 'Upgrade' },
  method = 'POST',
) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request(
      `${base()}${url}`,
      { method, headers: { authorization: `Bearer ${token}`, ...headers } },
      (response: IncomingMessage) => {
        let text = ''
        response.on('data', chunk => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      },
    )
    call.on('upgrade', () => reject(new Error('it was upgraded')))
    call.on('error', reject)
    call.end()
  })
}

const SPDY = { upgrade: 'SPDY/3.1', connection: 'Upgrade', 'x-stream-protocol-version': 'v4.channel.k8s.io' }
const SUCCESS = { metadata: {}, status: 'Success' }

describe('exec over WebSocket', () => {
  it('v5: streams apart, input that ends by itself, the exit code in a Status', async () => {
    const script = 'echo $GREETING; cat; echo bad >&2; exit 4'
    const { channels, code } = await talk('v5.channel.k8s.io', `stdin=true&${command('sh', '-c', script)}`, socket => {
      socket.send(Buffer.from('\0typed\n'))
      socket.send(Buffer.of(255, 0))
    })
    expect(channels[1]).toBe('hello\ntyped\n')
    expect(channels[2]).toBe('bad\n')
    expect(JSON.parse(channels[3]!)).toEqual({
      metadata: {},
      status: 'Failure',
      message: 'command terminated with non-zero exit code: exit status 4',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '4' }] },
    })
    expect(code).toBe(1000)
  })

  it.each(['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'])('%s: the same Status', async protocol => {
    const { channels } = await talk(protocol, command('echo', 'yes'))
    expect(channels[1]).toBe('yes\n')
    expect(JSON.parse(channels[3]!)).toEqual(SUCCESS)
  })

  it.each(['', 'channel.k8s.io', 'base64.channel.k8s.io'])(
    'the first version (%j): text for a failure, nothing for success',
    async protocol => {
      expect((await talk(protocol, command('echo', 'yes'))).channels).toEqual({ 1: 'yes\n' })
      expect((await talk(protocol, command('sh', '-c', 'exit 2'))).channels[3]).toBe(
        'command terminated with non-zero exit code: exit status 2',
      )
    },
  )

  it('runs many at once, each with its own streams', async () => {
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, n) => talk('v5.channel.k8s.io', command('sh', '-c', `echo ${n}; exit ${n}`))),
    )
    all.forEach(({ channels }, n) => {
      expect(channels[1]).toBe(`${n}\n`)
      if (n > 0) expect(JSON.parse(channels[3]!).details.causes[0].message).toBe(`${n}`)
    })
  })

  it('holds the process back while the client does not read, and loses nothing', async () => {
    const length = 20_000_000
    let socket: WebSocket | undefined
    const whole = talk('v5.channel.k8s.io', command('sh', '-c', `head -c ${length} /dev/zero; echo done >&2`), opened => {
      socket = opened
      opened.pause()
    })
    // Nobody reads: the process must be waiting, with a part of its output in the buffers on the way.
    const still = await talk(
      'v5.channel.k8s.io',
      command('sh', '-c', 'until ps -o args | grep -q "^head -c 2000000[0]"; do :; done; echo waits'),
    )
    expect(still.channels[1]).toBe('waits\n')
    socket!.resume()
    const { channels } = await whole
    expect(channels[1]!.length).toBe(length)
    expect(channels[2]).toBe('done\n')
  })
})

describe('another cluster behind the same address', () => {
  const other = { cluster: '/clusters/pr-1', token: 'other-admin' }

  it('has sessions of its own pods, with its own credentials', async () => {
    const { channels } = await talk('v5.channel.k8s.io', command('echo', 'yes'), undefined, other)
    expect(channels[1]).toBe('yes\n')
    expect(await refusal(`/clusters/pr-1${path(command('true'))}`, 'admin')).toMatchObject({ status: 401 })
    expect(await refusal(path(command('true')), 'other-admin')).toMatchObject({ status: 401 })
  })

  it('takes no agent of the default one', async () => {
    expect(await refusal(`/clusters/pr-1${SESSIONS_PATH}`, homeAgentToken, {}, 'GET')).toMatchObject({ status: 401 })
    expect(await refusal(`/clusters/pr-1${TUNNEL_PATH}`, homeAgentToken)).toMatchObject({ status: 401 })
  })

  it('sends clients of a pod to an address inside of it', async () => {
    const proxy = '/clusters/pr-1/api/v1/namespaces/default/pods/web/proxy'
    const answer = await fetch(`${base()}${proxy}?a=b`, { redirect: 'manual', headers: { authorization: 'Bearer other-admin' } })
    expect([answer.status, answer.headers.get('location')]).toEqual([301, `${proxy}/?a=b`])
    expect((await fetch(`${base()}${proxy}`, { redirect: 'manual', headers: { authorization: 'Bearer admin' } })).status).toBe(401)
  })

  it('is told by 404 when there is none of that name', async () => {
    expect(await refusal(`/clusters/pr-9${SESSIONS_PATH}`, homeAgentToken, {}, 'GET')).toMatchObject({ status: 404 })
    expect(await refusal(`/clusters/pr-9${path(command('true'))}`)).toMatchObject({ status: 404 })
  })
})

describe('what is refused', () => {
  it.each<[string, () => Promise<{ status: number; text: string }>, number, string | RegExp]>([
    ['a wrong token', () => refusal(path(command('true')), 'wrong'), 401, 'Unauthorized'],
    ['a user who may not', () => refusal(path(command('true')), 'reader'), 403, /cannot create resource .*pods\/exec/],
    [
      'no upgrade',
      () => refusal(path(command('true')), 'admin', { upgrade: 'h2c', connection: 'Upgrade' }),
      400,
      'Upgrade request required',
    ],
    ['no command', () => refusal(path('container=app&stdout=true')), 400, 'you must specify at least 1 command'],
    ['no stream at all', () => refusal(path('container=app&command=true')), 400, 'at least 1 of stdin, stdout, stderr'],
    [
      'no container named',
      () => refusal(path('stdout=true&command=true')),
      400,
      'a container name must be specified for pod web, choose one of: [app ended]',
    ],
    [
      'a container that is not there',
      () => refusal(path('container=x&stdout=true&command=true')),
      400,
      'container x is not valid for pod web',
    ],
    [
      'a container that does not run',
      () => refusal(path('container=ended&stdout=true&command=true')),
      500,
      'container not found ("ended")',
    ],
    ['a pod that is not there', () => refusal(path(command('true'), 'ghost')), 404, 'pods \\"ghost\\" not found'],
    [
      'a protocol of tomorrow',
      () => refusal(path(command('true')), 'admin', { ...SPDY, 'x-stream-protocol-version': 'v9' }),
      403,
      'client supports [v9]',
    ],
    [
      'a pod whose agent does not call',
      () => refusal(path(command('true'), 'alone'), 'admin', SPDY),
      500,
      /error dialing backend: pod default\/alone: its agent did not call/,
    ],
  ])('%s', async (_, ask, status, text) => {
    const answer = await ask()
    expect(answer.text).toEqual(text instanceof RegExp ? expect.stringMatching(text) : expect.stringContaining(text))
    expect(answer.status).toBe(status)
  })

  it('agents with a token that is none', async () => {
    const response = await fetch(`${base()}/zeroplane/agent/v1/sessions`, { headers: { authorization: 'Bearer zp1.x.y' } })
    expect(response.status).toBe(401)
    const headers = { upgrade: 'zeroplane-tunnel', connection: 'Upgrade' }
    expect((await refusal('/zeroplane/agent/v1/tunnel', 'zp1.x.y', headers, 'GET')).status).toBe(401)
  })
})

it('a gateway that goes away: the client is told, the process ends, and nothing is left waiting', async () => {
  const session = talk('v5.channel.k8s.io', command('sh', '-c', 'echo begun; sleep 1000'), socket => {
    socket.on('message', () => gateway.close())
  })
  const { channels } = await session
  expect(JSON.parse(channels[3]!)).toMatchObject({
    status: 'Failure',
    reason: 'InternalError',
    message: expect.stringContaining('connection to the pod was lost'),
  })
})
