// What the scheduler writes, and what makes it try again.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { PersistentVolumeClaim, Pod } from '../../shared/api/core/v1.ts'
import {
  CSI_NODES,
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  PRIORITY_CLASSES,
  STORAGE_CLASSES,
} from '../../shared/controllers/collections.ts'
import { podCondition } from '../../shared/controllers/pods.ts'
import { TestCluster } from './cluster.ts'
import { readyNode } from './objects.ts'
import { asks, cpu } from './scheduling.ts'

let cluster: TestCluster
beforeEach(async () => {
  cluster = await TestCluster.start()
})
afterEach(() => cluster.stop())

const global = (apiVersion: string, kind: string, name: string, rest: object = {}, metadata: object = {}) =>
  ({ apiVersion, kind, metadata: { name, ...metadata }, ...rest }) as never
const node = (name: string, allocatable: object = {}) =>
  cluster.client.create(NODES, readyNode(name, cluster.clock.now(), { cpu: '4', memory: '8Gi', pods: '110', ...allocatable }) as never)
const create = (name: string, spec: object, metadata: object = {}) =>
  cluster.create<Pod>(PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: { containers: [{ name: 'c', image: 'c:1' }], ...spec },
  })
const get = async (name: string) => {
  await cluster.calm()
  return cluster.get<Pod>(PODS, name)
}
const said = async (name: string) => podCondition(await get(name), 'PodScheduled')

test('a pod that does not fit says for which generation that holds', async () => {
  await node('a')
  await create('p', { ...cpu('5'), schedulingGates: [{ name: 'example.com/gate' }] })
  await cluster.calm()
  await cluster.patch(PODS, 'p', { spec: { schedulingGates: null } })
  const pod = await get('p')
  expect(pod.metadata.generation).toBe(2)
  expect(podCondition(pod, 'PodScheduled')).toMatchObject({ status: 'False', reason: 'Unschedulable', observedGeneration: 2 })
})

test('a pod that has to make room is told for whom, for its generation', async () => {
  await node('a')
  await cluster.client.create(PRIORITY_CLASSES, global('scheduling.k8s.io/v1', 'PriorityClass', 'high', { value: 1000 }))
  await create('low', { ...cpu('3'), terminationGracePeriodSeconds: 30 })
  await cluster.calm()
  await create('high', { ...cpu('3'), priorityClassName: 'high' })
  const low = await get('low')
  expect(low.metadata.deletionTimestamp).toBeDefined()
  expect(podCondition(low, 'DisruptionTarget')).toMatchObject({ reason: 'PreemptionByScheduler', observedGeneration: 1 })
  expect((await get('high')).status?.nominatedNodeName).toBe('a')
})

test('labels of a namespace can make its pods the company that was missing', async () => {
  await node('a')
  await cluster.client.create(NAMESPACES, global('v1', 'Namespace', 'x'))
  await cluster.calm()
  await cluster.client.create(
    PODS,
    global(
      'v1',
      'Pod',
      'db',
      { spec: { nodeName: 'a', containers: [{ name: 'c', image: 'c:1' }] } },
      { namespace: 'x', labels: { app: 'db' } },
    ),
  )
  const term = {
    topologyKey: 'kubernetes.io/hostname',
    labelSelector: { matchLabels: { app: 'db' } },
    namespaceSelector: { matchLabels: { team: 'red' } },
  }
  await cluster.client.patch(NODES, undefined, 'a', { type: 'merge', body: { metadata: { labels: { 'kubernetes.io/hostname': 'a' } } } })
  await create('p', { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } })
  expect((await said('p'))?.message).toContain("didn't match pod affinity rules")
  await cluster.client.patch(NAMESPACES, undefined, 'x', { type: 'merge', body: { metadata: { labels: { team: 'red' } } } })
  expect((await get('p')).spec.nodeName).toBe('a')
})

test('a resize that is done gives its room to others', async () => {
  await node('a')
  const one = await create('one', { ...cpu('3'), nodeName: 'a' })
  const given = (amount: string) => ({
    containerStatuses: [
      {
        name: 'c',
        image: 'c:1',
        imageID: '',
        ready: true,
        restartCount: 0,
        resources: { requests: { cpu: amount } },
        allocatedResources: { cpu: amount },
      },
    ],
  })
  await cluster.report(one, 'Running', true, given('3'))
  await create('two', cpu('2'))
  expect((await said('two'))?.message).toContain('Insufficient cpu')
  await cluster.patch(PODS, 'one', { spec: asks({ cpu: '1' }) }, 'resize')
  expect((await said('two'))?.message).toContain('Insufficient cpu')
  await cluster.patch(PODS, 'one', { status: given('1') }, 'status')
  expect((await get('two')).spec.nodeName).toBe('a')
})

test('a node that can have more volumes attached takes the pod that waits', async () => {
  await node('a')
  const csiNode = (count: number) => ({ spec: { drivers: [{ name: 'd.example.com', nodeID: 'a', allocatable: { count } }] } })
  await cluster.client.create(CSI_NODES, global('storage.k8s.io/v1', 'CSINode', 'a', csiNode(0)))
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName: 's' }
  await cluster.client.create(
    PERSISTENT_VOLUMES,
    global('v1', 'PersistentVolume', 'v', {
      spec: { ...spec, capacity: { storage: '1Gi' }, csi: { driver: 'd.example.com', volumeHandle: 'v' } },
    }),
  )
  await cluster.create(
    PERSISTENT_VOLUME_CLAIMS,
    global('v1', 'PersistentVolumeClaim', 'c', { spec: { ...spec, resources: { requests: { storage: '1Gi' } } } }),
  )
  await create('p', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] })
  expect((await said('p'))?.message).toContain('node(s) exceed max volume count')
  await cluster.client.delete(CSI_NODES, undefined, 'a')
  await cluster.client.create(CSI_NODES, global('storage.k8s.io/v1', 'CSINode', 'a', csiNode(1)))
  expect((await get('p')).spec.nodeName).toBe('a')
})

test('a pod whose claim is still to be provided says where it will be', async () => {
  await node('a')
  const late = { provisioner: 'd.example.com', volumeBindingMode: 'WaitForFirstConsumer' }
  await cluster.client.create(STORAGE_CLASSES, global('storage.k8s.io/v1', 'StorageClass', 'late', late))
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName: 'late', resources: { requests: { storage: '1Gi' } } }
  await cluster.create(PERSISTENT_VOLUME_CLAIMS, global('v1', 'PersistentVolumeClaim', 'c', { spec }))
  await create('p', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] })
  const pod = await get('p')
  expect([pod.spec.nodeName, pod.status?.nominatedNodeName, podCondition(pod, 'PodScheduled')]).toEqual([undefined, 'a', undefined])
  const claim = await cluster.get<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, 'c')
  expect(claim.metadata.annotations?.['volume.kubernetes.io/selected-node']).toBe('a')
})
