// ReplicaSets and ReplicationControllers: rules that the recorded scenarios do not show.
import { afterEach, expect, test } from 'vitest'
import type { ReplicaSet } from '../../shared/api/apps/v1.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { PODS, REPLICA_SETS, REPLICATION_CONTROLLERS } from '../../shared/controllers/collections.ts'
import { timestamp } from '../../shared/controllers/time.ts'
import { TestCluster } from './cluster.ts'
import { template } from './objects.ts'

let cluster: TestCluster
afterEach(() => cluster?.stop())

const replicaSet = (spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'web' },
  spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: template('web'), ...spec },
})
const replicationController = (spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name: 'web' },
  spec: { replicas: 1, selector: { app: 'web' }, template: template('web'), ...spec },
})

/** A pod on a node that has been ready for so long. */
async function pod(name: string, nodeName: string, seconds: number): Promise<void> {
  const { metadata, spec } = template('web', 'c:1', { nodeName })
  await cluster.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name }, spec })
  const lastTransitionTime = timestamp(cluster.clock.now() - seconds * 1000)
  await cluster.patch(
    PODS,
    name,
    { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] } },
    'status',
  )
}

test.each([
  ['ReplicaSet', REPLICA_SETS, replicaSet],
  ['ReplicationController', REPLICATION_CONTROLLERS, replicationController],
])('nodes do not count for a %s that nobody controls: the youngest goes, not one of the crowded', async (_, resource, object) => {
  cluster = await TestCluster.start()
  await cluster.calm()
  await pod('one', 'crowded', 9000)
  await pod('two', 'crowded', 9000)
  await pod('young', 'lonely', 10)
  await cluster.create(resource, object({ replicas: 2 }))
  await cluster.calm()
  expect((await cluster.activePods()).map(({ metadata }) => metadata.name).sort()).toEqual(['one', 'two'])
})

test('a pod that is going and no longer fits is not counted as terminating', async () => {
  cluster = await TestCluster.start()
  await cluster.create(REPLICA_SETS, replicaSet({ template: template('web', 'c:1', { nodeName: 'n' }) }))
  await cluster.calm()
  const [first] = (await cluster.list<Pod>(PODS)) as [Pod]
  const terminating = async () => (await cluster.get<ReplicaSet>(REPLICA_SETS, 'web')).status?.terminatingReplicas
  await cluster.client.delete(PODS, cluster.namespace, first.metadata.name)
  await cluster.calm()
  expect(await terminating()).toBe(1)
  await cluster.patch(PODS, first.metadata.name, { metadata: { labels: { app: 'other' } } })
  await cluster.calm()
  expect(await terminating()).toBe(0)
})

test.each([70, 253])('names of pods are made from the whole name of their owner and a dash, however long: %s', async length => {
  cluster = await TestCluster.start()
  const name = 'w'.repeat(length)
  await cluster.create(REPLICA_SETS, { ...replicaSet(), metadata: { name } })
  await cluster.calm()
  const [made] = (await cluster.list<Pod>(PODS)) as [Pod]
  expect(made.metadata.generateName).toBe(`${name}-`)
  expect(made.metadata.name).toMatch(/^w{58}[a-z0-9]{5}$/)
})
