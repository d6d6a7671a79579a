// What one change costs grows with what changed, not with what exists: objects that the controllers look at, reconciles and writes are
// counted in a small namespace and in a large one, and are the same.
import { afterEach, expect, test } from 'vitest'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { CONFIG_MAPS, DEPLOYMENTS, JOBS, NODES, PODS, REPLICA_SETS, SECRETS, SERVICES } from '../../shared/controllers/collections.ts'
import { controllers } from '../../shared/controllers/index.ts'
import type { Informer } from '../../shared/store/types.ts'
import { TestCluster } from './cluster.ts'
import { deployment, job, readyNode, template } from './objects.ts'

interface Cost {
  looks: Record<string, number>
  reconciles: Record<string, number>
  writes: Record<string, number>
}

let cost: Cost
const forget = () => {
  cost = { looks: {}, reconciles: {}, writes: {} }
}
const add = (counts: Record<string, number>, name: string, by = 1) => {
  if (by > 0) counts[name] = (counts[name] ?? 0) + by
}

/** Counts every object that an informer hands out. */
function watched(informer: Informer, controller: string): Informer {
  return new Proxy(informer, {
    get(target, name: keyof Informer) {
      const value = Reflect.get(target, name, target) as unknown
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const answer = (value as (...args: unknown[]) => unknown).apply(target, args)
        if (name === 'list' || name === 'byIndex') add(cost.looks, controller, (answer as readonly unknown[]).length)
        if (name === 'get' && answer !== undefined) add(cost.looks, controller)
        return answer
      }
    },
  })
}

const counted = controllers.map(controller => ({
  ...controller,
  reconcile: ((key, context) => {
    add(cost.reconciles, controller.name)
    const informer: typeof context.informer = async resource => watched(await context.informer(resource), controller.name)
    return controller.reconcile(key, { ...context, informer })
  }) as typeof controller.reconcile,
}))

let cluster: TestCluster
afterEach(() => cluster.stop())

const scheduled = { schedulerName: 'default-scheduler' }

async function world(others: number): Promise<void> {
  forget()
  cluster = await TestCluster.start({ controllers: counted })
  await cluster.create(NODES, {
    ...readyNode('n1', cluster.clock.now(), { cpu: '10000', memory: '9000Gi', pods: '20000' }),
    metadata: { name: 'n1', namespace: undefined },
  })
  await cluster.create(DEPLOYMENTS, deployment('web', { replicas: 5, template: template('web', 'c:1', scheduled) }))
  const service = (app: string) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app },
    spec: { selector: { app }, ports: [{ port: 80 }] },
  })
  await cluster.create(SERVICES, service('web'))
  await cluster.create(DEPLOYMENTS, deployment('other', { replicas: 2, template: template('other', 'c:1', scheduled) }))
  await cluster.create(JOBS, job('done'))
  await settle()
  for (const pod of await cluster.pods()) if (pod.spec.restartPolicy === 'Never') await cluster.report(pod, 'Succeeded', false)
  await settle()
  const part = Math.floor(others / 5)
  for (let i = 0; i < part; i++) {
    await cluster.store.create(CONFIG_MAPS, `${cluster.namespace}/c${i}`, plain('v1', 'ConfigMap', `c${i}`))
    await cluster.store.create(SECRETS, `${cluster.namespace}/s${i}`, plain('v1', 'Secret', `s${i}`))
  }
  const kept = (await cluster.list(JOBS)).find(({ metadata }) => metadata.name === 'done')!
  for (let i = 0; i < part; i++) await cluster.store.create(JOBS, `${cluster.namespace}/j${i}`, renamed(kept, `j${i}`))
  const set = (await cluster.list(REPLICA_SETS)).find(({ metadata }) => metadata.name!.startsWith('other'))!
  const pod = (await cluster.pods()).find(({ metadata }) => metadata.labels?.app === 'other')!
  // Sets of ten pods each, all running, with owners that are there.
  for (let i = 0; i < part / 10; i++) {
    const owner = renamed(set, `r${i}`) as KubeObject & { spec: object; status: object }
    const labels = { app: `r${i}` }
    const spec = { ...owner.spec, replicas: 10, selector: { matchLabels: labels } }
    const status = { ...owner.status, replicas: 10, fullyLabeledReplicas: 10, readyReplicas: 10, availableReplicas: 10 }
    await cluster.store.create(REPLICA_SETS, `${cluster.namespace}/r${i}`, {
      ...owner,
      metadata: { ...owner.metadata, ownerReferences: [] },
      spec,
      status,
    } as KubeObject)
    for (let n = 0; n < 10; n++) {
      const one = renamed(pod, `r${i}-${n}`)
      const ownerReferences = [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `r${i}`, uid: `uid-r${i}`, controller: true, blockOwnerDeletion: true },
      ]
      await cluster.store.create(PODS, `${cluster.namespace}/r${i}-${n}`, {
        ...one,
        metadata: { ...one.metadata, labels, ownerReferences },
      } as KubeObject)
    }
  }
  await settle()
  await cluster.pass(3600)
}

const plain = (apiVersion: string, kind: string, name: string): KubeObject =>
  ({
    apiVersion,
    kind,
    metadata: { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: '2030-01-01T00:00:00Z' },
  }) as KubeObject
const renamed = (object: KubeObject, name: string): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, name, uid: `uid-${name}` },
})

async function settle(): Promise<void> {
  for (let round = 0; round < 10; round++) {
    await cluster.calm()
    if ((await cluster.readyAll()) === 0) break
  }
}

/** A Deployment is scaled up by one, rolled out, and a pod of it dies. */
async function changes(): Promise<Cost> {
  forget()
  const stop = cluster.store.feed(({ collection: { resource } }) => add(cost.writes, resource))
  await cluster.patch(DEPLOYMENTS, 'web', { spec: { replicas: 6 } })
  await settle()
  await cluster.patch(DEPLOYMENTS, 'web', { spec: { template: template('web', 'c:2', scheduled) } })
  for (let round = 0; round < 10; round++) {
    await settle()
    if ((await cluster.reap()) === 0) break
  }
  const pod = (await cluster.activePods()).find(({ metadata }) => metadata.labels?.app === 'web')!
  await cluster.client.delete(PODS, cluster.namespace, pod.metadata.name, { gracePeriodSeconds: 0 })
  await settle()
  stop()
  return cost
}

test('the same changes cost the same among a hundred objects and among ten thousand', { timeout: 120_000 }, async () => {
  await world(100)
  const small = await changes()
  cluster.stop()
  await world(10_000)
  const large = await changes()
  expect(large.writes).toEqual(small.writes)
  expect(large.reconciles).toEqual(small.reconciles)
  // A pass of the scheduler looks at what runs, once for all pods that wait.
  const { scheduler: few, ...looks } = small.looks
  const { scheduler: many, ...others } = large.looks
  expect(others).toEqual(looks)
  expect(many! - few!).toBeLessThanOrEqual(large.reconciles.scheduler! * 2_000)
})
