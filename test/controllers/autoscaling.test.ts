// Autoscalers in a cluster: what they write and say, how often they look, and what outlives the process that looked.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ReplicaSet } from '../../shared/api/apps/v1.ts'
import type { HorizontalPodAutoscaler, MetricSpec } from '../../shared/api/autoscaling/v2.ts'
import type { Event } from '../../shared/api/core/v1.ts'
import type { ApiServiceProbe } from '../../shared/controllers/apiservice.ts'
import { EVENTS, HORIZONTAL_POD_AUTOSCALERS, REPLICA_SETS } from '../../shared/controllers/collections.ts'
import { CUSTOM_API, type MetricsSource, noMetrics, type PodsOfScale } from '../../shared/controllers/hpa/metrics.ts'
import { controllersWith } from '../../shared/controllers/index.ts'
import { usageSource } from '../../shared/metrics/source.ts'
import { UsageBook } from '../../shared/metrics/usage.ts'
import { MemoryNotes, type Notes } from '../../shared/store/notes.ts'
import { TestCluster } from './cluster.ts'

let cluster: TestCluster
let notes: MemoryNotes
let puts: Record<string, number>
let book: UsageBook
let others: Partial<MetricsSource>

const counted: Notes = {
  get: (topic, key) => notes.get(topic, key),
  list: (topic, prefix) => notes.list(topic, prefix),
  put(topic, key, value, expires) {
    puts[topic] = (puts[topic] ?? 0) + 1
    return notes.put(topic, key, value, expires)
  },
}

const noService = () => Promise.reject(new Error('there is no APIService here'))
const never: ApiServiceProbe = { check: noService, empty: noService }

beforeEach(async () => {
  puts = {}
  others = {}
  const now = () => cluster.clock.now()
  notes = new MemoryNotes(now)
  const metrics: MetricsSource = {
    ...usageSource(new UsageBook(counted, now), now),
    pods: (...args) => (others.pods ?? noMetrics.pods)(...args),
    object: (...args) => (others.object ?? noMetrics.object)(...args),
    external: (...args) => (others.external ?? noMetrics.external)(...args),
  }
  cluster = await TestCluster.start({
    controllers: controllersWith({ autoscaler: () => ({ metrics, notes: counted }), apiServices: () => never }),
  })
  book = new UsageBook(notes, now)
})
afterEach(() => cluster.stop())

async function replicaSet(name: string, replicas: number, labels: Record<string, string> = { app: name }): Promise<void> {
  const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu: '100m', memory: '100Mi' } } }]
  await cluster.create(REPLICA_SETS, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
  })
  await settle()
}

async function settle(): Promise<void> {
  do await cluster.calm()
  while ((await cluster.readyAll()) + (await cluster.reap()) > 0)
}

const utilization = (percent: number, name = 'cpu'): MetricSpec => ({
  type: 'Resource',
  resource: { name, target: { type: 'Utilization', averageUtilization: percent } },
})

async function autoscaler(name: string, spec: Partial<HorizontalPodAutoscaler['spec']> = {}): Promise<void> {
  await cluster.create(HORIZONTAL_POD_AUTOSCALERS, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web' },
      minReplicas: 1,
      maxReplicas: 5,
      metrics: [utilization(50)],
      ...spec,
    },
  })
}

/** Every agent reports, as long ago as its pod has run; then so many seconds pass. */
async function load(milliCores: number, seconds = 15): Promise<void> {
  for (let left = seconds; left > 0; left -= 15) {
    for (const { metadata, spec, status } of await cluster.activePods()) {
      if (status?.phase !== 'Running') continue
      const { namespace = '', name, uid = '' } = metadata
      const containers = spec.containers.map(container => ({
        name: container.name,
        nanoCores: milliCores * 1e6,
        memoryBytes: 10 * 1024 * 1024,
      }))
      await book.put({ namespace, name, uid, node: '', at: cluster.clock.now() + 1, window: 15_000, containers })
    }
    await cluster.pass(15)
    await settle()
  }
}

const read = (name = 'web') => cluster.get<HorizontalPodAutoscaler>(HORIZONTAL_POD_AUTOSCALERS, name)
const size = async () => (await cluster.get<ReplicaSet>(REPLICA_SETS, 'web')).spec?.replicas

async function conditions(name = 'web'): Promise<Record<string, string>> {
  const { status } = await read(name)
  return Object.fromEntries((status?.conditions ?? []).map(({ type, status, reason }) => [type, `${status} ${reason}`]))
}

async function said(name = 'web'): Promise<string[]> {
  const events = await cluster.list<Event>(EVENTS)
  return events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason, message }) => `${reason}: ${message}`)
}

/** Windows of nothing and no start-up, so that the ratio alone decides. */
const AT_ONCE = { scaleDown: { stabilizationWindowSeconds: 0 } }

describe('by use of CPU', () => {
  test('a set grows at once, to the maximum at most, and shrinks when its window is over', async () => {
    await replicaSet('web', 1)
    await autoscaler('web')
    await load(50, 300)
    await load(300)
    expect(await size()).toBe(4)
    await load(300, 30)
    expect(await size()).toBe(5)
    expect(await conditions()).toEqual({
      AbleToScale: 'True ReadyForNewScale',
      ScalingActive: 'True ValidMetricFound',
      ScalingLimited: 'True TooManyReplicas',
    })
    expect((await read()).status?.currentMetrics).toEqual([
      { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 300, averageValue: '300m' } } },
    ])
    await load(10, 270)
    expect(await size()).toBe(5)
    expect((await conditions()).AbleToScale).toBe('True ScaleDownStabilized')
    await load(10, 45)
    expect(await size()).toBe(1)
    expect(await said()).toEqual(
      expect.arrayContaining([
        'SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target',
        'SuccessfulRescale: New size: 1; reason: All metrics below target',
      ]),
    )
  })

  test('the window holds in a process that has seen nothing of it', async () => {
    await replicaSet('web', 2)
    await autoscaler('web')
    await cluster.pass(301)
    await load(100)
    expect(await size()).toBe(4)
    await load(5, 150)
    await cluster.restart()
    await load(5, 120)
    expect(await size()).toBe(4)
    await load(5, 60)
    expect(await size()).toBe(1)
  })

  test('the past is written down when it changes, and demand for figures every few minutes', async () => {
    await replicaSet('web', 2)
    await autoscaler('web')
    await load(50, 600)
    // The scale that was found, and what was recommended from then on.
    expect(puts['autoscaler-history']).toBe(2)
    expect(puts['usage-wanted']).toBeLessThanOrEqual(4)
  })

  test('memory and single containers count, too', async () => {
    await replicaSet('web', 1)
    const target = { type: 'AverageValue', averageValue: '5Mi' }
    await autoscaler('web', {
      behavior: AT_ONCE,
      metrics: [
        { type: 'Resource', resource: { name: 'memory', target } },
        {
          type: 'ContainerResource',
          containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 90 } },
        },
      ],
    })
    await load(1)
    expect(await size()).toBe(2)
    expect(await said()).toContain('SuccessfulRescale: New size: 2; reason: memory resource above target')
    await cluster.patch(HORIZONTAL_POD_AUTOSCALERS, 'web', {
      spec: {
        metrics: [
          {
            type: 'ContainerResource',
            containerResource: { name: 'cpu', container: 'x', target: { type: 'Utilization', averageUtilization: 90 } },
          },
        ],
      },
    })
    await load(1)
    const { status } = await read()
    expect(status?.conditions?.find(({ type }) => type === 'ScalingActive')).toMatchObject({
      status: 'False',
      reason: 'FailedGetContainerResourceMetric',
      message: expect.stringMatching(
        /^the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: container x not present in metrics for pod default\/web-/,
      ),
    })
  })
})

describe('without what it needs', () => {
  test('an autoscaler says why it does nothing', async () => {
    await replicaSet('web', 3)
    await replicaSet('idle', 0)
    await autoscaler('web')
    await autoscaler('none', { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'none' } })
    await autoscaler('kind', { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Nothing', name: 'x' } })
    await autoscaler('idle', { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'idle' } })
    await cluster.calm()
    expect(await conditions()).toEqual({ AbleToScale: 'True SucceededGetScale', ScalingActive: 'False FailedGetResourceMetric' })
    const failed = 'failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API'
    expect(await said()).toEqual(
      expect.arrayContaining([
        `FailedGetResourceMetric: ${failed}`,
        `FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${failed}`,
      ]),
    )
    expect(await conditions('none')).toEqual({ AbleToScale: 'False FailedGetScale' })
    expect(await said('kind')).toEqual(['FailedGetScale: no matches for kind "Nothing" in group "apps"'])
    expect(await conditions('idle')).toEqual({ AbleToScale: 'True SucceededGetScale', ScalingActive: 'False ScalingDisabled' })
    expect((await read()).status).toMatchObject({ currentReplicas: 3, desiredReplicas: 0 })
  })

  test('two of them that are after the same pods leave them alone, until one of them goes', async () => {
    await replicaSet('web', 1)
    await replicaSet('both', 1, { app: 'web', more: 'x' })
    await autoscaler('web', { behavior: AT_ONCE })
    await autoscaler('both', { behavior: AT_ONCE, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'both' } })
    await load(200, 30)
    expect(await size()).toBe(1)
    expect((await conditions()).ScalingActive).toBe('False AmbiguousSelector')
    expect(await said()).toContain(
      'AmbiguousSelector: pods by selector app=web are controlled by multiple HPAs: [default/both default/web]',
    )
    await cluster.client.delete(HORIZONTAL_POD_AUTOSCALERS, 'default', 'both')
    await load(200, 30)
    expect(await size()).toBeGreaterThan(1)
  })

  test('limits hold without any metric, and a target is found in whatever version it is named', async () => {
    await replicaSet('web', 7)
    await autoscaler('web', { scaleTargetRef: { apiVersion: 'apps/v7', kind: 'ReplicaSet', name: 'web' } })
    await settle()
    expect(await size()).toBe(5)
    expect(await said()).toContain('SuccessfulRescale: New size: 5; reason: Current number of replicas above Spec.MaxReplicas')
  })
})

describe('by other metrics', () => {
  const object = { apiVersion: 'v1', kind: 'Service', name: 'front' }
  const values: MetricSpec[] = [
    { type: 'Pods', pods: { metric: { name: 'rate' }, target: { type: 'AverageValue', averageValue: '10' } } },
    { type: 'Object', object: { metric: { name: 'hits' }, describedObject: object, target: { type: 'Value', value: '100' } } },
    {
      type: 'External',
      external: {
        metric: { name: 'depth', selector: { matchLabels: { queue: 'q' } } },
        target: { type: 'AverageValue', averageValue: '5' },
      },
    },
  ]

  test('the largest wish wins, and each is told in the status', async () => {
    await replicaSet('web', 2)
    others.pods = async (_, { pods }: PodsOfScale) =>
      new Map(pods.map(({ metadata }) => [metadata.name, { value: 12_500, at: cluster.clock.now(), window: 60_000 }]))
    others.object = async () => 90_000
    others.external = async () => [8_000, 10_000]
    await autoscaler('web', { behavior: AT_ONCE, metrics: values })
    await cluster.calm()
    expect(await size()).toBe(4)
    expect((await read()).status?.currentMetrics).toMatchObject([
      { type: 'Pods', pods: { metric: { name: 'rate' }, current: { averageValue: '12500m' } } },
      { type: 'Object', object: { describedObject: object, current: { value: '90' } } },
      { type: 'External', external: { current: { averageValue: '9' } } },
    ])
    expect(await said()).toContain(
      'SuccessfulRescale: New size: 4; reason: external metric depth(&LabelSelector{MatchLabels:map[string]string{queue: q,},MatchExpressions:[]LabelSelectorRequirement{},}) above target',
    )
  })

  test('an average of an object is named like an external metric, and does not say whose it is', async () => {
    await replicaSet('web', 2)
    others.object = async () => 30_000
    const average = { metric: { name: 'hits' }, describedObject: object, target: { type: 'AverageValue', averageValue: '10' } }
    await autoscaler('web', { behavior: AT_ONCE, metrics: [{ type: 'Object', object: average }] })
    await cluster.calm()
    expect((await read()).status?.currentMetrics).toEqual([
      { type: 'Object', object: { metric: { name: 'hits' }, describedObject: { kind: '', name: '' }, current: { averageValue: '15' } } },
    ])
    expect(await said()).toContain('SuccessfulRescale: New size: 3; reason: external metric hits(nil) above target')
  })

  test('what fails is said in short where it fails, and in full where all is summed up', async () => {
    await replicaSet('web', 2)
    await autoscaler('web', { metrics: values.slice(2) })
    await cluster.calm()
    const selector = '&LabelSelector{MatchLabels:map[string]string{queue: q,},MatchExpressions:[]LabelSelectorRequirement{},}'
    const why = `unable to get external metric default/depth/${selector}: unable to fetch metrics from external metrics API: the server could not find the requested resource (get depth.external.metrics.k8s.io)`
    expect((await said()).filter(text => text.startsWith('Failed')).sort()).toEqual([
      `FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get depth external metric value: failed to get depth external metric: ${why}`,
      `FailedGetExternalMetric: ${why}`,
    ])
    const active = (await read()).status?.conditions?.find(({ type }) => type === 'ScalingActive')
    expect(active?.message).toBe(`the HPA was unable to compute the replica count: ${why}`)
  })

  test('one that fails keeps the others from shrinking, not from growing', async () => {
    await replicaSet('web', 3)
    others.object = async () => 10_000
    await autoscaler('web', { behavior: AT_ONCE, metrics: values.slice(0, 2) })
    await cluster.calm()
    expect(await size()).toBe(3)
    expect((await conditions()).ScalingActive).toBe('False FailedGetPodsMetric')
    expect((await read()).status?.currentMetrics).toMatchObject([{ type: '' }, { type: 'Object', object: { current: { value: '10' } } }])
    const failed = `unable to get metric rate: ${CUSTOM_API}: no custom metrics API (custom.metrics.k8s.io) registered`
    expect(await said()).toContain(`FailedGetPodsMetric: ${failed}`)
    others.object = async () => 150_000
    await cluster.pass(15)
    expect(await size()).toBe(5)
    expect((await conditions()).ScalingActive).toBe('True ValidMetricFound')
  })
})

test('nothing is due without an autoscaler: one look every 15 seconds while there is one, and none after it', async () => {
  await replicaSet('web', 1)
  await cluster.calm()
  expect(cluster.clock.next).toBeUndefined()
  await autoscaler('web')
  await cluster.calm()
  let looks = 0
  const begin = cluster.clock.now()
  while (cluster.clock.now() < begin + 60_000) {
    const next = cluster.clock.next!
    cluster.clock.advance(next - cluster.clock.now())
    await cluster.calm()
    looks++
  }
  expect(looks).toBeLessThanOrEqual(5)
  await cluster.client.delete(HORIZONTAL_POD_AUTOSCALERS, 'default', 'web')
  await cluster.pass(16)
  expect(cluster.clock.next).toBeUndefined()
  const before = { ...puts }
  await cluster.pass(3600)
  expect(puts).toEqual(before)
})
