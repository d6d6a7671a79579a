// Binding where it is narrow: which volume of several, what becomes of those that are left, and what is said.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../shared/api/core/v1.ts'
import {
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  STORAGE_CLASSES,
  VOLUME_ATTRIBUTES_CLASSES,
} from '../../shared/controllers/collections.ts'
import { persistentVolumeBinder } from '../../shared/controllers/persistentvolumebinder.ts'
import { serviceAccountController } from '../../shared/controllers/serviceaccount.ts'
import { volumeAttributesClassProtection } from '../../shared/controllers/volumeattributesclassprotection.ts'
import { pvcProtectionController, pvProtectionController } from '../../shared/controllers/volumeprotection.ts'
import { TestCluster } from './cluster.ts'
import { eventsOf } from './events.ts'
import { template } from './objects.ts'

let cluster: TestCluster
beforeEach(async () => {
  const controllers = [
    persistentVolumeBinder,
    pvcProtectionController,
    pvProtectionController,
    volumeAttributesClassProtection,
    serviceAccountController,
  ]
  cluster = await TestCluster.start({ controllers })
  await cluster.calm()
})
afterEach(() => cluster.stop())

const volume = (name: string, spec: object = {}, metadata: object = {}) =>
  cluster.client.create(PERSISTENT_VOLUMES, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, ...metadata },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'x',
      nfs: { server: 's', path: '/' },
      ...spec,
    },
  } as PersistentVolume)
const claim = (name: string, spec: object = {}) =>
  cluster.create<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'x', resources: { requests: { storage: '1Gi' } }, ...spec },
  })
const bound = async (name: string) => (await cluster.get<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, name)).spec?.volumeName
const phase = async (name: string) => {
  const found = await cluster.client.get<PersistentVolume>(PERSISTENT_VOLUMES, undefined, name)
  return found?.status?.phase
}
const drop = (name: string) => cluster.client.delete(PERSISTENT_VOLUME_CLAIMS, 'default', name, {})
const settle = () => cluster.pass(10)

describe('which volume', () => {
  test('one with fewer access modes goes before a smaller one: others may need the rest', async () => {
    await volume('shared', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] })
    await volume('single', { capacity: { storage: '5Gi' } })
    await settle()
    await claim('c')
    await settle()
    expect(await bound('c')).toBe('single')
  })
  test('one that is reserved but cannot be accessed as asked for is not taken', async () => {
    await volume('reserved', { accessModes: ['ReadOnlyMany'], claimRef: { namespace: 'default', name: 'c' } })
    await settle()
    await claim('c')
    await settle()
    expect(await bound('c')).toBeUndefined()
  })
  test('one that is going is not bound by name', async () => {
    await volume('going', {}, { finalizers: ['example.com/hold'] })
    await settle()
    await cluster.client.delete(PERSISTENT_VOLUMES, undefined, 'going', {})
    await claim('c', { volumeName: 'going' })
    await settle()
    expect(await eventsOf(cluster, 'c')).toEqual([
      'Warning VolumeMismatch: Cannot bind to requested volume "going": the volume is marked for deletion "going"',
    ])
  })
})

describe('the claim is gone, and the volume', () => {
  const orphan = async (spec: object, metadata: object = {}) => {
    await volume('v', spec, metadata)
    await claim('c', { volumeName: 'v' })
    await settle()
    await drop('c')
    await settle()
    return phase('v')
  }
  const onDisk = (path: string, policy = 'Delete') => ({ nfs: undefined, hostPath: { path }, persistentVolumeReclaimPolicy: policy })

  test('goes, too, where there is nothing to it but its object', async () => {
    expect(await orphan(onDisk('/tmp/x'))).toBeUndefined()
  })
  test('has failed where nobody may delete it', async () => {
    expect(await orphan(onDisk('/data/x'))).toBe('Failed')
    expect(await eventsOf(cluster, 'v')).toEqual([
      'Warning VolumeFailedDelete: host_path deleter only supports /tmp/.+ but received provided /data/x',
    ])
  })
  test('has failed where no driver says that it is its own', async () => {
    const csi = { nfs: undefined, csi: { driver: 'd.example.com', volumeHandle: 'h' }, persistentVolumeReclaimPolicy: 'Delete' }
    expect(await orphan(csi)).toBe('Failed')
    expect((await eventsOf(cluster, 'v'))[0]).toContain('no deletable volume plugin matched')
  })
  test('waits for its driver', async () => {
    const csi = { nfs: undefined, csi: { driver: 'd.example.com', volumeHandle: 'h' }, persistentVolumeReclaimPolicy: 'Delete' }
    expect(await orphan(csi, { annotations: { 'pv.kubernetes.io/provisioned-by': 'd.example.com' } })).toBe('Released')
  })
  test('that was to be emptied waits for somebody, or has failed where that never was possible', async () => {
    expect(await orphan(onDisk('/data/x', 'Recycle'))).toBe('Released')
  })
  test('of a kind that never could be emptied has failed', async () => {
    const csi = { nfs: undefined, csi: { driver: 'd.example.com', volumeHandle: 'h' }, persistentVolumeReclaimPolicy: 'Recycle' }
    expect(await orphan(csi)).toBe('Failed')
    expect(await eventsOf(cluster, 'v')).toEqual(['Warning VolumeFailedRecycle: No recycler plugin found for the volume!'])
  })
})

test('a volume made for a claim that found another one is not kept', async () => {
  await volume('other')
  const { metadata } = await claim('c', { volumeName: 'other' })
  await settle()
  const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'default', name: 'c', uid: metadata.uid }
  const annotations = { 'pv.kubernetes.io/provisioned-by': 'd.example.com' }
  const csi = { nfs: undefined, csi: { driver: 'd.example.com', volumeHandle: 'h' } }
  await volume('made', { ...csi, claimRef, persistentVolumeReclaimPolicy: 'Delete' }, { annotations })
  await settle()
  expect([await phase('made'), await phase('other')]).toEqual(['Released', 'Bound'])
})

test('a volume of the other mode is told to both sides', async () => {
  const { metadata } = await claim('c')
  const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'default', name: 'c', uid: metadata.uid }
  await volume('v', { volumeMode: 'Block', claimRef })
  await settle()
  const why = 'due to incompatible volumeMode.'
  expect(await eventsOf(cluster, 'v')).toEqual([
    `Warning VolumeMismatch: Cannot bind PersistentVolume to requested PersistentVolumeClaim "c" ${why}`,
  ])
  expect(await eventsOf(cluster, 'c', 'VolumeMismatch')).toEqual([
    `Warning VolumeMismatch: Cannot bind PersistentVolume "v" to requested PersistentVolumeClaim "c" ${why}`,
  ])
})

const storageClass = (name: string, provisioner: string, more: object = {}) =>
  cluster.client.create(STORAGE_CLASSES, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner,
    ...more,
  } as never)

test('all pods that a claim waits for are told', async () => {
  await storageClass('late', 'd.example.com', { volumeBindingMode: 'WaitForFirstConsumer' })
  for (const name of ['b', 'a'])
    await cluster.create(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { ...template('x').spec, volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] },
    })
  await claim('c', { storageClassName: 'late' })
  await settle()
  expect(await eventsOf(cluster, 'c')).toEqual(['Normal WaitForPodScheduled: waiting for pods a,b to be scheduled'])
})

test('classes of provisioners that were once in the tree are those of the drivers that took over', async () => {
  await storageClass('old', 'kubernetes.io/aws-ebs')
  await claim('c', { storageClassName: 'old' })
  await settle()
  const { annotations } = (await cluster.get<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, 'c')).metadata
  expect(annotations?.['volume.kubernetes.io/storage-provisioner']).toBe('ebs.csi.aws.com')
  expect((await eventsOf(cluster, 'c'))[0]).toContain("created either by the external provisioner 'ebs.csi.aws.com'")
})

describe('a claim that is deleted', () => {
  const user = (name: string, spec: object = {}) =>
    cluster.create<Pod>(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { ...template('x').spec, volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }], ...spec },
    })
  const isThere = async () => (await cluster.client.get(PERSISTENT_VOLUME_CLAIMS, 'default', 'c')) !== undefined

  test('does not wait for a pod that has no node: it gets none any more', async () => {
    await claim('c')
    await user('waiting')
    await drop('c')
    await settle()
    expect(await isThere()).toBe(false)
  })
  test('waits for a pod with a node, also when it has finished, until it is deleted', async () => {
    await claim('c')
    const pod = await user('u', { nodeName: 'n' })
    await drop('c')
    await settle()
    expect(await isThere()).toBe(true)
    await cluster.report(pod, 'Succeeded', false)
    await settle()
    expect(await isThere()).toBe(true)
    await cluster.client.delete(PODS, 'default', 'u', { gracePeriodSeconds: 0 })
    await settle()
    expect(await isThere()).toBe(false)
  })
  test('of a pod of its own goes when the pod has been shut down, though the pod waits for it', async () => {
    const spec = { accessModes: ['ReadWriteOnce'], storageClassName: 'x', resources: { requests: { storage: '1Gi' } } }
    const { metadata } = await user('u', { nodeName: 'n', volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec } } }] })
    await cluster.patch(PODS, 'u', { metadata: { finalizers: ['example.com/hold'] } })
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'u', uid: metadata.uid, controller: true, blockOwnerDeletion: true }]
    await cluster.create(PERSISTENT_VOLUME_CLAIMS, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'u-v', ownerReferences },
      spec,
    })
    await drop('u-v')
    await settle()
    const isThere = async () => (await cluster.client.get(PERSISTENT_VOLUME_CLAIMS, 'default', 'u-v')) !== undefined
    expect(await isThere()).toBe(true)
    await cluster.client.delete(PODS, 'default', 'u', { gracePeriodSeconds: 0 })
    await settle()
    expect(await isThere()).toBe(false)
  })
})

describe('a class of attributes', () => {
  const FINALIZER = 'kubernetes.io/vac-protection'
  const attributes = (name: string) =>
    cluster.client.create(VOLUME_ATTRIBUTES_CLASSES, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttributesClass',
      metadata: { name },
      driverName: 'd.example.com',
      parameters: { iops: '1' },
    } as never)
  const find = (name: string) => cluster.client.get(VOLUME_ATTRIBUTES_CLASSES, undefined, name)
  const remove = async (name: string) => {
    await cluster.client.delete(VOLUME_ATTRIBUTES_CLASSES, undefined, name, {})
    await settle()
  }
  test('goes when nobody names it', async () => {
    await attributes('gold')
    expect((await find('gold'))?.metadata.finalizers).toEqual([FINALIZER])
    await remove('gold')
    expect(await find('gold')).toBeUndefined()
  })
  test('stays while a claim wants it or a volume has it, and goes with the last of them', async () => {
    await attributes('gold')
    await claim('c', { volumeAttributesClassName: 'gold' })
    await volume('v', {
      volumeAttributesClassName: 'gold',
      storageClassName: 'y',
      csi: { driver: 'd.example.com', volumeHandle: 'h' },
      nfs: undefined,
    })
    await settle()
    await remove('gold')
    expect(await find('gold')).toBeDefined()
    await drop('c')
    await settle()
    expect(await find('gold')).toBeDefined()
    await cluster.client.delete(PERSISTENT_VOLUMES, undefined, 'v', {})
    await settle()
    expect(await find('gold')).toBeUndefined()
  })
  test('stays while a claim that wants another one still has it', async () => {
    await attributes('gold')
    await attributes('silver')
    await claim('c', { volumeAttributesClassName: 'silver' })
    const status = { currentVolumeAttributesClassName: 'gold' }
    await cluster.patch(PERSISTENT_VOLUME_CLAIMS, 'c', { status }, 'status')
    await remove('gold')
    expect(await find('gold')).toBeDefined()
    await cluster.patch(PERSISTENT_VOLUME_CLAIMS, 'c', { status: { currentVolumeAttributesClassName: 'silver' } }, 'status')
    await settle()
    expect(await find('gold')).toBeUndefined()
  })
  test('gets its finalizer back', async () => {
    await attributes('gold')
    await cluster.client.patch(VOLUME_ATTRIBUTES_CLASSES, undefined, 'gold', { type: 'merge', body: { metadata: { finalizers: null } } })
    await settle()
    expect((await find('gold'))?.metadata.finalizers).toEqual([FINALIZER])
  })
})
