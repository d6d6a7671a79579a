// The book of what pods use: who wants figures, what is kept for whom, and metrics.k8s.io over it.
import { beforeEach, describe, expect, test } from 'vitest'
import { createApi } from '../../functions/api/app.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { MASTERS } from '../../shared/auth/types.ts'
import { ManualClock } from '../../shared/clock.ts'
import { EVERYWHERE, type PodUsage, UsageBook } from '../../shared/metrics/usage.ts'
import type { Report } from '../../shared/pods/agent-protocol.ts'
import { usageSink } from '../../shared/pods/report-usage.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { MemoryNotes, type Notes } from '../../shared/store/notes.ts'

let clock: ManualClock
let notes: MemoryNotes
/** Puts by topic: each is a write unit. */
let puts: Record<string, number>

/** As another environment would have it: one table, and a memory of its own. */
function openBook(): UsageBook {
  const counted: Notes = {
    get: (topic, key) => notes.get(topic, key),
    list: (topic, prefix) => notes.list(topic, prefix),
    put(topic, key, value, expires) {
      puts[topic] = (puts[topic] ?? 0) + 1
      return notes.put(topic, key, value, expires)
    },
  }
  return new UsageBook(counted, clock.now)
}

beforeEach(() => {
  clock = new ManualClock()
  notes = new MemoryNotes(clock.now)
  puts = {}
})

const use = (name: string, nanoCores: number, memoryBytes: number) => ({ name, nanoCores, memoryBytes })

const usage = (name: string, over: Partial<PodUsage> = {}): PodUsage => ({
  namespace: 'shop',
  name,
  uid: `uid-${name}`,
  node: 'node-1',
  at: clock.now(),
  window: 15_000,
  containers: [use('app', 2_500_000, 8 * 1024 * 1024)],
  ...over,
})

describe('demand', () => {
  test('of one environment is known to another after 15 seconds at most, and ends five minutes after the last question', async () => {
    const [agents, asker] = [openBook(), openBook()]
    expect(await agents.wanted('shop')).toBe(false)
    expect(await asker.want('shop')).toBe(false)
    clock.advance(15_001)
    expect(await agents.wanted('shop')).toBe(true)
    expect(await agents.wanted('other')).toBe(false)
    clock.advance(300_000)
    expect(await agents.wanted('shop')).toBe(false)
  })

  test('for everything is demand for each namespace', async () => {
    await openBook().want(EVERYWHERE)
    expect(await openBook().wanted('shop')).toBe(true)
  })

  test('that goes on costs a write every 165 seconds, however often it is told', async () => {
    const asker = openBook()
    for (let second = 0; second < 3600; second += 15) {
      await asker.want('shop')
      clock.advance(15_000)
    }
    expect(puts['usage-wanted']).toBe(22)
  })
})

describe('what agents report', () => {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'uid-web' },
    spec: { nodeName: 'node-1', containers: [] },
  } as Pod
  const report = (over: Partial<Report> = {}): Report => ({
    sequence: 1,
    podIPs: [],
    containers: [
      { name: 'app', state: { running: {} }, restartCount: 0, started: true, ready: true },
      { name: 'init', state: { terminated: { exitCode: 0 } }, restartCount: 0, started: false, ready: false },
    ],
    events: [],
    wantsPlan: false,
    finished: false,
    usage: { timestamp: new Date(clock.now()).toISOString(), windowSeconds: 15, containers: [use('app', 1, 4096), use('init', 1, 4096)] },
    ...over,
  })

  test('is kept while somebody wants it and not otherwise, once for each measurement, of containers that run', async () => {
    const book = openBook()
    const sink = usageSink(book, error => {
      throw error
    })
    expect(await sink(pod, report())).toBe(false)
    expect(puts).toEqual({})
    await book.want('shop')
    expect(await sink(pod, report())).toBe(true)
    expect(await sink(pod, report())).toBe(true)
    expect(puts.usage).toBe(1)
    expect((await book.get('shop', 'web'))?.containers.map(({ name }) => name)).toEqual(['app'])
    clock.advance(15_000)
    await sink(pod, report())
    expect(puts.usage).toBe(2)
    clock.advance(90_000)
    expect(await book.list('shop')).toEqual([])
  })

  test('fails no report when it cannot be kept', async () => {
    const errors: unknown[] = []
    const broken = new UsageBook({ ...notes, list: () => Promise.reject(new Error('throttled')) } as unknown as Notes, clock.now)
    expect(await usageSink(broken, error => errors.push(error))(pod, report())).toBe(false)
    expect(errors).toHaveLength(1)
  })
})

describe('metrics.k8s.io', () => {
  const store = () => new MemoryStore({ now: clock.now })
  async function start() {
    const book = openBook()
    const { handle, machinery } = await createApi({
      store: store(),
      now: clock.now,
      metrics: { book, clock },
      tokens: [
        { token: 'admin', user: { name: 'admin', groups: [MASTERS] } },
        { token: 'viewer', user: { name: 'viewer', groups: [] } },
      ],
    })
    const get = async (path: string, headers: Record<string, string> = {}) => {
      const response = await handle(new Request(`http://api${path}`, { headers: { authorization: 'Bearer admin', ...headers } }))
      // biome-ignore lint/suspicious/noExplicitAny: answers of any kind
      return { code: response.status, body: (await response.json()) as any }
    }
    const { client } = machinery
    await client.create({ group: '', resource: 'namespaces' }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
    await client.create(
      { group: '', resource: 'serviceaccounts' },
      {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace: 'shop' },
      },
    )
    for (const name of ['node-1', 'node-2'])
      await client.create({ group: '', resource: 'nodes' }, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { name } } })
    return { book, get, client }
  }
  type Started = Awaited<ReturnType<typeof start>>

  async function run({ client }: Started, name: string, labels: Record<string, string> = {}): Promise<string> {
    const pods = { group: '', resource: 'pods' }
    const spec = { nodeName: 'node-1', containers: [{ name: 'app', image: 'app:1' }] }
    const pod = await client.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop', labels }, spec } as Pod)
    const startTime = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
    await client.patch(pods, 'shop', name, { type: 'merge', body: { status: { phase: 'Running', startTime } }, subresource: 'status' })
    return pod.metadata.uid ?? ''
  }

  test('is discovered like any other group, with a local APIService and a role for readers', async () => {
    const { get } = await start()
    const { body } = await get('/apis/metrics.k8s.io/v1beta1')
    expect(body.resources).toEqual([
      { name: 'nodes', singularName: 'node', namespaced: false, kind: 'NodeMetrics', verbs: ['get', 'list'] },
      { name: 'pods', singularName: 'pod', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] },
    ])
    const service = await get('/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io')
    expect(service.body.status.conditions[0]).toMatchObject({ type: 'Available', status: 'True', reason: 'Local' })
    const role = await get('/apis/rbac.authorization.k8s.io/v1/clusterroles/system:aggregated-metrics-reader')
    expect(role.body.metadata.labels).toMatchObject({ 'rbac.authorization.k8s.io/aggregate-to-view': 'true' })
    expect((await get('/apis/metrics.k8s.io/v1beta1/nodes', { authorization: 'Bearer viewer' })).code).toBe(403)
    const schema = await get('/openapi/v3/apis/metrics.k8s.io/v1beta1')
    expect(schema.body.components.schemas['io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics'].required).toEqual([
      'containers',
      'timestamp',
      'window',
    ])
  })

  test('lists and gets what was reported of the pods there are, as metrics-server writes it', async () => {
    const api = await start()
    const { book, get } = api
    await book.want('shop')
    const uid = await run(api, 'web', { app: 'web' })
    await run(api, 'silent')
    await book.put(usage('web', { uid, containers: [use('app', 2_500_000, 8 << 20), use('side', 1, 4096)] }))
    await book.put(usage('gone'))
    const { body } = await get('/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods')
    expect(body).toMatchObject({ kind: 'PodMetricsList', apiVersion: 'metrics.k8s.io/v1beta1' })
    expect(body.items).toEqual([
      {
        metadata: { name: 'web', namespace: 'shop', creationTimestamp: '2030-01-01T00:00:00Z', labels: { app: 'web' } },
        timestamp: '2030-01-01T00:00:00Z',
        window: '15s',
        containers: [
          { name: 'app', usage: { cpu: '2500u', memory: '8Mi' } },
          { name: 'side', usage: { cpu: '1n', memory: '4Ki' } },
        ],
      },
    ])
    expect((await get('/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web')).body).toMatchObject({ kind: 'PodMetrics', window: '15s' })
    const selected = async (query: string) => (await get(`/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods?${query}`)).body.items.length
    expect([await selected('labelSelector=app%3Dweb'), await selected('labelSelector=app%3Dx')]).toEqual([1, 0])
    expect(await selected('fieldSelector=metadata.name%3Dweb')).toBe(1)
    const missing = await get('/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/silent')
    expect([missing.code, missing.body.message]).toEqual([404, 'podmetrics.metrics.k8s.io "shop/silent" not found'])
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
    const table = await get('/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods', { accept })
    expect(table.body.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual(['Name', 'cpu', 'memory', 'Window'])
    expect(table.body.rows[0].cells).toEqual(['web', '2500001n', '8196Ki', '15s'])
  })

  test('sums up the pods of each node', async () => {
    const api = await start()
    await api.book.want(EVERYWHERE)
    await api.book.put(usage('a'))
    await api.book.put(usage('b', { namespace: 'other' }))
    const { body } = await api.get('/apis/metrics.k8s.io/v1beta1/nodes')
    const figures = body.items.map((node: { metadata: { name: string }; usage: object }) => [node.metadata.name, node.usage])
    expect(figures).toEqual([
      ['node-1', { cpu: '5m', memory: '16Mi' }],
      ['node-2', { cpu: '0', memory: '0' }],
    ])
    expect((await api.get('/apis/metrics.k8s.io/v1beta1/nodes/none')).body.message).toBe('nodemetrics.metrics.k8s.io "none" not found')
  })

  test('lets the first who asks wait for the next reports, but not for pods that have just begun or say nothing', async () => {
    const api = await start()
    const { book, get } = api
    const uid = await run(api, 'web')
    clock.advance(60_000)
    await run(api, 'young')
    let answered = false
    const answer = get('/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods').then(({ body }) => {
      answered = true
      return body
    })
    const turn = () => new Promise(resolve => setImmediate(resolve))
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        while (clock.next === undefined && !answered) await turn()
        clock.advance(1_000)
      }
      await turn()
    }
    await pass(10)
    expect(answered).toBe(false)
    await book.put(usage('web', { uid }))
    await pass(1)
    expect((await answer).items).toHaveLength(1)
    clock.advance(600_000)
    answered = false
    const second = get('/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods').then(({ body }) => {
      answered = true
      return body
    })
    await pass(36)
    expect((await second).items).toEqual([])
  })
})
