// Horizontal pod autoscaling: the rules alone.
import { describe, expect, test } from 'vitest'
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior } from '../../shared/api/autoscaling/v2.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { limit } from '../../shared/controllers/hpa/behavior.ts'
import { byAverage, byUtilization, byValue, byValuePerPod, groupPods, requestOf } from '../../shared/controllers/hpa/calculate.ts'
import {
  beginning,
  fromStored,
  type History,
  reachOf,
  toStored,
  withChange,
  withRecommendation,
} from '../../shared/controllers/hpa/history.ts'

const NOW = Date.UTC(2030, 0, 1)
const TOLERANCES = { up: 0.1, down: 0.1 }
const text = (at: number) => new Date(at).toISOString()

interface PodState {
  readonly phase?: string
  readonly ready?: boolean
  /** Milliseconds ago. */
  readonly started?: number
  readonly changed?: number
  readonly going?: boolean
}

const LONG_AGO = 3600_000

function pod(name: string, { phase = 'Running', ready = true, started = LONG_AGO, changed = started, going }: PodState = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...(going ? { deletionTimestamp: text(NOW) } : {}) },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '100m' } } }] },
    status: {
      phase,
      startTime: text(NOW - started),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: text(NOW - changed) }],
    },
  }
}

const figures = (values: Record<string, number>) =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, at: NOW, window: 15_000 }]))

describe('use against requests', () => {
  const ask = (values: Record<string, number>, pods: readonly Pod[], target: number, current = pods.length) => {
    const metrics = figures(values)
    return byUtilization(current, target, groupPods(pods, metrics, 'cpu', NOW), metrics, one => requestOf(one, 'cpu'), TOLERANCES)
  }
  const replicas = (...args: Parameters<typeof ask>) => ask(...args).replicas

  test('is followed by its ratio, beyond the tolerance, as whole percents', () => {
    expect(replicas({ a: 90, b: 110 }, [pod('a'), pod('b')], 50)).toBe(4)
    expect(replicas({ a: 52, b: 53 }, [pod('a'), pod('b')], 50)).toBe(2)
    expect(replicas({ a: 10, b: 10 }, [pod('a'), pod('b')], 50)).toBe(1)
    // 55.5 % is 55 %, which is within a tenth of 50.
    expect(ask({ a: 55, b: 56 }, [pod('a'), pod('b')], 50)).toEqual({ replicas: 2, utilization: 55, average: 55 })
  })

  test('of pods that are missing is guessed against the change: nothing on the way up, everything on the way down', () => {
    expect(replicas({ a: 150 }, [pod('a'), pod('b')], 50)).toBe(3)
    expect(replicas({ a: 20 }, [pod('a'), pod('b')], 50)).toBe(2)
    // Down from ten: nine that do nothing, and one of which nothing is known.
    const ten = 'abcdefghij'.split('').map(name => pod(name))
    const nine = Object.fromEntries('abcdefghi'.split('').map(name => [name, 0]))
    expect(replicas(nine, ten, 50)).toBe(2)
    // Exactly on target nothing is guessed.
    expect(replicas({ a: 50 }, [pod('a'), pod('b')], 50)).toBe(2)
    // Above 100 % a missing one is taken at the target.
    expect(replicas({ a: 100 }, [pod('a'), pod('b')], 200)).toBe(2)
  })

  test.each<[string, PodState, boolean]>([
    ['pending', { phase: 'Pending' }, false],
    ['not ready while it starts', { ready: false, started: 60_000 }, false],
    ['ready for less than the window while it starts', { started: 60_000, changed: 10_000 }, false],
    ['ready for the window while it starts', { started: 60_000, changed: 20_000 }, true],
    ['not ready since its first half minute', { ready: false, started: LONG_AGO, changed: LONG_AGO - 20_000 }, false],
    ['not ready any more', { ready: false, started: LONG_AGO, changed: 20_000 }, true],
  ])('counts for a pod that is %s: %s %s', (_, state, counts) => {
    const { ready, unready } = groupPods([pod('a', state)], figures({ a: 1 }), 'cpu', NOW)
    expect([ready.length, unready.length]).toEqual(counts ? [1, 0] : [0, 1])
  })

  test('takes unready pods as idle on the way up, and leaves them out on the way down', () => {
    const young = pod('b', { ready: false, started: 60_000 })
    expect(replicas({ a: 150, b: 500 }, [pod('a'), young], 50)).toBe(3)
    expect(replicas({ a: 80, b: 500 }, [pod('a'), young], 50)).toBe(2)
    expect(replicas({ a: 10, b: 500 }, [pod('a'), young], 50)).toBe(1)
  })

  test('drops pods that have failed or are going', () => {
    expect(replicas({ a: 100, b: 0, c: 0 }, [pod('a'), pod('b', { phase: 'Failed' }), pod('c', { going: true })], 50, 1)).toBe(2)
  })

  test('cannot be told without pods, figures or requests', () => {
    expect(() => ask({}, [], 50)).toThrow('no pods returned by selector while calculating replica count')
    expect(() => ask({}, [pod('a')], 50)).toThrow('did not receive metrics for targeted pods (pods might be unready)')
    expect(() => requestOf(pod('a'), 'memory')).toThrow('missing request for memory in container c of Pod a')
  })

  test('of one container is held against its request, of all against what the pod itself asks for if it does', () => {
    const two = pod('a')
    two.spec.containers.push({ name: 'side', image: 'i', resources: { requests: { cpu: '1' } } })
    expect([requestOf(two, 'cpu'), requestOf(two, 'cpu', 'side')]).toEqual([1100, 1000])
    two.spec.resources = { requests: { cpu: '3' } }
    expect([requestOf(two, 'cpu'), requestOf(two, 'cpu', 'side')]).toEqual([3000, 1000])
  })
})

describe('other targets', () => {
  test('an average for each pod', () => {
    const metrics = figures({ a: 3000, b: 1000 })
    const groups = groupPods([pod('a'), pod('b')], metrics, undefined, NOW)
    expect(byAverage(2, 1000, groups, metrics, TOLERANCES)).toEqual({ replicas: 4, average: 2000 })
  })

  test('a value for the whole scales the pods that are ready; from zero it starts as many as the ratio', () => {
    const pods = [pod('a'), pod('b'), pod('c', { ready: false })]
    expect(byValue(3, pods, 3000, 1500, TOLERANCES)).toBe(4)
    expect(byValue(3, pods, 1600, 1500, TOLERANCES)).toBe(3)
    expect(byValue(0, [], 3000, 1500, TOLERANCES)).toBe(2)
    expect(() => byValue(1, [], 3000, 1500, TOLERANCES)).toThrow('unable to calculate ready pods')
  })

  test('a value for each pod divides', () => {
    expect(byValuePerPod(3, 10_000, 2000, TOLERANCES)).toEqual({ replicas: 5, average: 3334 })
    expect(byValuePerPod(5, 10_500, 2000, TOLERANCES).replicas).toBe(5)
    expect(byValuePerPod(0, 3000, 2000, TOLERANCES)).toEqual({ replicas: 2, average: 3000 })
  })

  test('tolerances are of each direction', () => {
    const metrics = figures({ a: 1050 })
    const groups = groupPods([pod('a')], metrics, undefined, NOW)
    expect(byAverage(1, 1000, groups, metrics, { up: 0.01, down: 0.1 }).replicas).toBe(2)
    expect(byAverage(1, 1000, groups, metrics, TOLERANCES).replicas).toBe(1)
  })
})

const autoscaler = (behavior?: HorizontalPodAutoscalerBehavior, minReplicas = 1, maxReplicas = 20): HorizontalPodAutoscaler => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'h' },
  spec: { minReplicas, maxReplicas, scaleTargetRef: { kind: 'Deployment', name: 'd' }, behavior },
})

/** Looks every 15 s: what each asks for, and what the scale becomes. */
function play(hpa: HorizontalPodAutoscaler, from: number, asked: readonly number[]): { sizes: number[]; reasons: string[] } {
  let history = beginning(from, NOW)
  let current = from
  const sizes: number[] = []
  const reasons: string[] = []
  asked.forEach((wanted, look) => {
    const now = NOW + look * 15_000
    const { replicas, able, limited } = limit(hpa, current, wanted, history, now)
    history = withChange(withRecommendation(history, wanted, now, reachOf(hpa)), current, replicas, now)
    current = replicas
    sizes.push(replicas)
    reasons.push(`${able.reason} ${limited.reason}`)
  })
  return { sizes, reasons }
}

describe('without rules of its own', () => {
  test('an autoscaler doubles at most, or goes to four', () => {
    expect(play(autoscaler(), 1, [50, 50, 50, 50])).toEqual({
      sizes: [4, 8, 16, 20],
      reasons: [...Array(3).fill('ReadyForNewScale ScaleUpLimit'), 'ReadyForNewScale TooManyReplicas'],
    })
  })

  test('it shrinks to the most that was asked for in five minutes, the scale that it found among it', () => {
    const { sizes, reasons } = play(autoscaler(), 5, [...Array(10).fill(3), ...Array(20).fill(1)])
    expect(sizes.slice(0, 20)).toEqual(Array(20).fill(5))
    expect(sizes.slice(20, 29)).toEqual(Array(9).fill(3))
    expect(sizes[29]).toBe(1)
    expect(reasons[5]).toBe('ScaleDownStabilized DesiredWithinRange')
  })

  test('it stays within its bounds', () => {
    expect(limit(autoscaler(undefined, 2), 4, 0, { recommendations: [], ups: [], downs: [] }, NOW)).toMatchObject({
      replicas: 2,
      limited: { status: 'True', reason: 'TooFewReplicas' },
    })
  })
})

describe('with rules', () => {
  const down0 = { scaleDown: { stabilizationWindowSeconds: 0 } }

  test('the defaults add four or double', () => {
    expect(play(autoscaler({ scaleUp: {} }), 1, [50, 50, 50]).sizes).toEqual([5, 10, 20])
  })

  test('policies count what was changed within their period; the largest or the least wins, or none', () => {
    const policies = [
      { type: 'Pods', value: 2, periodSeconds: 60 },
      { type: 'Percent', value: 50, periodSeconds: 60 },
    ]
    expect(play(autoscaler({ scaleUp: { policies } }), 10, Array(5).fill(20)).sizes).toEqual([15, 15, 15, 15, 20])
    expect(play(autoscaler({ scaleUp: { policies, selectPolicy: 'Min' } }), 10, Array(5).fill(20)).sizes).toEqual([12, 12, 12, 12, 14])
    expect(play(autoscaler({ scaleUp: { selectPolicy: 'Disabled' } }), 10, [20])).toEqual({
      sizes: [10],
      reasons: ['ReadyForNewScale ScaleUpLimit'],
    })
    const slow = { scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 10, periodSeconds: 15 }] } }
    expect(play(autoscaler(slow), 20, [1, 1, 1])).toEqual({
      sizes: [18, 16, 14],
      reasons: Array(3).fill('ReadyForNewScale ScaleDownLimit'),
    })
  })

  test('a window of each direction holds to the least or the most within it', () => {
    const up60 = { scaleUp: { stabilizationWindowSeconds: 60 }, ...down0 }
    const { sizes, reasons } = play(autoscaler(up60), 1, [3, 3, 3, 3, 3])
    expect(sizes).toEqual([1, 1, 1, 1, 3])
    expect(reasons[0]).toBe('ScaleUpStabilized DesiredWithinRange')
    expect(play(autoscaler(down0), 8, [1]).sizes).toEqual([1])
    expect(play(autoscaler({ scaleDown: { stabilizationWindowSeconds: 30 } }), 8, [5, 5, 1, 1]).sizes).toEqual([8, 8, 5, 1])
  })
})

describe('what is kept of the past', () => {
  test('is as little as the least and the most within any window need', () => {
    let history: History = beginning(5, NOW)
    const reach = reachOf(autoscaler())
    ;[2, 3, 4, 3, 3].forEach((replicas, look) => {
      history = withRecommendation(history, replicas, NOW + (look + 1) * 15_000, reach)
    })
    expect(history.recommendations).toEqual([
      { at: NOW, replicas: 5 },
      { at: NOW + 15_000, replicas: 2 },
      { at: NOW + 45_000, replicas: 4 },
      { at: NOW + 75_000, replicas: 3 },
    ])
    expect(withRecommendation(history, 3, NOW + 400_000, reach).recommendations).toEqual([{ at: NOW + 400_000, replicas: 3 }])
  })

  test('is stored the same while the same is recommended, and read as given at the last look', () => {
    const reach = reachOf(autoscaler())
    const first = withRecommendation(beginning(5, NOW), 2, NOW + 15_000, reach)
    const second = withRecommendation(first, 2, NOW + 30_000, reach)
    expect(toStored(second)).toEqual(toStored(first))
    expect(fromStored(toStored(first), NOW + 30_000)).toEqual(second)
  })

  test('gives the same sizes when every look is another process', () => {
    const seed = Date.now() % 1e9
    let state = seed
    const random = (below: number) => {
      state = (state * 48271) % 2147483647
      return state % below
    }
    for (let game = 0; game < 200; game++) {
      const hpa = autoscaler(
        random(2)
          ? undefined
          : {
              scaleUp: {
                stabilizationWindowSeconds: random(4) * 15,
                policies: [{ type: 'Pods', value: 1 + random(5), periodSeconds: 15 * (1 + random(6)) }],
              },
              scaleDown: { stabilizationWindowSeconds: random(6) * 15 },
            },
      )
      const reach = reachOf(hpa)
      const asked = Array.from({ length: 40 }, () => random(8) + 1)
      let [kept, whole] = [beginning(3, NOW), beginning(3, NOW)]
      let [a, b] = [3, 3]
      asked.forEach((wanted, look) => {
        const now = NOW + look * 15_000
        // One that forgets nothing, and one that is written down and read again at every look.
        const free = limit(hpa, a, wanted, whole, now)
        whole = withChange({ ...whole, recommendations: [...whole.recommendations, { at: now, replicas: wanted }] }, a, free.replicas, now)
        a = free.replicas
        const read = look === 0 ? kept : fromStored(toStored(kept), now - 15_000)
        const told = limit(hpa, b, wanted, read, now)
        kept = withChange(withRecommendation(read, wanted, now, reach), b, told.replicas, now)
        b = told.replicas
        expect([game, look, b], `seed ${seed}`).toEqual([game, look, a])
      })
    }
  })
})
