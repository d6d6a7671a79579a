// Adoption and release, and owners and targets that are named by a version of 2018.
import { afterEach, expect, test } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import { DEPLOYMENTS, PODS, REPLICA_SETS } from '../../shared/controllers/collections.ts'
import { TestCluster } from './cluster.ts'
import { deployment, template } from './objects.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const replicaSet = (name: string, spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name },
  spec: { replicas: 1, selector: { matchLabels: { app: name } }, template: template(name), ...spec },
})

test('a pod that is released has no list of owners, not an empty one', async () => {
  cluster = await TestCluster.start()
  await cluster.create(REPLICA_SETS, replicaSet('web'))
  await cluster.calm()
  const [{ metadata }] = (await cluster.list<Pod>(PODS)) as [Pod]
  await cluster.patch(PODS, metadata.name ?? '', { metadata: { labels: { app: 'sick' } } })
  await cluster.calm()
  expect(await cluster.list(PODS)).toHaveLength(2)
  const sick = await cluster.get<Pod>(PODS, metadata.name ?? '')
  expect(sick?.metadata).not.toHaveProperty('ownerReferences')
})

test('an owner that is named by extensions/v1beta1 is the one of apps/v1, and its dependents go with it', async () => {
  cluster = await TestCluster.start()
  await cluster.create(DEPLOYMENTS, deployment('web'))
  await cluster.calm()
  const { uid } = (await cluster.get(DEPLOYMENTS, 'web')).metadata
  const owner = { apiVersion: 'extensions/v1beta1', kind: 'Deployment', name: 'web', uid: uid ?? '' }
  const secrets = { group: '', resource: 'secrets' }
  await cluster.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'mine', ownerReferences: [owner] } })
  await cluster.calm()
  expect(await cluster.list(secrets)).toHaveLength(1)
  await cluster.client.delete(DEPLOYMENTS, cluster.namespace, 'web', { propagationPolicy: 'Background' })
  await cluster.calm()
  expect(await cluster.list(secrets)).toHaveLength(0)
})

test('an autoscaler scales a target that is named by extensions/v1beta1', async () => {
  cluster = await TestCluster.start()
  await cluster.create(DEPLOYMENTS, deployment('web'))
  const autoscalers = { group: 'autoscaling', resource: 'horizontalpodautoscalers' }
  await cluster.create(autoscalers, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web' },
    spec: { minReplicas: 2, maxReplicas: 3, scaleTargetRef: { apiVersion: 'extensions/v1beta1', kind: 'Deployment', name: 'web' } },
  })
  await cluster.calm()
  expect(await cluster.get(DEPLOYMENTS, 'web')).toMatchObject({ spec: { replicas: 2 } })
})
