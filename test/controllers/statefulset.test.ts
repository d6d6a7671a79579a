// StatefulSets: rules that the recorded scenarios do not show.
import { afterEach, describe, expect, test } from 'vitest'
import type { ControllerRevision, StatefulSet } from '../../shared/api/apps/v1.ts'
import type { Event, PersistentVolumeClaim, Pod } from '../../shared/api/core/v1.ts'
import type { OwnerReference } from '../../shared/apimachinery/types.ts'
import { CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS } from '../../shared/controllers/collections.ts'
import { hasRival, isStale, newOwners } from '../../shared/controllers/statefulset/claims.ts'
import { TestCluster } from './cluster.ts'
import { statefulSet, template } from './objects.ts'

let cluster: TestCluster
afterEach(() => cluster?.stop())

const QUOTAS = { group: '', resource: 'resourcequotas' }
const quota = (hard: object) => ({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec: { hard } })

const claim = (metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data', ...metadata },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'none', resources: { requests: { storage: '1Gi' } } },
})
const withClaims = (spec: object = {}) => statefulSet('db', { replicas: 1, volumeClaimTemplates: [claim()], ...spec })
const policy = (whenDeleted: string, whenScaled: string) => ({ persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } })

const events = async (...reasons: string[]) =>
  (await cluster.list<Event>({ group: '', resource: 'events' }))
    .filter(({ reason }) => reasons.includes(reason ?? ''))
    .map(({ reason, message }) => `${reason}: ${message}`)
    .sort()
const images = async () =>
  (await cluster.list<Pod>(PODS)).map(({ metadata, spec }) => `${metadata.name} ${spec.containers[0]?.image}`).sort()
const grow = async () => {
  for (let i = 0; i < 20; i++) {
    await cluster.calm()
    if ((await cluster.readyAll()) === 0) return
  }
}
const ownersOf = async (name: string) =>
  (await cluster.get<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, name)).metadata.ownerReferences?.map(({ kind }) => kind)

test('a partition counts pods, wherever ordinals start', async () => {
  cluster = await TestCluster.start()
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 2 } }
  await cluster.create(STATEFUL_SETS, statefulSet('db', { replicas: 4, ordinals: { start: 5 }, updateStrategy }))
  await grow()
  await cluster.patch(STATEFUL_SETS, 'db', { spec: { template: template('db', 'c:2') } })
  await grow()
  expect(await images()).toEqual(['db-5 c:1', 'db-6 c:1', 'db-7 c:2', 'db-8 c:2'])
  expect(await events('SuccessfulDelete')).toEqual([
    'SuccessfulDelete: Delete Pod db-7 in StatefulSet db successful',
    'SuccessfulDelete: Delete Pod db-8 in StatefulSet db successful',
  ])
})

test('in parallel, every pod of a batch that cannot be made is told of', async () => {
  cluster = await TestCluster.start()
  await cluster.create(QUOTAS, quota({ pods: '1' }))
  await cluster.calm()
  await cluster.create(STATEFUL_SETS, statefulSet('db', { replicas: 3, podManagementPolicy: 'Parallel' }))
  await cluster.calm()
  const refused = (pod: string) =>
    `FailedCreate: Create Pod ${pod} in StatefulSet db failed error: pods "${pod}" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`
  expect(await events('FailedCreate')).toEqual([refused('db-1'), refused('db-2')])
  expect((await cluster.get<StatefulSet>(STATEFUL_SETS, 'db')).status?.replicas).toBe(1)
})

test('changed labels are put right and told of; the index alone is not looked at', async () => {
  cluster = await TestCluster.start()
  await cluster.create(STATEFUL_SETS, statefulSet('db', { replicas: 1 }))
  await grow()
  const labels = async (body: object) => {
    await cluster.patch(PODS, 'db-0', { metadata: { labels: body } })
    await cluster.calm()
    return (await cluster.get<Pod>(PODS, 'db-0')).metadata.labels
  }
  expect(await labels({ 'apps.kubernetes.io/pod-index': '7' })).toMatchObject({ 'apps.kubernetes.io/pod-index': '7' })
  expect(await events('SuccessfulUpdate')).toEqual([])
  expect(await labels({ 'statefulset.kubernetes.io/pod-name': null })).toMatchObject({
    'apps.kubernetes.io/pod-index': '0',
    'statefulset.kubernetes.io/pod-name': 'db-0',
  })
  expect(await events('SuccessfulUpdate')).toEqual(['SuccessfulUpdate: Update Pod db-0 in StatefulSet db successful'])
})

test('a pod that was adopted without the claims of its name cannot be given them, which is told', async () => {
  cluster = await TestCluster.start()
  await cluster.calm()
  const pod = template('db')
  await cluster.create(PODS, { apiVersion: 'v1', kind: 'Pod', ...pod, metadata: { ...pod.metadata, name: 'db-0' } })
  await cluster.create(STATEFUL_SETS, withClaims())
  await grow()
  const [told] = await events('FailedUpdate')
  expect(told).toMatch(/^FailedUpdate: Update Pod db-0 in StatefulSet db failed error: Pod "db-0" is invalid: spec: Forbidden: pod updates/)
  expect(await cluster.list(PERSISTENT_VOLUME_CLAIMS)).toHaveLength(1)
})

test('a claim that cannot be made is told of, and so is the pod that has to wait for it', async () => {
  cluster = await TestCluster.start()
  await cluster.create(QUOTAS, quota({ persistentvolumeclaims: '0' }))
  await cluster.calm()
  await cluster.create(STATEFUL_SETS, withClaims())
  await cluster.calm()
  const why =
    'persistentvolumeclaims "data-db-0" is forbidden: exceeded quota: q, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=0, limited: persistentvolumeclaims=0'
  expect(await events('FailedCreate')).toEqual([
    `FailedCreate: Create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: ${why}`,
    `FailedCreate: Create Pod db-0 in StatefulSet db failed error: failed to create PVC data-db-0: ${why}`,
  ])
})

test('the retention policy holds for the claims of a pod that waits, too', async () => {
  cluster = await TestCluster.start()
  await cluster.create(STATEFUL_SETS, withClaims())
  await cluster.calm()
  expect(await ownersOf('data-db-0')).toBeUndefined()
  await cluster.patch(STATEFUL_SETS, 'db', { spec: policy('Delete', 'Retain') })
  await cluster.calm()
  expect(await ownersOf('data-db-0')).toEqual(['StatefulSet'])
})

test('a change of the retention policy is an update of pods that run', async () => {
  cluster = await TestCluster.start()
  await cluster.create(STATEFUL_SETS, withClaims())
  await grow()
  await cluster.patch(STATEFUL_SETS, 'db', { spec: policy('Delete', 'Delete') })
  await cluster.calm()
  expect(await ownersOf('data-db-0')).toEqual(['StatefulSet'])
  expect(await events('SuccessfulUpdate')).toEqual(['SuccessfulUpdate: Update Pod db-0 in StatefulSet db successful'])
})

test('a claim that somebody else controls keeps its owner, and an event says so', async () => {
  cluster = await TestCluster.start()
  const configMaps = { group: '', resource: 'configmaps' }
  await cluster.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owner' } })
  const { uid } = (await cluster.get(configMaps, 'owner')).metadata
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, controller: true }
  await cluster.create(PERSISTENT_VOLUME_CLAIMS, claim({ name: 'data-db-0', ownerReferences: [owner] }))
  await cluster.create(STATEFUL_SETS, withClaims(policy('Delete', 'Delete')))
  await cluster.calm()
  expect(await ownersOf('data-db-0')).toEqual(['ConfigMap'])
  expect(await events('ConflictingController')).toHaveLength(1)
})

test('a pod that waits for the end of an earlier claim of its name comes when that is gone', async () => {
  cluster = await TestCluster.start()
  await cluster.create(STATEFUL_SETS, withClaims({ replicas: 2, ...policy('Retain', 'Delete') }))
  await grow()
  const { metadata } = await cluster.get<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, 'data-db-1')
  await cluster.patch(PERSISTENT_VOLUME_CLAIMS, 'data-db-1', { metadata: { finalizers: ['test/hold'] } })
  await cluster.patch(STATEFUL_SETS, 'db', { spec: { replicas: 1 } })
  await cluster.calm()
  await cluster.patch(STATEFUL_SETS, 'db', { spec: { replicas: 2 } })
  await cluster.calm()
  expect((await cluster.list<Pod>(PODS)).map(pod => pod.metadata.name)).toEqual(['db-0'])
  await cluster.patch(PERSISTENT_VOLUME_CLAIMS, 'data-db-1', { metadata: { finalizers: null } })
  await cluster.pass(5)
  expect((await cluster.list<Pod>(PODS)).map(pod => pod.metadata.name).sort()).toEqual(['db-0', 'db-1'])
  expect((await cluster.get(PERSISTENT_VOLUME_CLAIMS, 'data-db-1')).metadata.uid).not.toBe(metadata.uid)
})

test("a name that somebody else's pod has is taken when that is gone", async () => {
  cluster = await TestCluster.start()
  await cluster.calm()
  const pod = template('other')
  await cluster.create(PODS, { apiVersion: 'v1', kind: 'Pod', ...pod, metadata: { ...pod.metadata, name: 'db-0' } })
  await cluster.create(STATEFUL_SETS, statefulSet('db', { replicas: 1 }))
  await cluster.pass(60)
  expect(await events('FailedCreate', 'FailedReconcile')).toEqual([])
  await cluster.client.delete(PODS, cluster.namespace, 'db-0')
  await cluster.pass(60)
  expect(await images()).toEqual(['db-0 c:1'])
  expect((await cluster.get<Pod>(PODS, 'db-0')).metadata.ownerReferences).toHaveLength(1)
})

test('a revision that the selector no longer selects does not count, and a new one has the next number of those that do', async () => {
  cluster = await TestCluster.start()
  await cluster.create(STATEFUL_SETS, statefulSet('db', { replicas: 0 }))
  await cluster.calm()
  await cluster.patch(STATEFUL_SETS, 'db', { spec: { template: template('db', 'c:2') } })
  await cluster.calm()
  const [, second] = (await cluster.list<ControllerRevision>(CONTROLLER_REVISIONS)).sort((a, b) => a.revision - b.revision)
  await cluster.patch(CONTROLLER_REVISIONS, second?.metadata.name ?? '', { metadata: { labels: { app: 'x' } } })
  await cluster.patch(STATEFUL_SETS, 'db', { spec: { template: template('db', 'c:3') } })
  await cluster.calm()
  const numbers = (await cluster.list<ControllerRevision>(CONTROLLER_REVISIONS)).map(({ revision }) => revision)
  expect(numbers.sort()).toEqual([1, 2, 2])
})

describe('the owners of a claim', () => {
  const set = (spec: object): StatefulSet =>
    ({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', uid: 'set' }, spec: { replicas: 1, ...spec } }) as StatefulSet
  const pod = (name: string): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, uid: name }, spec: { containers: [] } })
  const ofSet = (uid = 'set', controller = true): OwnerReference => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    name: 'db',
    uid,
    controller,
    blockOwnerDeletion: true,
  })
  const ofPod = (name: string, uid = name): OwnerReference => ({
    apiVersion: 'v1',
    kind: 'Pod',
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  })
  const other: OwnerReference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'c' }
  const owned = (...ownerReferences: OwnerReference[]) => claim({ ownerReferences }) as unknown as PersistentVolumeClaim
  const none: OwnerReference[] = []

  test.each([
    ['Retain', 'Retain', 0, [other], undefined],
    ['Retain', 'Retain', 0, [other, ofSet()], [other]],
    ['Delete', 'Retain', 0, none, [ofSet()]],
    ['Delete', 'Retain', 1, [ofPod('db-1')], [ofSet()]],
    ['Delete', 'Retain', 0, [ofSet()], undefined],
    ['Delete', 'Retain', 0, [ofSet('set', false)], [ofSet()]],
    ['Retain', 'Delete', 0, none, undefined],
    ['Retain', 'Delete', 1, [other], [other, ofPod('db-1')]],
    ['Delete', 'Delete', 0, [ofPod('db-0')], [ofSet()]],
    ['Delete', 'Delete', 1, [ofSet()], [ofPod('db-1')]],
    // An earlier set, or an earlier pod of the name.
    ['Delete', 'Delete', 0, [ofSet('before')], undefined],
    ['Delete', 'Delete', 1, [ofPod('db-1', 'before')], undefined],
    // Somebody else controls it: we neither join nor stay.
    ['Delete', 'Retain', 0, [{ ...other, controller: true }], undefined],
    ['Delete', 'Retain', 0, [{ ...other, controller: true }, ofSet()], [{ ...other, controller: true }]],
    ['Retain', 'Retain', 0, [{ ...other, controller: true }], undefined],
  ])('deleted: %s, scaled: %s, ordinal %s', (whenDeleted, whenScaled, ordinal, before, after) => {
    const owner = { ordinal, pod: pod(`db-${ordinal}`) }
    expect(newOwners(owned(...before), set(policy(whenDeleted, whenScaled)), owner)).toEqual(after)
  })

  test('others control it only where a policy wants it', () => {
    const taken = owned({ ...other, controller: true })
    const owner = { ordinal: 0, pod: pod('db-0') }
    expect(hasRival(taken, set(policy('Retain', 'Retain')), owner)).toBe(false)
    expect(hasRival(taken, set(policy('Retain', 'Delete')), owner)).toBe(true)
    expect(hasRival(owned(other), set(policy('Delete', 'Delete')), owner)).toBe(false)
  })

  test('an earlier pod keeps it from a new one only where claims go with their pods', () => {
    const earlier = owned(ofPod('db-0', 'before'))
    expect(isStale(earlier, set(policy('Retain', 'Delete')), 0)).toBe(true)
    expect(isStale(earlier, set(policy('Delete', 'Retain')), 0)).toBe(false)
    expect(isStale(earlier, set(policy('Retain', 'Delete')), 1)).toBe(false)
  })
})
