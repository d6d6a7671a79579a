import { afterEach, expect, test } from 'vitest'
import type { Deployment, ReplicaSet } from '../../shared/api/apps/v1.ts'
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
