// Nothing is left undone: whatever people and kubelets do to workloads, once the controllers are calm another look at each of them
// changes nothing. What they would change had no change that brought its key. `SEED=n npx vitest run test/controllers/settled.test.ts`
// repeats one history, HISTORIES=n plays more.
import { expect, test } from 'vitest'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'
import {
  CONTROLLER_REVISIONS,
  DAEMON_SETS,
  DEPLOYMENTS,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  STATEFUL_SETS,
} from '../../shared/controllers/collections.ts'
import { targetNode } from '../../shared/controllers/daemonset/placement.ts'
import { unlessGone } from '../../shared/controllers/owners.ts'
import { isActive } from '../../shared/controllers/pods.ts'
import { TestCluster } from './cluster.ts'
import { daemonSet, deployment, readyNode, statefulSet, template } from './objects.ts'
import { type Random, randomFrom } from './random.ts'

const RUNS = Number(process.env.HISTORIES ?? 4)
const seeds = process.env.SEED === undefined ? Array.from({ length: RUNS }, (_, i) => 1 + i) : [Number(process.env.SEED)]
const KINDS = [
  PODS,
  STATEFUL_SETS,
  DAEMON_SETS,
  DEPLOYMENTS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  PERSISTENT_VOLUME_CLAIMS,
  CONTROLLER_REVISIONS,
]
const APPS = ['web', 'db', 'log', 'solo', 'old', 'x']

const data = {
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'none', resources: { requests: { storage: '1Gi' } } },
}
const solo = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'solo' } }
const old = { apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'old' } }

async function begin(random: Random): Promise<TestCluster> {
  const cluster = await TestCluster.start()
  await cluster.calm()
  for (const name of ['a', 'b', 'c']) await cluster.client.create(NODES, readyNode(name, cluster.clock.now()) as KubeObject)
  const strategy = random.pick([{ type: 'Recreate' }, { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }, {}])
  await cluster.create(DEPLOYMENTS, deployment('web', { replicas: 3, strategy }))
  const podManagementPolicy = random.pick(['Parallel', 'OrderedReady'])
  await cluster.create(STATEFUL_SETS, statefulSet('db', { replicas: 3, podManagementPolicy, volumeClaimTemplates: [data] }))
  const updateStrategy = random.pick([{ type: 'OnDelete' }, {}, { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }])
  await cluster.create(DAEMON_SETS, daemonSet('log', { updateStrategy }))
  const selector = { matchLabels: { app: 'solo' } }
  await cluster.create(REPLICA_SETS, { ...solo, spec: { replicas: 2, selector, template: template('solo') } })
  await cluster.create(REPLICATION_CONTROLLERS, { ...old, spec: { replicas: 2, selector: { app: 'old' }, template: template('old') } })
  return cluster
}

/** Something that somebody may do at any time. */
async function act(cluster: TestCluster, random: Random): Promise<unknown> {
  const pod = random.pick(await cluster.pods())
  const patch = (kind: GroupResource, name: string, spec: object) => cluster.patch(kind, name, { spec })
  const workload = () =>
    random.pick([
      [DEPLOYMENTS, 'web'],
      [STATEFUL_SETS, 'db'],
      [DAEMON_SETS, 'log'],
      [REPLICA_SETS, 'solo'],
    ] as const)!
  const [kind, name] = workload()
  const report = async (phase: string, ready: boolean) =>
    pod !== undefined && isActive(pod) ? cluster.report(pod, phase, ready) : undefined
  const drop = async (from: GroupResource, which: (object: KubeObject) => boolean) => {
    const object = random.pick((await cluster.list(from)).filter(which))
    if (object !== undefined) await cluster.client.delete(from, cluster.namespace, object.metadata.name)
  }
  switch (random.below(16)) {
    case 0:
      return name === 'log' ? undefined : patch(kind, name, { replicas: random.below(5) })
    case 1:
    case 2:
      return name === 'solo' ? undefined : patch(kind, name, { template: template(name, `c:${1 + random.below(3)}`) })
    case 3:
    case 4:
      return cluster.readyAll()
    case 5:
      return report('Running', false)
    case 6:
      return report(random.pick(['Failed', 'Succeeded'])!, false)
    case 7:
      return pod === undefined ? undefined : cluster.client.delete(PODS, cluster.namespace, pod.metadata.name)
    case 8:
      return cluster.reap()
    case 9:
      return pod === undefined ? undefined : cluster.patch(PODS, pod.metadata.name, { metadata: { labels: { app: random.pick(APPS) } } })
    case 10:
      return patch(STATEFUL_SETS, 'db', { updateStrategy: { rollingUpdate: { partition: random.below(3) } } })
    case 11: {
      const [whenDeleted, whenScaled] = [random.pick(['Retain', 'Delete']), random.pick(['Retain', 'Delete'])]
      return patch(STATEFUL_SETS, 'db', { persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } })
    }
    case 12:
      return patch(STATEFUL_SETS, 'db', { ordinals: { start: random.below(3) } })
    case 13:
      return patch(kind, name, { minReadySeconds: random.pick([0, 20]) })
    case 14:
      return random.chance(0.5)
        ? drop(REPLICA_SETS, ({ metadata }) => metadata.name !== 'solo')
        : drop(CONTROLLER_REVISIONS, ({ metadata }) => metadata.name.startsWith('log-'))
    default:
      return cluster.pass(random.pick([3, 30, 100])!)
  }
}

/** Everything but when it was written. */
async function seen(cluster: TestCluster): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {}
  for (const kind of KINDS) {
    for (const object of await cluster.list(kind)) {
      const { metadata, ...rest } = object
      all[`${kind.resource} ${metadata.name}`] = { ...rest, metadata: { ...metadata, resourceVersion: '', managedFields: [] } }
    }
  }
  return all
}

async function lookAgain(cluster: TestCluster): Promise<void> {
  const look = (controller: string, name: string) => cluster.enqueue(controller, `${cluster.namespace}/${name}`)
  look('deployment', 'web')
  look('statefulset', 'db')
  look('daemonset', 'log')
  look('replicationcontroller', 'old')
  for (const { metadata } of await cluster.list(REPLICA_SETS)) look('replicaset', metadata.name)
  await cluster.calm()
}

for (const seed of seeds) {
  test(`nothing is left undone, and in the end all is well (seed ${seed})`, { timeout: 120_000 }, async () => {
    const random = randomFrom(seed)
    const cluster = await begin(random)
    try {
      for (let step = 0; step < 40; step++) {
        for (let n = random.below(3); n >= 0; n--) await unlessGone(() => act(cluster, random))
        await cluster.calm()
        const before = await seen(cluster)
        await lookAgain(cluster)
        expect(await seen(cluster), `step ${step}`).toEqual(before)
      }
      await settle(cluster)
    } finally {
      cluster.stop()
    }
  })
}

/** From now on kubelets do what they should, and everything gets as many ready pods as it wants. */
async function settle(cluster: TestCluster): Promise<void> {
  const strays = (await cluster.pods()).filter(({ metadata }) => metadata.labels?.app !== 'db' && /^db-\d+$/.test(metadata.name))
  for (const { metadata } of strays) await cluster.client.delete(PODS, cluster.namespace, metadata.name, { gracePeriodSeconds: 0 })
  for (let i = 0; i < 40; i++) {
    await cluster.pass(60)
    await cluster.reap()
    await cluster.readyAll()
  }
  const ready = async (kind: GroupResource, name: string) => {
    const { spec, status } = await cluster.get<KubeObject & { spec: { replicas: number }; status: { readyReplicas?: number } }>(kind, name)
    return [name, spec.replicas, status.readyReplicas ?? 0]
  }
  for (const [kind, name] of [
    [DEPLOYMENTS, 'web'],
    [STATEFUL_SETS, 'db'],
    [REPLICA_SETS, 'solo'],
    [REPLICATION_CONTROLLERS, 'old'],
  ] as const) {
    const [, wanted, have] = await ready(kind, name)
    expect([name, have]).toEqual([name, wanted])
  }
  // A pod of somebody else's that it adopted may be meant for no node: it does not count.
  const daemons = (await cluster.activePods()).filter(pod => pod.metadata.ownerReferences?.[0]?.name === 'log').map(targetNode)
  expect(daemons.filter(node => node !== undefined).sort()).toEqual(['a', 'b', 'c'])
}
