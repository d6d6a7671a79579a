// Claims of devices: made from templates, reserved, given back, and what the scheduler says of those that nobody allocates.
import { afterEach, describe, expect, test } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { ResourceClaim } from '../../shared/api/resource/v1.ts'
import {
  DEVICE_CLASSES,
  NODES,
  PODS,
  RESOURCE_CLAIM_TEMPLATES,
  RESOURCE_CLAIMS,
  SERVICE_ACCOUNTS,
} from '../../shared/controllers/collections.ts'
import { garbageCollector } from '../../shared/controllers/garbagecollector.ts'
import { nodeLifecycleController } from '../../shared/controllers/nodelifecycle.ts'
import { prefixOf } from '../../shared/controllers/resourceclaim/reconcile.ts'
import { resourceClaimController } from '../../shared/controllers/resourceclaim.ts'
import { scheduler } from '../../shared/controllers/scheduler.ts'
import { TestCluster } from './cluster.ts'
import { Crash } from './crash.ts'
import { eventsOf } from './events.ts'
import { readyNode, template } from './objects.ts'

const controllers = [resourceClaimController, scheduler, garbageCollector, nodeLifecycleController]
let cluster: TestCluster
const start = async (options: object = {}) => {
  cluster = await TestCluster.start({ controllers, ...options })
  await cluster.create(SERVICE_ACCOUNTS, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } })
  await cluster.calm()
}
afterEach(() => cluster.stop())

const devices = { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpus' } }] }
const resource = (kind: string, name: string, spec: object) => ({ apiVersion: 'resource.k8s.io/v1', kind, metadata: { name }, spec })
const claimTemplate = (name: string) =>
  cluster.create(
    RESOURCE_CLAIM_TEMPLATES,
    resource('ResourceClaimTemplate', name, { metadata: { labels: { a: 'b' }, annotations: { c: 'd' } }, spec: { devices } }),
  )
const namedClaim = (name: string) => cluster.create<ResourceClaim>(RESOURCE_CLAIMS, resource('ResourceClaim', name, { devices }))
const deviceClass = () =>
  cluster.client.create(DEVICE_CLASSES, {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'DeviceClass',
    metadata: { name: 'gpus' },
    spec: {},
  } as never)
const node = (name: string) =>
  cluster.create(NODES, { ...readyNode(name, cluster.clock.now()), metadata: { name, namespace: undefined, labels: { name } } })
const pod = (name: string, resourceClaims: readonly object[], spec: object = {}) =>
  cluster.create<Pod>(PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { ...template('x', 'c:1', { schedulerName: 'default-scheduler', ...spec }).spec, resourceClaims },
  })
const fromTemplate = { name: 'dev', resourceClaimTemplateName: 't' }
const claims = () => cluster.list<ResourceClaim>(RESOURCE_CLAIMS)
const statusOf = async (name: string) => (await cluster.get<Pod>(PODS, name)).status
const condition = async (name: string) => (await statusOf(name))?.conditions?.find(({ type }) => type === 'PodScheduled')
const allocate = async (name: string, more: object = {}) => {
  const claim = await cluster.get<ResourceClaim>(RESOURCE_CLAIMS, name)
  const held = await cluster.client.update(RESOURCE_CLAIMS, {
    ...claim,
    metadata: { ...claim.metadata, finalizers: ['resource.kubernetes.io/delete-protection'] },
  })
  const results = [{ request: 'gpu', driver: 'd.example.com', pool: 'p', device: 'gpu-0' }]
  await cluster.client.updateStatus(RESOURCE_CLAIMS, { ...held, status: { allocation: { devices: { results }, ...more } } })
}

describe('a claim from a template', () => {
  test("is named after pod and claim, is the pod's own, and is told in its status", async () => {
    await start()
    await claimTemplate('t')
    const { metadata } = await pod('p', [fromTemplate])
    await cluster.calm()
    const [claim] = await claims()
    expect(claim?.metadata).toMatchObject({
      generateName: 'p-dev-',
      labels: { a: 'b' },
      annotations: { c: 'd', 'resource.kubernetes.io/pod-claim-name': 'dev' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: metadata.uid, controller: true, blockOwnerDeletion: true }],
    })
    expect(claim?.metadata.name).toMatch(/^p-dev-[a-z0-9]{5}$/)
    expect(claim?.spec.devices?.requests?.[0]).toMatchObject({ name: 'gpu', exactly: { deviceClassName: 'gpus', count: 1 } })
    expect((await statusOf('p'))?.resourceClaimStatuses).toEqual([{ name: 'dev', resourceClaimName: claim?.metadata.name }])
  })
  test('waits for its template, and says so once', async () => {
    await start()
    await pod('p', [fromTemplate])
    await cluster.pass(600)
    expect(await eventsOf(cluster, 'p')).toEqual([
      'Warning FailedResourceClaimCreation: PodResourceClaim dev: resource claim template "t": resourceclaimtemplate.resource.k8s.io "t" not found',
    ])
    expect(await claims()).toEqual([])
    await claimTemplate('t')
    await cluster.calm()
    expect((await claims()).length).toBe(1)
  })
  test('is made again when somebody deletes it', async () => {
    await start()
    await claimTemplate('t')
    await pod('p', [fromTemplate])
    await cluster.calm()
    const [{ metadata }] = (await claims()) as [ResourceClaim]
    await cluster.client.delete(RESOURCE_CLAIMS, 'default', metadata.name)
    await cluster.calm()
    const [again] = await claims()
    expect(again?.metadata.uid).not.toBe(metadata.uid)
    expect((await statusOf('p'))?.resourceClaimStatuses).toEqual([{ name: 'dev', resourceClaimName: again?.metadata.name }])
  })
  test('goes with its pod, or when the pod has ended', async () => {
    await start()
    await claimTemplate('t')
    await pod('deleted', [fromTemplate])
    const ended = await pod('ended', [fromTemplate])
    await cluster.calm()
    expect((await claims()).length).toBe(2)
    await cluster.client.delete(PODS, 'default', 'deleted')
    await cluster.report(ended, 'Succeeded', false)
    await cluster.calm()
    expect(await claims()).toEqual([])
  })
  test('is one, whenever whoever makes it is killed', async () => {
    for (const when of ['before', 'after'] as const) {
      for (let write = 1; ; write++) {
        const crash = new Crash({ write, when })
        await start({ wrap: crash.wrap })
        await claimTemplate('t')
        await pod('p', [fromTemplate, { name: 'other', resourceClaimTemplateName: 't' }])
        await cluster.calm()
        if (crash.dead) {
          await cluster.restart()
          await cluster.calm()
        }
        const made = (await claims()).map(({ metadata }) => metadata.name).sort()
        expect(made.length, `killed ${when} write ${write}`).toBe(2)
        expect((await statusOf('p'))?.resourceClaimStatuses?.map(({ resourceClaimName }) => resourceClaimName).sort()).toEqual(made)
        cluster.stop()
        if (!crash.dead) break
      }
    }
  })
  test('is one when two make it at once', async () => {
    await start({ twins: true })
    await claimTemplate('t')
    await pod('p', [fromTemplate])
    await cluster.pass(60)
    expect((await claims()).length).toBe(1)
    expect((await statusOf('p'))?.resourceClaimStatuses?.length).toBe(1)
  })
  test('has a name that is cut where both are long', () => {
    expect(prefixOf('p', 'c')).toBe('p-c-')
    const cut = prefixOf('p'.repeat(60), 'c'.repeat(30))
    expect(cut).toBe(`${'p'.repeat(37)}-${'c'.repeat(18)}`)
  })
})

describe('a claim that somebody allocated', () => {
  test('is reserved for a pod with a node, and given back when the pod ends', async () => {
    await start()
    await node('n')
    await deviceClass()
    await namedClaim('c')
    await allocate('c')
    const user = await pod('p', [{ name: 'dev', resourceClaimName: 'c' }])
    await cluster.calm()
    expect((await cluster.get<Pod>(PODS, 'p')).spec.nodeName).toBe('n')
    const consumer = { resource: 'pods', name: 'p', uid: user.metadata.uid }
    expect((await cluster.get<ResourceClaim>(RESOURCE_CLAIMS, 'c')).status?.reservedFor).toEqual([consumer])
    await cluster.report(user, 'Succeeded', false)
    await cluster.calm()
    const free = await cluster.get<ResourceClaim>(RESOURCE_CLAIMS, 'c')
    expect(free.status ?? {}).toEqual({})
    expect(free.metadata.finalizers ?? []).toEqual([])
  })
  test('stays while a pod uses it, also when it is deleted', async () => {
    await start()
    await node('n')
    await namedClaim('c')
    await allocate('c')
    await pod('p', [{ name: 'dev', resourceClaimName: 'c' }])
    await cluster.calm()
    await cluster.client.delete(RESOURCE_CLAIMS, 'default', 'c')
    await cluster.calm()
    expect((await cluster.get<ResourceClaim>(RESOURCE_CLAIMS, 'c')).metadata.deletionTimestamp).toBeDefined()
    await cluster.client.delete(PODS, 'default', 'p', { gracePeriodSeconds: 0 })
    await cluster.calm()
    expect(await claims()).toEqual([])
  })
  test('takes its pod to where the devices are', async () => {
    await start()
    await node('a')
    await node('b')
    await namedClaim('c')
    await allocate('c', { nodeSelector: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'name', operator: 'In', values: ['b'] }] }] } })
    await pod('p', [{ name: 'dev', resourceClaimName: 'c' }])
    await pod('q', [{ name: 'dev', resourceClaimName: 'c' }], { nodeSelector: { name: 'a' } })
    await cluster.calm()
    expect((await cluster.get<Pod>(PODS, 'p')).spec.nodeName).toBe('b')
    expect((await condition('q'))?.message).toBe(
      "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 resourceclaim not available on the node. still not schedulable, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
    )
  })
})

describe('a pod that claims what nobody allocates', () => {
  const NOT_HELPFUL = 'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.'
  test('is told so', async () => {
    await start()
    await node('n')
    await deviceClass()
    await claimTemplate('t')
    await pod('p', [fromTemplate])
    await cluster.calm()
    const message = `0/1 nodes are available: 1 cannot allocate all claims. still not schedulable, ${NOT_HELPFUL}`
    expect(await condition('p')).toMatchObject({ status: 'False', reason: 'Unschedulable', message })
    expect(await eventsOf(cluster, 'p')).toEqual([`Warning FailedScheduling: ${message}`])
  })
  test('hears of a class that is not there, until it is', async () => {
    await start()
    await node('n')
    await namedClaim('c')
    await pod('p', [{ name: 'dev', resourceClaimName: 'c' }])
    await cluster.calm()
    expect((await condition('p'))?.message).toBe(
      `0/1 nodes are available: request gpu: device class gpus does not exist. no new claims to deallocate, ${NOT_HELPFUL}`,
    )
    await deviceClass()
    await cluster.calm()
    expect((await condition('p'))?.message).toContain('cannot allocate all claims')
    await allocate('c')
    await cluster.calm()
    expect((await cluster.get<Pod>(PODS, 'p')).spec.nodeName).toBe('n')
  })
  test('hears of a claim that is not there, until it is', async () => {
    await start()
    await node('n')
    await pod('p', [{ name: 'dev', resourceClaimName: 'c' }])
    await cluster.calm()
    expect((await condition('p'))?.message).toBe(
      `0/1 nodes are available: could not find ResourceClaim "default/c". no new claims to deallocate, ${NOT_HELPFUL}`,
    )
    await namedClaim('c')
    await cluster.calm()
    expect((await condition('p'))?.message).toContain('device class gpus does not exist')
  })
})
