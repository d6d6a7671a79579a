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
