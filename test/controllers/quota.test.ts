// What is counted against a quota where it is narrow: pods as a whole, pods that do not end, claims by what they have.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { PersistentVolumeClaim, Pod, ResourceQuota } from '../../shared/api/core/v1.ts'
import { PERSISTENT_VOLUME_CLAIMS, PODS, RESOURCE_QUOTAS } from '../../shared/controllers/collections.ts'
import { resourceQuotaController } from '../../shared/controllers/resourcequota.ts'
import { serviceAccountController } from '../../shared/controllers/serviceaccount.ts'
import { TestCluster } from './cluster.ts'
import { template } from './objects.ts'

let cluster: TestCluster
beforeEach(async () => {
  cluster = await TestCluster.start({ controllers: [resourceQuotaController, serviceAccountController] })
  await cluster.calm()
})
afterEach(() => cluster.stop())

const quota = async (hard: Record<string, string>, spec: object = {}) => {
  await cluster.create(RESOURCE_QUOTAS, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec: { hard, ...spec } })
  await cluster.calm()
}
const used = async () => (await cluster.get<ResourceQuota>(RESOURCE_QUOTAS, 'q')).status?.used
const pod = (name: string, spec: object = {}) =>
  cluster.create<Pod>(PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { ...template('x').spec, ...spec } })
const RUNTIME_CLASSES = { group: 'node.k8s.io', resource: 'runtimeclasses' }
const asking = (cpu: string) => [{ name: 'c', image: 'c:1', resources: { requests: { cpu }, limits: { cpu } } }]

test('what running a pod takes counts, beside a limit only where there is one', async () => {
  await cluster.client.create(RUNTIME_CLASSES, {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: 'vm' },
    handler: 'vm',
    overhead: { podFixed: { cpu: '250m', memory: '64Mi' } },
  } as never)
  await pod('p', { runtimeClassName: 'vm', containers: asking('1') })
  await quota({ 'requests.cpu': '9', 'limits.cpu': '9', 'requests.memory': '9Gi', 'limits.memory': '9Gi' })
  expect(await used()).toEqual({ 'requests.cpu': '1250m', 'limits.cpu': '1250m', 'requests.memory': '64Mi', 'limits.memory': '0' })
})

test('what a pod asks for as a whole goes before what its containers do, which then need ask for nothing', async () => {
  await quota({ cpu: '2', memory: '1Gi' })
  await pod('p', { resources: { requests: { cpu: '1500m', memory: '128Mi' } } })
  await cluster.calm()
  expect(await used()).toEqual({ cpu: '1500m', memory: '128Mi' })
  await expect(pod('q')).rejects.toThrow('must specify cpu for: c; memory for: c')
})

test('a pod that was told to end and does not is counted until its time is over twice', async () => {
  await quota({ pods: '5', 'count/pods': '5' })
  await pod('p', { nodeName: 'lost', terminationGracePeriodSeconds: 30 })
  await cluster.client.delete(PODS, 'default', 'p', {})
  await cluster.pass(55)
  expect(await used()).toEqual({ pods: '1', 'count/pods': '1' })
  await cluster.pass(10)
  expect(await used()).toEqual({ pods: '0', 'count/pods': '1' })
})

test('a pod that is resized asks for more', async () => {
  await quota({ 'requests.cpu': '2', 'limits.cpu': '9' })
  await pod('p', { containers: asking('1') })
  const resize = (cpu: string) =>
    cluster.client.patch(PODS, 'default', 'p', { type: 'strategic', subresource: 'resize', body: { spec: { containers: asking(cpu) } } })
  await expect(resize('3')).rejects.toThrow('exceeded quota: q, requested: requests.cpu=2, used: requests.cpu=1, limited: requests.cpu=2')
  await resize('2')
  await cluster.calm()
  expect(await used()).toEqual({ 'requests.cpu': '2', 'limits.cpu': '2' })
})

const claim = (name: string, spec: object = {}) =>
  cluster.create<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'x', resources: { requests: { storage: '2Gi' } }, ...spec },
  })

test('claims are counted by their class of attributes, asked for or had', async () => {
  const scopeSelector = (operator: string, values?: string[]) => ({
    scopeSelector: { matchExpressions: [{ scopeName: 'VolumeAttributesClass', operator, values }] },
  })
  await quota({ persistentvolumeclaims: '5', 'requests.storage': '9Gi' }, scopeSelector('In', ['gold']))
  await claim('plain')
  await claim('silver', { volumeAttributesClassName: 'silver' })
  await claim('gold', { volumeAttributesClassName: 'gold' })
  await cluster.calm()
  expect(await used()).toEqual({ persistentvolumeclaims: '1', 'requests.storage': '2Gi' })
  await cluster.patch(PERSISTENT_VOLUME_CLAIMS, 'silver', { status: { currentVolumeAttributesClassName: 'gold' } }, 'status')
  await cluster.pass(10)
  expect(await used()).toEqual({ persistentvolumeclaims: '2', 'requests.storage': '4Gi' })
})

test('a claim counts with what was given to it, where that is more than it asks for', async () => {
  await quota({ 'requests.storage': '9Gi' })
  await claim('c')
  await cluster.patch(PERSISTENT_VOLUME_CLAIMS, 'c', { status: { allocatedResources: { storage: '3Gi' } } }, 'status')
  await cluster.pass(10)
  expect(await used()).toEqual({ 'requests.storage': '3Gi' })
})
