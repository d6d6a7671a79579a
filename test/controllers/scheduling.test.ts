// The scheduler's decisions, without a cluster.
import { expect, test } from 'vitest'
import { cpu, node, nodeOf, place, pod } from './scheduling.ts'

test('a thousand pods are placed in one pass, each seeing those before it', () => {
  const nodes = Array.from({ length: 10 }, (_, i) => node(`n${i}`, { cpu: '10', memory: '100Gi', pods: '200' }))
  const decisions = place(
    Array.from({ length: 1010 }, (_, i) => pod(`p${i}`, cpu('100m'))),
    nodes,
  )
  const counts = Map.groupBy(decisions, nodeOf)
  expect([...nodes.map(({ metadata }) => counts.get(metadata.name)?.length)]).toEqual(Array.from({ length: 10 }, () => 100))
  const left = counts.get('fail') ?? []
  expect(left.length).toBe(10)
  expect(new Set(left.map(decision => decision.kind === 'fail' && decision.message)).size).toBe(1)
})

test('the work of a pass grows with the pods, not with their square, even when they look at each other', () => {
  const reads = (count: number): number => {
    let looked = 0
    const pods = Array.from({ length: count }, (_, i) => {
      const p = pod(`p${i}`, {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'kubernetes.io/hostname',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { app: 'x' } },
          },
        ],
      })
      const labels = { app: 'x' }
      Object.defineProperty(p.metadata, 'labels', {
        enumerable: true,
        get() {
          looked++
          return labels
        },
      })
      return p
    })
    const decisions = place(pods, [node('a', { pods: '9999' }), node('b', { pods: '9999' })])
    expect(decisions.every(({ kind }) => kind === 'bind')).toBe(true)
    return looked
  }
  expect(reads(400) / reads(200)).toBeLessThan(2.5)
})

test('every node tells its first reason, and equal ones are counted', () => {
  const taint = { taints: [{ key: 'x', effect: 'NoSchedule' }] }
  const nodes = [
    node('a', { cpu: '1' }),
    node('b', { cpu: '1', memory: '1Gi' }),
    node('c', {}, { spec: taint }),
    node('d', {}, { spec: { unschedulable: true } }),
  ]
  const [decision] = place([pod('p', { containers: [{ name: 'c', resources: { requests: { cpu: '2', memory: '2Gi' } } }] })], nodes)
  expect(decision).toMatchObject({
    kind: 'fail',
    message:
      '0/4 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable, 2 Insufficient cpu. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.',
  })
})

test('the more important pods come first, whenever they came', () => {
  const [first, second] = place([pod('low', { ...cpu('3'), priority: 1 }), pod('high', { ...cpu('3'), priority: 9 })], [node('a')])
  expect([first?.pod.metadata.name, nodeOf(first), nodeOf(second)]).toEqual(['high', 'a', 'fail'])
})

test('pods of one set are kept apart by anti-affinity, within one pass too', () => {
  const apart = {
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { labelSelector: { matchLabels: { app: 'x' } }, topologyKey: 'kubernetes.io/hostname' },
        ],
      },
    },
  }
  const decisions = place(
    [1, 2, 3].map(i => pod(`p${i}`, apart, { app: 'x' })),
    [node('a'), node('b')],
  )
  expect(decisions.map(nodeOf).sort()).toEqual(['a', 'b', 'fail'])
})

test('victims are the least important that make room, and nobody else is put in their place meanwhile', () => {
  const running = [
    { ...pod('mid', { ...cpu('1500m'), priority: 5, nodeName: 'a' }) },
    { ...pod('low', { ...cpu('1500m'), priority: 1, nodeName: 'a' }) },
  ]
  const decisions = place([pod('high', { ...cpu('2'), priority: 9 }), pod('late', { ...cpu('500m'), priority: 0 })], [node('a')], running)
  expect(decisions[0]).toMatchObject({ kind: 'preempt', node: 'a' })
  expect(decisions[0]?.kind === 'preempt' && decisions[0].victims.map(({ metadata }) => metadata.name)).toEqual(['low'])
  expect(nodeOf(decisions[1])).toBe('a')
})

test('a pod that waits for its victims says nothing new', () => {
  const going = pod('low', { ...cpu('3'), priority: 1, nodeName: 'a' })
  going.metadata.deletionTimestamp = '2030-01-01T00:00:00Z'
  going.status = { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] }
  const high = pod('high', { ...cpu('3'), priority: 9 })
  high.status = { nominatedNodeName: 'a' }
  expect(place([high], [node('a')], [going])[0]?.kind).toBe('wait')
})
