// Which of several nodes a pod gets, whom it may push aside, and who comes first.
import { describe, expect, test } from 'vitest'
import type { Node, Pod } from '../../shared/api/core/v1.ts'
import type { PodDisruptionBudget } from '../../shared/api/policy/v1.ts'
import type { LabelSelector } from '../../shared/apimachinery/types.ts'
import { podInfo } from '../../shared/scheduling/pod-info.ts'
import { imageStates, scoreNodes } from '../../shared/scheduling/scores.ts'
import { Snapshot } from '../../shared/scheduling/snapshot.ts'
import { asks, cpu, fate, node, nodeOf, place, pod } from './scheduling.ts'

const scores = (p: Pod, nodes: Node[], running: Pod[] = [], siblings?: LabelSelector): number[] => {
  const snapshot = new Snapshot(nodes, running)
  return scoreNodes(podInfo(p), snapshot.nodes, { snapshot, siblings: () => siblings, images: imageStates(snapshot.nodes) })
}
/** Each node's score, less the one that any node gets for having no taints. */
const less = (p: Pod, nodes: Node[], running: Pod[] = [], siblings?: LabelSelector) =>
  scores(p, nodes, running, siblings).map(score => score - 300)

describe('scores', () => {
  const one = { cpu: '1', memory: '1000Mi' }
  test('free room counts, and whether the pod makes the use of CPU and memory more alike', () => {
    const p = pod('p', asks({ cpu: '500m', memory: '500Mi' }))
    // Half of each: 50, and as alike as before: 75.
    expect(less(p, [node('a', one)])).toEqual([125])
    // All of the CPU, half of the memory: 25; from 25 apart to 25 apart: 75.
    expect(less(p, [node('a', one)], [pod('r', { ...cpu('500m'), nodeName: 'a' })])).toEqual([Math.floor((0 + 30) / 2) + 75])
    // It evens out what was uneven: from 75 to 100 alike.
    expect(less(pod('p', asks({ memory: '500Mi' })), [node('a', one)], [pod('r', { ...cpu('500m'), nodeName: 'a' })])).toEqual([
      Math.floor((40 + 30) / 2) + 87,
    ])
  })
  test('a pod that asks for neither CPU nor memory evens nothing out', () => {
    const p = pod('p', asks({ 'example.com/gpu': '1' }))
    expect(less(p, [node('a', { cpu: '1', memory: '1000Mi', 'example.com/gpu': '1' })])).toEqual([Math.floor((90 + 80) / 2)])
  })
  test('images of volumes count as images of containers do', () => {
    const image = { names: ['r/big:1'], sizeBytes: 1000 * 1024 * 1024 }
    const nodes = [node('a', {}, { images: [image] }), node('b')]
    const [a, b] = scores(pod('p', { volumes: [{ name: 'v', image: { reference: 'r/big:1' } }] }), nodes)
    expect(a! - b!).toBe(Math.floor((100 * (500 - 23)) / (2000 - 23)))
  })
  test('wishes are shared out from the least to the most, as Go counts', () => {
    const wish = (weight: number, value: string) => ({
      weight,
      podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: value } } },
    })
    const p = pod('p', {
      affinity: { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [wish(29, 'x'), wish(100, 'y')] } },
    })
    const at = (name: string, app: string) => pod(`r${name}`, { nodeName: name }, { app })
    const nodes = [node('a'), node('b'), node('c')]
    const [a, , c] = scores(p, nodes, [at('a', 'x'), at('b', 'y'), at('c', 'z')])
    // 100 * (29 / 100) is a little less than 29.
    expect(a! - c!).toBe(2 * 28)
  })
  test('nodes without a zone are a zone of their own for pods that are spread without being told', () => {
    const siblings = { matchLabels: { app: 'x' } }
    const zoned = (name: string) => node(name, {}, { labels: { 'topology.kubernetes.io/zone': 'z' } })
    const at = (name: string, nodeName: string) => pod(name, { nodeName }, { app: 'x' })
    const nodes = [zoned('a'), node('b')]
    const running = [at('r', 'a'), at('s', 'b'), at('t', 'b'), at('u', 'b')]
    const [a, b] = scores(pod('p', {}, { app: 'x' }), nodes, running, siblings)
    // a: one on the host (log 4 + 2) and one in the zone (log 4 + 4), b: three on the host: 9 and 6.
    const spread = [Math.floor((100 * (9 + 6 - 9)) / 9), Math.floor((100 * (9 + 6 - 6)) / 9)]
    const room = scores(pod('p'), nodes, running)
    expect([a! - room[0]!, b! - room[1]!]).toEqual(spread.map(score => 2 * score))
  })
})

describe('the more important', () => {
  const on = (nodeName: string, amount: string, priority: number, more: object = {}) => ({ ...cpu(amount), nodeName, priority, ...more })
  const high = (amount: string) => pod('high', { ...cpu(amount), priority: 1000 })
  const victims = (nodes: Node[], running: Pod[], amount = '3', budgets: PodDisruptionBudget[] = []) => {
    const [decision] = place([high(amount)], nodes, running, { budgets })
    return decision?.kind === 'preempt' ? [decision.node, ...decision.victims.map(({ metadata }) => metadata.name)] : nodeOf(decision)
  }
  const two = [node('a'), node('b')]

  test('says of each node why even the going of all others would not help', () => {
    const nodes = [node('a'), node('b'), node('c', { cpu: '1' })]
    const running = [pod('r', on('a', '2', 2000)), pod('s', on('a', '1', 1)), pod('t', on('b', '3', 2000))]
    expect(fate(high('3'), nodes, running)).toBe(
      '0/3 nodes are available: 3 Insufficient cpu. no new claims to deallocate, preemption: 0/3 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
    )
  })
  test('takes the node whose most important victim is least important, then with the smaller sum, then with fewer', () => {
    const r = pod('r', on('a', '4', 5))
    const of = (...priorities: [number, number]) => [pod('s', on('b', '2', priorities[0])), pod('t', on('b', '2', priorities[1]))]
    expect(victims(two, [r, ...of(4, 4)], '4')).toEqual(['b', 's', 't'])
    expect(victims(two, [r, ...of(6, 1)], '4')).toEqual(['a', 'r'])
    // One victim is a smaller sum than two.
    expect(victims(two, [r, ...of(5, 1)], '4')).toEqual(['a', 'r'])
    expect(victims(two, [pod('r', on('a', '2', 5)), pod('u', on('a', '2', 5)), ...of(5, 4)], '4')).toEqual(['b', 's', 't'])
  })
  test('and then the one whose victims began last', () => {
    const since = (name: string, nodeName: string, startTime: string) => pod(name, on(nodeName, '3', 5), {}, { startTime })
    expect(victims(two, [since('r', 'a', '2030-01-02T00:00:00Z'), since('s', 'b', '2030-01-01T00:00:00Z')])).toEqual(['a', 'r'])
    expect(victims(two, [since('r', 'a', '2030-01-01T00:00:00Z'), since('s', 'b', '2030-01-02T00:00:00Z')])).toEqual(['b', 's'])
  })
  test('spares those in budgets, unless the budget selects nothing in particular', () => {
    const budget = (selector: object) =>
      ({ metadata: { name: 'b', namespace: 'a' }, spec: { selector }, status: { disruptionsAllowed: 0 } }) as unknown as PodDisruptionBudget
    const unlabelled = pod('s', on('b', '3', 2))
    delete unlabelled.metadata.labels
    const running = [pod('r', on('a', '3', 1), { app: 'x' }), unlabelled]
    expect(victims(two, running, '3', [budget({ matchLabels: { app: 'x' } })])).toEqual(['b', 's'])
    expect(victims(two, running, '3', [budget({})])).toEqual(['a', 'r'])
  })
  test('waits for those it made go, not for others that happen to go', () => {
    const going = (reason: string) => {
      const p = pod('r', on('a', '3', 1), {}, { conditions: [{ type: 'DisruptionTarget', status: 'True', reason }] })
      p.metadata.deletionTimestamp = '2030-01-01T00:00:00Z'
      return p
    }
    const nominated = pod('high', { ...cpu('3'), priority: 1000 }, {}, { nominatedNodeName: 'a' })
    expect(place([nominated], [node('a')], [going('PreemptionByScheduler')])[0]?.kind).toBe('wait')
    expect(place([nominated], [node('a')], [going('EvictionByEvictionAPI')])[0]?.kind).toBe('preempt')
    const cordoned = node('a', {}, { spec: { unschedulable: true } })
    expect(place([nominated], [cordoned], [going('PreemptionByScheduler')])[0]?.kind).toBe('fail')
  })
  test('keeps the room that was made for it before others of its priority', () => {
    const first = pod('first', { ...cpu('3'), priority: 5 })
    const nominated = pod('nominated', { ...cpu('3'), priority: 5 }, {}, { nominatedNodeName: 'a' })
    nominated.metadata.creationTimestamp = '2030-01-01T00:00:05Z'
    expect(place([first, nominated], [node('a')]).map(d => [d.pod.metadata.name, nodeOf(d)])).toEqual([
      ['nominated', 'a'],
      ['first', 'fail'],
    ])
  })
  test('forgets its nomination when no node can be made room on, and not when it may not ask', () => {
    const said = (spec: object) => {
      const [decision] = place([pod('p', { ...cpu('9'), ...spec }, {}, { nominatedNodeName: 'a' })], [node('a')])
      return decision?.kind === 'fail' && (decision.keepsNomination ?? false)
    }
    expect(said({ priority: 5 })).toBe(false)
    expect(said({ priority: 5, preemptionPolicy: 'Never' })).toBe(true)
  })
})
