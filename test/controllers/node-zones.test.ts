// Nodes that fall silent, alone, together and all at once: whose pods have to leave, and how soon.
import { afterEach, expect, test } from 'vitest'
import type { Event, Node } from '../../shared/api/core/v1.ts'
import { EVENTS, NODES } from '../../shared/controllers/collections.ts'
import { isEvictionTaint } from '../../shared/controllers/node-health.ts'
import { planEvictions } from '../../shared/controllers/node-zones.ts'
import { timestamp } from '../../shared/controllers/time.ts'
import { TestCluster } from './cluster.ts'
import { readyNode } from './objects.ts'

const NOW = Date.UTC(2030, 0, 1, 12)

interface Fate {
  /** Not ready for so many seconds. */
  readonly out?: number
  /** Its pods have had to leave for so many seconds. */
  readonly evicting?: number
  readonly labels?: Record<string, string>
}

const node = (name: string, zone: string, { out, evicting, labels }: Fate = {}): Node => {
  const taint = (effect: string, seconds: number | undefined) =>
    seconds === undefined ? [] : [{ key: 'node.kubernetes.io/not-ready', effect, timeAdded: timestamp(NOW - seconds * 1000) }]
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': zone, ...labels } },
    spec: { taints: [...taint('NoSchedule', out), ...taint('NoExecute', evicting)] },
    status: { conditions: [{ type: 'Ready', status: out === undefined ? 'True' : 'False' }] },
  } as Node
}
const many = (count: number, zone: string, fate: Fate = {}, prefix = 'n') =>
  Array.from({ length: count }, (_, i) => node(`${prefix}${zone}${i}`, zone, fate))
const names = (nodes: readonly Node[]) => nodes.map(({ metadata }) => metadata.name)
const plan = (...nodes: Node[]) => {
  const { taint, spare, next } = planEvictions(nodes, NOW)
  return { taint: names(taint), spare: names(spare), next: next === undefined ? undefined : (next - NOW) / 1000 }
}

test('one node after the other, ten seconds apart, those first that are out for longest', () => {
  const ready = many(3, 'a')
  expect(plan(...ready, node('x', 'a', { out: 3 }))).toEqual({ taint: [], spare: [], next: 2 })
  expect(plan(...ready, node('x', 'a', { out: 6 }), node('y', 'a', { out: 8 }))).toEqual({ taint: ['y'], spare: [], next: 10 })
  expect(plan(...ready, node('x', 'a', { out: 6 }), node('y', 'a', { out: 8, evicting: 4 }))).toEqual({ taint: [], spare: [], next: 6 })
  expect(plan(...ready, node('x', 'a', { out: 60 }), node('y', 'a', { out: 80, evicting: 10 }))).toEqual({
    taint: ['x'],
    spare: [],
    next: undefined,
  })
})

test('zones do not wait for each other, not even for one that is gone as a whole', () => {
  const nodes = [...many(2, 'a'), node('x', 'a', { out: 9 }), ...many(2, 'b', { out: 9 })]
  expect(plan(...nodes)).toEqual({ taint: ['x', 'nb0'], spare: [], next: 10 })
})

test('when much of a zone is not ready, pods stay if it is small, and leave it slowly if it is large', () => {
  expect(plan(...many(3, 'a', { out: 9 }), ...many(2, 'a', {}, 'ok'))).toEqual({ taint: [], spare: [], next: undefined })
  // Two nodes are never much.
  expect(plan(...many(2, 'a', { out: 9 }), ...many(1, 'a', {}, 'ok')).taint).toEqual(['na0'])
  const large = [...many(30, 'a', { out: 900 }), ...many(24, 'a', {}, 'ok')]
  expect(plan(...large)).toEqual({ taint: ['na0'], spare: [], next: 100 })
  expect(plan(...large, node('x', 'a', { out: 900, evicting: 40 })).next).toBe(60)
})

test('when nothing is ready anywhere, nobody has to leave, and who had to may stay', () => {
  expect(plan(...many(1, 'a', { out: 99 }), node('x', 'b', { out: 99, evicting: 5 }))).toEqual({ taint: [], spare: ['x'], next: undefined })
  // A node that does not count does not help.
  const excluded = { labels: { 'node.kubernetes.io/exclude-disruption': '' } }
  expect(plan(...many(1, 'a', { out: 99 }), node('x', 'a', excluded)).taint).toEqual([])
})

let cluster: TestCluster
afterEach(() => cluster?.stop())

const create = (name: string, spec: object = {}) => {
  const { metadata, ...rest } = readyNode(name, cluster.clock.now())
  return cluster.client.create(NODES, { ...rest, metadata: { ...metadata, labels: { 'kubernetes.io/os': 'linux' } }, spec } as never)
}
const get = (name: string) => cluster.client.get<Node>(NODES, undefined, name)
const evicted = async (name: string) => (await get(name))?.spec?.taints?.some(isEvictionTaint) ?? false
const beat = (name: string, status = 'True') =>
  cluster.client.patch(NODES, undefined, name, {
    type: 'strategic',
    subresource: 'status',
    body: { status: { conditions: [{ type: 'Ready', status, lastHeartbeatTime: timestamp(cluster.clock.now()) }] } },
  })

test('a node that falls silent is tainted, and spared again when the last one falls silent too', async () => {
  cluster = await TestCluster.start()
  await create('a')
  await create('b')
  await cluster.calm()
  expect((await get('a'))?.metadata.labels).toMatchObject({ 'beta.kubernetes.io/os': 'linux' })
  for (let i = 0; i < 8; i++) {
    await cluster.pass(10)
    await beat('b')
  }
  expect([await evicted('a'), await evicted('b')]).toEqual([true, false])
  await beat('b', 'False')
  await cluster.pass(5)
  expect([await evicted('a'), await evicted('b')]).toEqual([false, false])
  await cluster.pass(20)
  expect([await evicted('a'), await evicted('b')]).toEqual([false, false])
  // The first that can be heard again says that the other one cannot.
  await beat('a')
  await cluster.pass(6)
  expect([await evicted('a'), await evicted('b')]).toEqual([false, true])
})

test('a node that never said anything gets a minute', async () => {
  cluster = await TestCluster.start()
  await create('ok', { providerID: 'ecs://test/ok' })
  await cluster.client.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'mute' } } as never)
  await cluster.pass(55)
  expect((await get('mute'))?.status?.conditions).toBeUndefined()
  await cluster.pass(6)
  expect((await get('mute'))?.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ reason: 'NodeStatusNeverUpdated' })
})

test('it is told when a node comes and goes', async () => {
  cluster = await TestCluster.start()
  await create('a')
  await cluster.calm()
  await cluster.client.delete(NODES, undefined, 'a')
  await cluster.calm()
  const events = (await cluster.list<Event>(EVENTS)).filter(({ involvedObject }) => involvedObject.name === 'a')
  expect(events.map(({ reason, message, source }) => [reason, message, source?.component]).sort()).toEqual([
    ['RegisteredNode', 'Node a event: Registered Node a in Controller', 'node-controller'],
    ['RemovingNode', 'Node a event: Removing Node a from Controller', 'node-controller'],
  ])
})
