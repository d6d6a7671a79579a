import { afterEach, expect, test } from 'vitest'
import type { Deployment, ReplicaSet } from '../../shared/api/apps/v1.ts'
import type { Event } from '../../shared/api/core/v1.ts'
import { DEPLOYMENTS, REPLICA_SETS } from '../../shared/controllers/collections.ts'
import { TestCluster } from './cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const web = (image: string, spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { schedulerName: 'nobody', containers: [{ name: 'c', image }] } },
    ...spec,
  },
})

const sizes = async () => (await cluster.list<ReplicaSet>(REPLICA_SETS)).map(({ spec }) => spec.replicas).sort()

test('a rollout replaces pods within its limits, and ends complete', async () => {
  cluster = await TestCluster.start()
  await cluster.create(DEPLOYMENTS, web('c:1'))
  await cluster.calm()
  await cluster.readyAll()
  await cluster.calm()
  await cluster.patch(DEPLOYMENTS, 'web', web('c:2'))
  for (let step = 0; step < 10; step++) {
    await cluster.calm()
    expect((await cluster.activePods()).length).toBeLessThanOrEqual(4)
    if ((await cluster.readyAll()) === 0) break
  }
  expect(await sizes()).toEqual([0, 3])
  const { status } = await cluster.get<Deployment>(DEPLOYMENTS, 'web')
  expect(status).toMatchObject({ replicas: 3, updatedReplicas: 3, availableReplicas: 3 })
  expect(status?.conditions?.find(({ type }) => type === 'Progressing')?.reason).toBe('NewReplicaSetAvailable')
})

test('a rollback by annotation says in an event what became of it, in the words that kubectl of the time waits for', async () => {
  cluster = await TestCluster.start()
  await cluster.create(DEPLOYMENTS, web('c:1'))
  await cluster.calm()
  await cluster.patch(DEPLOYMENTS, 'web', web('c:2'))
  await cluster.calm()
  const undo = async (revision: number) => {
    await cluster.patch(DEPLOYMENTS, 'web', { metadata: { annotations: { 'deprecated.deployment.rollback.to': `${revision}` } } })
    await cluster.calm()
    const { metadata, spec } = await cluster.get<Deployment>(DEPLOYMENTS, 'web')
    expect(metadata.annotations).not.toHaveProperty(['deprecated.deployment.rollback.to'])
    return spec?.template.spec?.containers[0]?.image
  }
  expect(await undo(0)).toBe('c:1')
  expect(await undo(3)).toBe('c:1')
  expect(await undo(7)).toBe('c:1')
  const events = await cluster.list<Event>({ group: '', resource: 'events' })
  const reasons = events.map(({ reason }) => reason).filter(reason => reason?.includes('Rollback'))
  expect(reasons.sort()).toEqual(['DeploymentRollback', 'DeploymentRollbackRevisionNotFound', 'DeploymentRollbackTemplateUnchanged'])
})

const events = async (...reasons: string[]) =>
  (await cluster.list<Event>({ group: '', resource: 'events' }))
    .filter(({ reason }) => reasons.includes(reason ?? ''))
    .map(({ reason, message }) => `${reason}: ${message?.replaceAll(/web-[a-z0-9]+/g, 'web-x')}`)

test('a ReplicaSet that cannot be created fails the progress, with the reason of the event', async () => {
  cluster = await TestCluster.start()
  const quotas = { group: '', resource: 'resourcequotas' }
  await cluster.create(quotas, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q' },
    spec: { hard: { 'count/replicasets.apps': '0' } },
  })
  await cluster.calm()
  await cluster.create(DEPLOYMENTS, web('c:1'))
  await cluster.pass(30)
  const progress = (await cluster.get<Deployment>(DEPLOYMENTS, 'web')).status?.conditions?.find(({ type }) => type === 'Progressing')
  expect(progress).toMatchObject({ status: 'False', reason: 'ReplicaSetCreateError' })
  expect(progress?.message).toMatch(
    /^Failed to create new replica set "web-[a-z0-9]+": replicasets.apps "web-[a-z0-9]+" is forbidden: exceeded quota: q/,
  )
  const all = await cluster.list<Event>({ group: '', resource: 'events' })
  expect([...new Set(all.map(({ reason }) => reason))]).toEqual(['ReplicaSetCreateError'])
  await cluster.patch(quotas, 'q', { spec: { hard: { 'count/replicasets.apps': '5' } } })
  await cluster.pass(60)
  expect(await sizes()).toEqual([3])
})

test('a rollback by annotation brings back the annotations of its revision', async () => {
  cluster = await TestCluster.start()
  const cause = 'kubernetes.io/change-cause'
  const applied = 'kubectl.kubernetes.io/last-applied-configuration'
  await cluster.create(DEPLOYMENTS, { ...web('c:1'), metadata: { name: 'web', annotations: { [cause]: 'first' } } })
  await cluster.calm()
  await cluster.patch(DEPLOYMENTS, 'web', { ...web('c:2'), metadata: { annotations: { [cause]: 'second', [applied]: '{}', extra: 'x' } } })
  await cluster.calm()
  await cluster.patch(DEPLOYMENTS, 'web', { metadata: { annotations: { 'deprecated.deployment.rollback.to': '1' } } })
  await cluster.calm()
  const { annotations } = (await cluster.get(DEPLOYMENTS, 'web')).metadata
  expect(annotations).toEqual({ [cause]: 'first', [applied]: '{}', 'deployment.kubernetes.io/revision': '3' })
})

test('a rollback tells a missing revision from a missing last one; what is no number asks for nothing', async () => {
  cluster = await TestCluster.start()
  await cluster.create(DEPLOYMENTS, web('c:1'))
  await cluster.calm()
  const undo = async (to: string) => {
    await cluster.patch(DEPLOYMENTS, 'web', { metadata: { annotations: { 'deprecated.deployment.rollback.to': to } } })
    await cluster.calm()
  }
  await undo('0')
  await undo('7')
  await undo('last')
  expect((await events('DeploymentRollbackRevisionNotFound')).sort()).toEqual([
    'DeploymentRollbackRevisionNotFound: Unable to find last revision.',
    'DeploymentRollbackRevisionNotFound: Unable to find the revision to rollback to.',
  ])
  expect((await cluster.get(DEPLOYMENTS, 'web')).metadata.annotations).toMatchObject({ 'deprecated.deployment.rollback.to': 'last' })
})

test.each([
  ['', {}],
  [', however long new pods are to be ready', { minReadySeconds: 500 }],
])('old pods that serve nobody and those that may be missed are given up in two steps, each told in an event%s', async (_, spec) => {
  cluster = await TestCluster.start()
  await cluster.create(DEPLOYMENTS, web('c:1', { replicas: 4, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 2 } } }))
  await cluster.calm()
  for (const pod of (await cluster.activePods()).slice(1)) await cluster.ready(pod)
  await cluster.calm()
  await cluster.patch(DEPLOYMENTS, 'web', web('c:2', { replicas: 4, ...spec }))
  await cluster.calm()
  expect((await events('ScalingReplicaSet')).filter(message => message.includes('down'))).toEqual([
    'ScalingReplicaSet: Scaled down replica set web-x from 4 to 3',
    'ScalingReplicaSet: Scaled down replica set web-x from 3 to 2',
  ])
})

test('a Deployment whose name is as long as names may be has ReplicaSets of a shorter one, and pods', async () => {
  cluster = await TestCluster.start()
  const name = 'w'.repeat(253)
  await cluster.create(DEPLOYMENTS, { ...web('c:1'), metadata: { name } })
  await cluster.calm()
  const [set] = (await cluster.list<ReplicaSet>(REPLICA_SETS)) as [ReplicaSet]
  expect(set.metadata.name).toMatch(/^w+-[a-z0-9]+$/)
  expect(set.metadata.name).toHaveLength(253)
  expect(await cluster.activePods()).toHaveLength(3)
})
