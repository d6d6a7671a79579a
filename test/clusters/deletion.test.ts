// The end of a cluster: its own controllers empty it, and its items go last.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Deployment } from '../../shared/api/apps/v1.ts'
import type { Cluster } from '../../shared/api/zeroplane/v1alpha1.ts'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'
import { openCluster } from '../../shared/cluster.ts'
import { CLUSTERS, clusterId } from '../../shared/cluster-name.ts'
import { isClosed } from '../../shared/clusters.ts'
import { clusterController } from '../../shared/controllers/cluster.ts'
import { CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, NODES, PERSISTENT_VOLUMES, PODS } from '../../shared/controllers/collections.ts'
import { TestCluster } from '../controllers/cluster.ts'
import { deployment, readyNode, template } from '../controllers/objects.ts'

const WEBHOOKS: GroupResource = { group: 'admissionregistration.k8s.io', resource: 'validatingwebhookconfigurations' }

let home: TestCluster
let other: TestCluster
/** What the store says that it deleted, one number a call. */
let purges: number[]
let purged: string[]

beforeEach(async () => {
  purges = [12, 0]
  purged = []
  other = await TestCluster.start()
  const services = {
    open: () => openCluster({ store: other.store, now: home.clock.now }),
    async purge(id: string) {
      purged.push(id)
      return purges.shift() ?? 0
    },
  }
  home = await TestCluster.start({ controllers: [clusterController(() => services)] })
  await home.client.create(CLUSTERS, { apiVersion: 'zeroplane.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'pr-1' } })
})
afterEach(() => {
  home.stop()
  other.stop()
})

const cluster = () => home.client.get<Cluster>(CLUSTERS, undefined, 'pr-1')
const remove = () => home.client.delete(CLUSTERS, undefined, 'pr-1')
const names = async (resource: GroupResource) => (await other.store.list(resource)).items.map(({ key }) => key)
const remaining = async () => (await cluster())?.status?.conditions?.find(({ type }) => type === 'ContentRemaining')

/** Both clusters, side by side, for so long. */
async function pass(seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    await other.pass(1)
    await home.pass(1)
  }
}

const make = (resource: GroupResource, object: object) => other.client.create(resource, object as KubeObject)

describe('a cluster that is deleted', () => {
  test('goes within seconds when nothing runs in it', async () => {
    const { metadata } = (await cluster())!
    await remove()
    await pass(15)
    expect(await cluster()).toBeUndefined()
    expect(purged).toEqual([clusterId(metadata), clusterId(metadata)])
  })

  test('waits for its pods to end, and no controller makes new ones', async () => {
    for (const name of ['kube-system', 'shop']) await make(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    await make(NODES, readyNode('ours', other.clock.now()))
    await other.create<Deployment>(
      DEPLOYMENTS,
      deployment('web', { replicas: 3, template: template('web', 'c:1', { schedulerName: 'default-scheduler' }) }),
    )
    await other.pass(5)
    await other.readyAll()
    expect(await other.activePods()).toHaveLength(3)
    await remove()
    await pass(10)
    // Their containers have not ended, as long as nobody says so.
    expect(await names(PODS)).toHaveLength(3)
    expect(await other.activePods()).toEqual([])
    expect(await remaining()).toMatchObject({ status: 'True', message: 'Some namespaces are remaining: default' })
    expect(purged).toEqual([])
    await other.reap()
    await pass(30)
    expect([await names(PODS), await names(DEPLOYMENTS), await names(NAMESPACES)]).toEqual([[], [], []])
    expect(await cluster()).toBeUndefined()
  })

  test('is closed before its items go, and stays until none is found', async () => {
    purges = [5, 3, 0]
    const steps: string[] = []
    await remove()
    for (let i = 0; i < 40 && (await cluster()) !== undefined; i++) {
      const step = `${isClosed((await cluster())!) ? 'closed' : 'open'} ${purged.length}`
      if (steps.at(-1) !== step) steps.push(step)
      await pass(1)
    }
    expect(steps.at(0)).toBe('open 0')
    expect(steps).toContain('closed 0')
    expect(steps.filter(step => step.startsWith('open'))).toEqual(['open 0'])
    expect(purged).toHaveLength(3)
  })

  test('is not held up by who is asked about deletions, nor by nodes that are gone', async () => {
    await make(NODES, { ...readyNode('foreign', other.clock.now()), spec: { providerID: 'kwok://foreign' } })
    const clientConfig = { url: 'https://gone.example' }
    const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['DELETE'], resources: ['configmaps'] }]
    await make(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } })
    await make(WEBHOOKS, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'no' },
      webhooks: [
        { name: 'no.example.com', clientConfig, rules, failurePolicy: 'Fail', sideEffects: 'None', admissionReviewVersions: ['v1'] },
      ],
    })
    await remove()
    await pass(20)
    expect([await names(WEBHOOKS), await names(NODES), await names(CONFIG_MAPS)]).toEqual([[], [], []])
    expect(await cluster()).toBeUndefined()
  })

  test('says which objects somebody else has to let go', async () => {
    await make(PERSISTENT_VOLUMES, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'disk', finalizers: ['example.com/backup'] },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/tmp' } },
    })
    await remove()
    await pass(20)
    expect((await remaining())?.message).toContain('persistentvolumes disk (finalizers')
    expect((await remaining())?.message).toContain('example.com/backup')
    await other.client.patch(PERSISTENT_VOLUMES, undefined, 'disk', { type: 'merge', body: { metadata: { finalizers: null } } })
    await pass(30)
    expect(await cluster()).toBeUndefined()
  })

  test('and another of the same name is not touched', async () => {
    await remove()
    await pass(20)
    purged = []
    await home.client.create(CLUSTERS, { apiVersion: 'zeroplane.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'pr-1' } })
    await pass(20)
    expect((await cluster())?.status).toEqual({ phase: 'Active' })
    expect(purged).toEqual([])
  })
})

test('a cluster with a time to live is deleted when that is over, and nobody looks at it before', async () => {
  await home.client.create(CLUSTERS, {
    apiVersion: 'zeroplane.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'pr-2' },
    spec: { ttlSecondsAfterCreation: 3600 },
  } as Cluster)
  const other = () => home.client.get<Cluster>(CLUSTERS, undefined, 'pr-2')
  await home.calm()
  expect(home.clock.next).toBe(home.clock.now() + 3600_000)
  await home.pass(3590)
  expect((await other())?.metadata.deletionTimestamp).toBeUndefined()
  await home.pass(60)
  await pass(20)
  expect(await other()).toBeUndefined()
  expect((await cluster())?.status?.phase).toBe('Active')
})
