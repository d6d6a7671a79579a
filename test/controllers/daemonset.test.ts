// DaemonSets: rules that the recorded scenarios do not show.
import { afterEach, expect, test } from 'vitest'
import type { ControllerRevision, DaemonSet } from '../../shared/api/apps/v1.ts'
import type { Event, Pod } from '../../shared/api/core/v1.ts'
import type { Client, DeleteOptions } from '../../shared/apimachinery/client.ts'
import { forbidden } from '../../shared/apimachinery/status-error.ts'
import type { GroupResource } from '../../shared/apimachinery/types.ts'
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from '../../shared/controllers/collections.ts'
import { targetNode } from '../../shared/controllers/daemonset/placement.ts'
import { isReady } from '../../shared/controllers/pods.ts'
import { TestCluster } from './cluster.ts'
import { daemonSet, readyNode, template } from './objects.ts'

let cluster: TestCluster
afterEach(() => cluster?.stop())

const addNode = (name: string) => {
  const { spec, ...node } = readyNode(name, cluster.clock.now())
  return cluster.client.create(NODES, { ...node, spec } as never)
}
const taint = (name: string, taints: object[] | null) =>
  cluster.client.patch(NODES, undefined, name, { type: 'merge', body: { spec: { taints } } })
const image = (version: number) => cluster.patch(DAEMON_SETS, 'log', { spec: { template: template('log', `c:${version}`) } })
const pods = async () =>
  (await cluster.list<Pod>(PODS))
    .map(pod => `${targetNode(pod)} ${pod.spec.containers[0]?.image}${pod.metadata.deletionTimestamp ? ' going' : ''}`)
    .sort()
const revisions = async () =>
  (await cluster.list<ControllerRevision>(CONTROLLER_REVISIONS)).map(({ revision }) => revision).sort((a, b) => a - b)
const surging = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }
const noSchedule = [{ key: 'k', effect: 'NoSchedule' }]

async function start(spec: object = {}, ...nodes: string[]): Promise<void> {
  cluster = await TestCluster.start()
  for (const name of nodes) await addNode(name)
  await cluster.create(DAEMON_SETS, daemonSet('log', spec))
  await cluster.calm()
  await cluster.readyAll()
  await cluster.calm()
}

/** Nobody may delete a pod. */
const holdingPods = (client: Client): Client =>
  new Proxy(client, {
    get: (target, name: keyof Client) =>
      name !== 'delete'
        ? target[name].bind(target)
        : async (resource: GroupResource, namespace: string, pod: string, options?: DeleteOptions) => {
            if (resource.resource === 'pods') throw forbidden(resource, pod, 'held by a test')
            return target.delete(resource, namespace, pod, options)
          },
  })

test('the history limit counts revisions in use, which stay', async () => {
  await start({ revisionHistoryLimit: 1, updateStrategy: { type: 'OnDelete' } }, 'a')
  for (const version of [2, 3]) {
    await image(version)
    await cluster.calm()
  }
  expect(await revisions()).toEqual([1, 3])
})

test('a pod that has ended and is going does not keep the next one away, whatever holds it', async () => {
  await start({}, 'a')
  const [pod] = (await cluster.list<Pod>(PODS)) as [Pod]
  await cluster.patch(PODS, pod.metadata.name, { metadata: { finalizers: ['test/hold'] } })
  await cluster.report(pod, 'Failed', false)
  await cluster.calm()
  expect(await pods()).toEqual(['a c:1', 'a c:1 going'])
  expect((await cluster.get<DaemonSet>(DAEMON_SETS, 'log')).status).toMatchObject({ currentNumberScheduled: 1, numberReady: 0 })
})

test('beside a pod that only may stay no new one surges; it goes when enough serve elsewhere', async () => {
  await start(surging, 'a', 'b')
  await taint('a', noSchedule)
  await image(2)
  await cluster.calm()
  expect(await pods()).toEqual(['b c:1', 'b c:2'])
})

test('a pod that only may stay and serves nobody goes at once', async () => {
  await start(surging, 'a', 'b')
  const unready = (await cluster.list<Pod>(PODS)).filter(pod => targetNode(pod) === 'a')
  for (const pod of unready) await cluster.report(pod, 'Running', false)
  await taint('a', noSchedule)
  await image(2)
  await cluster.calm()
  expect(await pods()).toEqual(['b c:1', 'b c:2'])
})

test('as long as too few serve elsewhere, a pod that only may stay stays', async () => {
  await start(surging, 'a', 'b')
  const others = (await cluster.list<Pod>(PODS)).filter(pod => targetNode(pod) === 'b')
  for (const pod of others) await cluster.report(pod, 'Running', false)
  await taint('a', noSchedule)
  await image(2)
  await cluster.calm()
  const there = (await cluster.list<Pod>(PODS)).filter(pod => targetNode(pod) === 'a')
  expect(there.map(pod => isReady(pod))).toEqual([true])
})

test('a pod that cannot be deleted on one node does not keep another node waiting', async () => {
  cluster = await TestCluster.start({ wrap: holdingPods })
  await addNode('a')
  await cluster.create(DAEMON_SETS, daemonSet('log'))
  await cluster.calm()
  const [pod] = (await cluster.list<Pod>(PODS)) as [Pod]
  await cluster.report(pod, 'Succeeded', false)
  await addNode('b')
  await cluster.calm()
  expect(await pods()).toEqual(['a c:1', 'b c:1'])
  const { status } = await cluster.get<DaemonSet>(DAEMON_SETS, 'log')
  expect(status?.desiredNumberScheduled).toBe(2)
  const reasons = (await cluster.list<Event>({ group: '', resource: 'events' })).map(({ reason }) => reason)
  expect(reasons).toContain('FailedDelete')
})

test('a rollout whose pods cannot be deleted says so and how far it is', async () => {
  cluster = await TestCluster.start({ wrap: holdingPods })
  await addNode('a')
  await cluster.create(DAEMON_SETS, daemonSet('log'))
  await cluster.calm()
  await image(2)
  await cluster.calm()
  const { status } = await cluster.get<DaemonSet>(DAEMON_SETS, 'log')
  expect(status).toMatchObject({ observedGeneration: 2, desiredNumberScheduled: 1 })
  expect(status).not.toHaveProperty('updatedNumberScheduled')
})

test('of revisions with one template the highest stays; pods of the others become its own, and are not restarted', async () => {
  await start({}, 'a')
  const [made] = (await cluster.list<ControllerRevision>(CONTROLLER_REVISIONS)) as [ControllerRevision]
  const uids = async () => (await cluster.list<Pod>(PODS)).map(({ metadata }) => metadata.uid)
  const before = await uids()
  const { ownerReferences } = made.metadata
  const labels = { app: 'log', 'controller-revision-hash': 'twin' }
  await cluster.create(CONTROLLER_REVISIONS, { ...made, metadata: { name: 'log-twin', labels, ownerReferences }, revision: 2 })
  await cluster.patch(DAEMON_SETS, 'log', { metadata: { annotations: { look: 'again' } } })
  await cluster.calm()
  const names = (await cluster.list<ControllerRevision>(CONTROLLER_REVISIONS)).map(({ metadata }) => metadata.name)
  expect(names).toEqual(['log-twin'])
  expect(await uids()).toEqual(before)
  expect((await cluster.list<Pod>(PODS))[0]?.metadata.labels).toMatchObject({ 'controller-revision-hash': 'twin' })
})

test('a revision that is deleted is made again; one that the selector no longer selects is released, and taken back', async () => {
  await start({}, 'a')
  const only = async () => (await cluster.list<ControllerRevision>(CONTROLLER_REVISIONS))[0]!
  const { name, uid } = (await only()).metadata
  await cluster.client.delete(CONTROLLER_REVISIONS, cluster.namespace, name)
  await cluster.calm()
  const again = (await only()).metadata
  expect([again.name, again.uid === uid]).toEqual([name, false])
  await cluster.patch(CONTROLLER_REVISIONS, name, { metadata: { labels: { app: 'x' } } })
  await cluster.calm()
  expect((await only()).metadata).not.toHaveProperty('ownerReferences')
  await cluster.patch(CONTROLLER_REVISIONS, name, { metadata: { labels: { app: 'log' } } })
  await cluster.calm()
  expect((await only()).metadata.ownerReferences).toHaveLength(1)
})

test('misplaced pods are counted anew when a node with a pod changes', async () => {
  await start({}, 'a')
  const misplaced = async () => (await cluster.get<DaemonSet>(DAEMON_SETS, 'log')).status?.numberMisscheduled
  await taint('a', noSchedule)
  await cluster.patch(DAEMON_SETS, 'log', { metadata: { annotations: { look: 'again' } } })
  await cluster.calm()
  expect(await misplaced()).toBe(1)
  await taint('a', null)
  await cluster.calm()
  expect(await misplaced()).toBe(0)
})

test('a rollback by the patch that a revision keeps restarts only pods of the other template', async () => {
  await start({}, 'a', 'b')
  const [first] = (await cluster.list<ControllerRevision>(CONTROLLER_REVISIONS)) as [ControllerRevision]
  const uids = async () => Object.fromEntries((await cluster.list<Pod>(PODS)).map(pod => [targetNode(pod), pod.metadata.uid]))
  const before = await uids()
  await image(2)
  await cluster.calm()
  const between = await uids()
  await cluster.client.patch(DAEMON_SETS, cluster.namespace, 'log', { type: 'strategic', body: first.data })
  await cluster.calm()
  await cluster.readyAll()
  await cluster.calm()
  expect(await pods()).toEqual(['a c:1', 'b c:1'])
  const kept = Object.entries(before).filter(([node, uid]) => between[node as string] === uid)
  expect(kept).toHaveLength(1)
  expect(await uids()).toMatchObject(Object.fromEntries(kept))
  expect(await revisions()).toEqual([2, 3])
})
