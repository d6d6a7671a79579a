// Nodes that stand for Fargate: what a deployment chose is what pods find.
import { expect, test } from 'vitest'
import type { Node } from '../../shared/api/core/v1.ts'
import { NODES } from '../../shared/controllers/collections.ts'
import { PodCluster } from './pod-cluster.ts'

let cluster: PodCluster

const nodes = async () => (await cluster.store.list(NODES)).items.map(({ object }) => object as Node)
const subnets = [
  { id: 'subnet-a', zone: 'here-a' },
  { id: 'subnet-b', zone: 'here-b' },
]

test('one for each provider and zone, and the preferred provider takes pods that do not ask', async () => {
  cluster = await PodCluster.start({ containerInstances: false, subnets })
  await cluster.pass(1)
  const found = Object.fromEntries((await nodes()).map(({ metadata, spec }) => [metadata.name, spec?.taints?.map(({ effect }) => effect)]))
  expect(found).toEqual({
    'fargate-here-a': [],
    'fargate-here-b': [],
    'fargate-spot-here-a': ['PreferNoSchedule'],
    'fargate-spot-here-b': ['PreferNoSchedule'],
  })
  await cluster.create('web')
  await cluster.pass(1)
  const [launch] = cluster.ecs.tasks.values()
  expect(launch).toMatchObject({ capacityProviderName: 'FARGATE' })
})

test('Spot alone, on arm64: nodes, launches and definitions say so', async () => {
  cluster = await PodCluster.start({
    containerInstances: false,
    subnets: subnets.slice(0, 1),
    fargate: { providers: ['FARGATE_SPOT'], architecture: 'arm64' },
  })
  await cluster.pass(1)
  const [node, ...others] = await nodes()
  expect(others).toEqual([])
  expect(node).toMatchObject({ metadata: { labels: { 'kubernetes.io/arch': 'arm64', 'zeroplane.dev/capacity-type': 'spot' } } })
  expect(node!.spec?.taints).toEqual([])
  await cluster.create('web')
  await cluster.pass(1)
  const [task] = cluster.ecs.tasks.values()
  expect(task).toMatchObject({ capacityProviderName: 'FARGATE_SPOT' })
  expect([...cluster.ecs.definitions.values()]).toMatchObject([{ architecture: 'ARM64' }])
})
