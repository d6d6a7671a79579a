// What people do by mistake, and what goes wrong around the controllers: behaviour converges, and no pod is leaked or counted twice.
import { afterEach, expect, test } from 'vitest'
import type { Deployment, ReplicaSet } from '../../shared/api/apps/v1.ts'
import type { CronJob, Job } from '../../shared/api/batch/v1.ts'
import type { ConfigMap, Pod } from '../../shared/api/core/v1.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'
import {
  CONFIG_MAPS,
  CRON_JOBS,
  DEPLOYMENTS,
  JOBS,
  NAMESPACES,
  NODES,
  PODS,
  REPLICA_SETS,
  RESOURCE_QUOTAS,
  SECRETS,
} from '../../shared/controllers/collections.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { controllerOf } from '../../shared/controllers/owners.ts'
import { tokenCleaner } from '../../shared/controllers/tokencleaner.ts'
import { TestCluster } from './cluster.ts'
import { deployment, job, readyNode, template } from './objects.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

/** Writes by collection from now on. */
function countWrites(): Record<string, number> {
  const writes: Record<string, number> = {}
  cluster.store.feed(({ collection: { resource } }) => {
    writes[resource] = (writes[resource] ?? 0) + 1
  })
  return writes
}

const replicaSet = (name: string, spec: object = {}) => ({ ...deployment(name, spec), kind: 'ReplicaSet' })
const bare = (name: string, app: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app } },
  spec: template(app).spec,
})
const ownedBy = (pods: readonly Pod[]) =>
  Object.fromEntries([...Map.groupBy(pods, pod => controllerOf(pod)?.name)].map(([name, own]) => [name, own.length]).sort())

test('ReplicaSets whose selectors overlap keep the pods that are theirs, and an orphan goes to one of them', async () => {
  cluster = await TestCluster.start()
  const same = { selector: { matchLabels: { app: 'x' } }, template: template('x') }
  for (const name of ['a', 'b']) await cluster.create(REPLICA_SETS, replicaSet(name, { ...same, replicas: 2 }))
  await cluster.calm()
  expect(ownedBy(await cluster.pods())).toEqual({ a: 2, b: 2 })
  await cluster.create(PODS, bare('orphan', 'x'))
  await cluster.calm()
  // Whoever adopted it has one too many, and lets one go.
  expect(ownedBy(await cluster.activePods())).toEqual({ a: 2, b: 2 })
  const writes = countWrites()
  await cluster.pass(3600)
  expect(writes).toEqual({})
})

test('Deployments whose selectors overlap roll out side by side', async () => {
  cluster = await TestCluster.start()
  const same = { selector: { matchLabels: { app: 'x' } }, replicas: 2 }
  for (const name of ['a', 'b']) await cluster.create(DEPLOYMENTS, deployment(name, { ...same, template: template('x') }))
  const settle = async () => {
    for (let round = 0; round < 20; round++) {
      await cluster.calm()
      if ((await cluster.readyAll()) + (await cluster.reap()) === 0) break
    }
  }
  await settle()
  await cluster.patch(DEPLOYMENTS, 'a', { spec: { template: template('x', 'c:2') } })
  await settle()
  const images = (await cluster.activePods()).map(({ spec }) => spec.containers[0]?.image).sort()
  expect(images).toEqual(['c:1', 'c:1', 'c:2', 'c:2'])
  await cluster.pass(700)
  const writes = countWrites()
  await cluster.pass(3600)
  expect(writes).toEqual({})
})

test('a pod whose labels change is released and replaced, and taken back when they are changed back', async () => {
  cluster = await TestCluster.start()
  await cluster.create(REPLICA_SETS, replicaSet('a', { replicas: 2 }))
  await cluster.calm()
  const [pod] = await cluster.pods()
  await cluster.patch(PODS, pod!.metadata.name!, { metadata: { labels: { app: 'quarantine' } } })
  await cluster.calm()
  expect(ownedBy(await cluster.activePods())).toEqual({ a: 2, undefined: 1 })
  await cluster.patch(PODS, pod!.metadata.name!, { metadata: { labels: { app: 'a' } } })
  await cluster.calm()
  expect(ownedBy(await cluster.activePods())).toEqual({ a: 2 })
})

for (const propagationPolicy of ['Foreground', 'Background'] as const) {
  test(`owners that form a circle go when one of them is deleted (${propagationPolicy})`, async () => {
    cluster = await TestCluster.start()
    const map = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
    const names = ['a', 'b', 'c']
    const made: ConfigMap[] = []
    for (const name of names) made.push(await cluster.create<ConfigMap>(CONFIG_MAPS, map(name)))
    for (const [i, name] of names.entries()) {
      const owner = made[(i + 1) % names.length]!
      const reference = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: owner.metadata.name,
        uid: owner.metadata.uid,
        blockOwnerDeletion: true,
      }
      await cluster.patch(CONFIG_MAPS, name, { metadata: { ownerReferences: [reference] } })
    }
    await cluster.calm()
    const left = async () => (await cluster.list(CONFIG_MAPS)).map(({ metadata }) => metadata.name).filter(name => names.includes(name!))
    expect(await left()).toEqual(names)
    await cluster.client.delete(CONFIG_MAPS, cluster.namespace, 'a', { propagationPolicy })
    await cluster.pass(60)
    expect(await left()).toEqual([])
  })
}

test('a template that can never be admitted costs ever fewer attempts, says why, and works once it is mended', async () => {
  let attempts = 0
  cluster = await TestCluster.start({
    wrap: client =>
      new Proxy(client, {
        get: (target, name: keyof typeof client) => {
          const method = (target[name] as (...args: unknown[]) => unknown).bind(target)
          return (...args: unknown[]) => {
            if (name === 'create' && (args[0] as { resource: string }).resource === 'pods') attempts++
            return method(...args)
          }
        },
      }),
  })
  // Its account is not there, and admission asks for it.
  await cluster.create(
    DEPLOYMENTS,
    deployment('web', { replicas: 100, template: template('web', 'c:1', { serviceAccountName: 'missing' }) }),
  )
  await cluster.create(
    JOBS,
    job('j', {
      parallelism: 10,
      completions: 10,
      template: template('j', 'c:1', { restartPolicy: 'Never', serviceAccountName: 'missing' }),
    }),
  )
  await cluster.pass(3600)
  expect(await cluster.pods()).toEqual([])
  // Doubling back-off: tens in an hour, not thousands.
  expect(attempts).toBeGreaterThan(10)
  expect(attempts).toBeLessThan(150)
  const [set] = await cluster.list<ReplicaSet>(REPLICA_SETS)
  expect(set?.status?.conditions).toMatchObject([{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }])
  const { status } = await cluster.get<Deployment>(DEPLOYMENTS, 'web')
  expect(status?.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message).toMatch(/serviceaccount "missing" not found/)
  expect(status?.conditions?.find(({ type }) => type === 'Progressing')).toMatchObject({ status: 'False' })
  await cluster.create(
    { group: '', resource: 'serviceaccounts' },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'missing' } },
  )
  await cluster.pass(1000)
  expect((await cluster.pods()).length).toBe(110)
  expect((await cluster.list<ReplicaSet>(REPLICA_SETS))[0]?.status?.conditions).toBeUndefined()
})

test('a quota stops a Deployment half-way, and lets it go on when it is raised or others make room', async () => {
  cluster = await TestCluster.start()
  await cluster.create(RESOURCE_QUOTAS, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec: { hard: { pods: '5' } } })
  await cluster.calm()
  await cluster.create(PODS, bare('other', 'other'))
  await cluster.create(DEPLOYMENTS, deployment('web', { replicas: 8 }))
  await cluster.pass(60)
  const own = async () => (await cluster.pods()).filter(pod => pod.metadata.labels?.app === 'web').length
  expect(await own()).toBe(4)
  const condition = async () =>
    (await cluster.get<Deployment>(DEPLOYMENTS, 'web')).status?.conditions?.find(({ type }) => type === 'ReplicaFailure')
  expect(await condition()).toMatchObject({ status: 'True', reason: 'FailedCreate', message: expect.stringMatching(/exceeded quota: q/) })
  await cluster.client.delete(PODS, cluster.namespace, 'other')
  await cluster.pass(1000)
  expect(await own()).toBe(5)
  await cluster.patch(RESOURCE_QUOTAS, 'q', { spec: { hard: { pods: '20' } } })
  await cluster.pass(1000)
  expect(await own()).toBe(8)
  expect(await condition()).toBeUndefined()
  const quota = await cluster.get<KubeObject & { status: { used: object } }>(RESOURCE_QUOTAS, 'q')
  expect(quota.status.used).toEqual({ pods: '8' })
})

test('ten thousand finished Jobs cost the next one nothing, and go when their time is over', { timeout: 120_000 }, async () => {
  const many = 10_000
  const short = 300
  let reconciles = 0
  const counted = controllers.map(controller => ({
    ...controller,
    reconcile: ((key, context) => {
      reconciles++
      return controller.reconcile(key, context)
    }) as typeof controller.reconcile,
  }))
  cluster = await TestCluster.start({ controllers: counted })
  // One that the controllers finished, and copies of it.
  await cluster.create(JOBS, job('old', { ttlSecondsAfterFinished: 5000 }))
  await cluster.calm()
  await cluster.report((await cluster.pods())[0]!, 'Succeeded', false)
  await cluster.calm()
  const finished = JSON.stringify(await cluster.get<Job>(JOBS, 'old'))
  const { uid } = (await cluster.get<Job>(JOBS, 'old')).metadata
  for (let i = 1; i < many; i++) {
    const copy = JSON.parse(finished.replaceAll(uid!, `uid-${i}`).replaceAll('"old"', `"old-${i}"`)) as KubeObject & Job
    if (i > short) delete copy.spec!.ttlSecondsAfterFinished
    await cluster.store.create(JOBS, `${cluster.namespace}/old-${i}`, copy)
  }
  await cluster.calm()
  reconciles = 0
  const writes = countWrites()
  await cluster.create(JOBS, job('new'))
  await cluster.calm()
  const pod = (await cluster.activePods())[0]!
  await cluster.report(pod, 'Succeeded', false)
  await cluster.calm()
  expect((await cluster.get<Job>(JOBS, 'new')).status?.succeeded).toBe(1)
  expect(writes.jobs).toBeLessThanOrEqual(5)
  expect(reconciles).toBeLessThan(50)
  await cluster.pass(6000)
  expect((await cluster.list<Job>(JOBS)).length).toBe(many - short)
})

test('a CronJob that was away for a thousand runs starts the last one alone', async () => {
  cluster = await TestCluster.start()
  const spec = { schedule: '* * * * *', suspend: true, jobTemplate: { spec: job('x').spec } }
  await cluster.create(CRON_JOBS, { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'c' }, spec })
  await cluster.pass(60_000)
  expect(await cluster.list(JOBS)).toEqual([])
  await cluster.patch(CRON_JOBS, 'c', { spec: { suspend: false } })
  await cluster.calm()
  const jobs = await cluster.list<Job>(JOBS)
  expect(jobs.map(({ metadata }) => metadata.name)).toEqual([`c-${Math.floor(cluster.clock.now() / 60_000)}`])
  expect((await cluster.get<CronJob>(CRON_JOBS, 'c')).status?.active?.length).toBe(1)
})

test('pods of a node that is deleted are kept for 40 s, in case it comes back', async () => {
  cluster = await TestCluster.start()
  for (const name of ['gone', 'back'])
    await cluster.create(NODES, { ...readyNode(name, cluster.clock.now()), metadata: { name, namespace: undefined } })
  for (const name of ['gone', 'back'])
    await cluster.create(PODS, { ...bare(`on-${name}`, 'x'), spec: { ...template('x').spec, nodeName: name } })
  await cluster.calm()
  for (const name of ['gone', 'back']) await cluster.client.delete(NODES, undefined, name)
  await cluster.pass(30)
  await cluster.create(NODES, { ...readyNode('back', cluster.clock.now()), metadata: { name: 'back', namespace: undefined } })
  const names = async () => (await cluster.pods()).map(({ metadata }) => metadata.name)
  expect(await names()).toEqual(['on-back', 'on-gone'])
  await cluster.pass(15)
  expect(await names()).toEqual(['on-back'])
  await cluster.pass(3600)
  expect(cluster.clock.pending).toBe(0)
})

test('pods that are made for a node that is not there go after 40 s each, however fast new ones come', { timeout: 60_000 }, async () => {
  let made = 0
  const counting = (client: Client): Client =>
    new Proxy(client, {
      get: (target, name: keyof Client) =>
        name === 'create'
          ? async (resource: GroupResource, object: KubeObject) => {
              if (resource.resource === 'pods') made++
              // No two at the same time.
              cluster.clock.advance(1)
              return target.create(resource, object)
            }
          : (target[name] as (...args: unknown[]) => unknown).bind(target),
    })
  cluster = await TestCluster.start({ wrap: counting })
  await cluster.create(REPLICA_SETS, replicaSet('web', { replicas: 2, template: template('web', 'c:1', { nodeName: 'ghost' }) }))
  await cluster.pass(400)
  expect(made).toBeGreaterThan(2 * 7)
  expect(made).toBeLessThanOrEqual(2 * 11)
})

test('what admission charged and nobody stored is given back', async () => {
  cluster = await TestCluster.start()
  await cluster.create(RESOURCE_QUOTAS, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec: { hard: { pods: '5' } } })
  await cluster.calm()
  const used = async () => (await cluster.get<KubeObject & { status: { used: object } }>(RESOURCE_QUOTAS, 'q')).status.used
  expect(await used()).toEqual({ pods: '0' })
  await cluster.patch(RESOURCE_QUOTAS, 'q', { status: { used: { pods: '3' } } }, 'status')
  await cluster.pass(2)
  expect(await used()).toEqual({ pods: '3' })
  await cluster.pass(10)
  expect(await used()).toEqual({ pods: '0' })
  await cluster.pass(60)
  expect(cluster.clock.pending).toBe(0)
})

test('bootstrap tokens go when they have ended, or when nobody can tell when they do', async () => {
  cluster = await TestCluster.start({ controllers: [tokenCleaner] })
  const encode = (text: string) => Buffer.from(text).toString('base64')
  const token = (name: string, expiration?: string) =>
    cluster.create(SECRETS, {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'bootstrap.kubernetes.io/token',
      metadata: { name, namespace: 'kube-system' },
      data: expiration === undefined ? {} : { expiration: encode(expiration) },
    })
  await cluster.client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } })
  await token('eternal')
  await token('short', new Date(cluster.clock.now() + 60_000).toISOString())
  await token('unreadable', 'tomorrow')
  await cluster.calm()
  const left = async () => (await cluster.store.list(SECRETS)).items.map(({ object }) => object.metadata.name)
  expect(await left()).toEqual(['eternal', 'short'])
  await cluster.pass(70)
  expect(await left()).toEqual(['eternal'])
})
