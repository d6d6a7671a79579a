// Rules without a cluster around them.
import { describe, expect, test } from 'vitest'
import type { Deployment, ReplicaSet } from '../../shared/api/apps/v1.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { slowStart } from '../../shared/controllers/bursts.ts'
import { dueTime, parseSchedule, ScheduleError, ZoneError } from '../../shared/controllers/cronjob/schedule.ts'
import { inZone } from '../../shared/controllers/cronjob/zone.ts'
import { maxSurge, maxUnavailable } from '../../shared/controllers/deployment/limits.ts'
import { newSetAnnotations, REVISION, REVISION_HISTORY } from '../../shared/controllers/deployment/revisions.ts'
import { type PodCounts, rollingStep, type Sizes, scaleSizes } from '../../shared/controllers/deployment/scaling.ts'
import { planSlices } from '../../shared/controllers/endpoints/slices.ts'
import { canonical, equal } from '../../shared/controllers/equality.ts'
import { fnv32a, hashOf, safeEncode } from '../../shared/controllers/hash.ts'
import { Indexes } from '../../shared/controllers/job/indexes.ts'
import { deletionOrder } from '../../shared/controllers/rank.ts'
import { evictionTime } from '../../shared/controllers/tainteviction.ts'

describe('hashes of templates', () => {
  test('FNV-1a of 32 bits, in letters and digits that spell nothing', () => {
    expect(fnv32a('')).toBe(0x811c9dc5)
    expect(fnv32a('a')).toBe(0xe40c292c)
    expect(fnv32a('foobar')).toBe(0xbf9cf968)
    expect(safeEncode('0123456789')).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{10}$/)
  })
  test('do not depend on the order of members, but on each of them and on collisions', () => {
    expect(hashOf({ a: 1, b: { c: 2, d: 3 } })).toBe(hashOf({ b: { d: 3, c: 2 }, a: 1 }))
    expect(hashOf({ a: 1 })).not.toBe(hashOf({ a: 2 }))
    expect(hashOf({ a: 1 }, 1)).not.toBe(hashOf({ a: 1 }))
    expect(canonical({ b: 1, a: undefined })).toBe('{"b":1}')
    expect(equal({ a: 1, b: undefined }, { a: 1 })).toBe(true)
    expect(equal([1, 2], [2, 1])).toBe(false)
  })
})

const deployment = (replicas: number, surge: number | string, unavailable: number | string): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas,
    selector: {},
    template: {},
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
  },
})

const set = (name: string, replicas: number, available: number, max?: number): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: {
    name,
    creationTimestamp: '2030-01-01T00:00:00Z',
    annotations: max === undefined ? {} : { 'deployment.kubernetes.io/max-replicas': String(max) },
  },
  spec: { replicas, selector: {} },
  status: { replicas, availableReplicas: available },
})

const asSaid: PodCounts = { active: ({ status }) => status?.replicas ?? 0, available: ({ status }) => status?.availableReplicas ?? 0 }
const sizes = (steps: Sizes) => Object.fromEntries(steps.map(([{ metadata }, size]) => [metadata.name, size]))

describe('rolling updates', () => {
  test.each([
    [10, '25%', '25%', 3, 2],
    [3, '10%', '10%', 1, 0],
    [3, 0, '10%', 0, 1],
    [1, '25%', '25%', 1, 0],
    [2, 0, 5, 0, 2],
    [0, 1, 1, 1, 0],
  ])('of %s pods may surge by %s and miss %s', (replicas, surge, unavailable, most, least) => {
    expect([maxSurge(deployment(replicas, surge, unavailable)), maxUnavailable(deployment(replicas, surge, unavailable))]).toEqual([
      most,
      least,
    ])
  })

  test('the new set grows first, the old one shrinks as new pods become available', () => {
    const d = deployment(3, 1, 0)
    expect(sizes(rollingStep(d, set('new', 0, 0), [set('old', 3, 3)], asSaid))).toEqual({ new: 1 })
    expect(sizes(rollingStep(d, set('new', 1, 0), [set('old', 3, 3)], asSaid))).toEqual({})
    expect(sizes(rollingStep(d, set('new', 1, 1), [set('old', 3, 3)], asSaid))).toEqual({ old: 2 })
    expect(sizes(rollingStep(d, set('new', 3, 3), [set('old', 0, 0)], asSaid))).toEqual({})
  })

  test('old pods that serve nobody are given up before others', () => {
    const steps = rollingStep(deployment(4, 1, 1), set('new', 1, 0), [set('a', 2, 2), set('b', 2, 0)], asSaid)
    expect(sizes(steps)).toEqual({ b: 1 })
  })

  test('a pod that is still to be deleted is not counted on, and takes room', () => {
    // The old set was shrunk to 2, but its third pod is still there.
    const old = { ...set('old', 2, 3), status: { replicas: 3, availableReplicas: 3 } }
    expect(sizes(rollingStep(deployment(3, 1, 0), set('new', 1, 1), [old], asSaid))).toEqual({})
  })

  test('scaling in between is shared out in proportion', () => {
    const d = deployment(15, 3, 2)
    expect(sizes(scaleSizes(d, set('new', 5, 0, 13), [set('old', 8, 8, 13)]))).toEqual({ old: 11, new: 7 })
    expect(sizes(scaleSizes({ ...d, spec: { ...d.spec, replicas: 0 } }, set('new', 5, 0, 13), [set('old', 8, 8, 13)]))).toEqual({
      old: 0,
      new: 0,
    })
    expect(sizes(scaleSizes(d, set('new', 4, 4), [set('old', 0, 0)]))).toEqual({ new: 15 })
  })

  test('a set that is taken up again remembers its earlier revisions', () => {
    const once = newSetAnnotations(deployment(1, 1, 0), { [REVISION]: '1' }, 3)
    expect(once).toEqual({ [REVISION]: '3', [REVISION_HISTORY]: '1' })
    expect(newSetAnnotations(deployment(1, 1, 0), once, 5)).toEqual({ [REVISION]: '5', [REVISION_HISTORY]: '1,3' })
    expect(newSetAnnotations(deployment(1, 1, 0), once, 3)).toEqual(once)
  })
})

const pod = (name: string, spec: object = {}, status: object = {}, metadata: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, uid: name, ...metadata },
    spec: { containers: [{ name: 'c' }], ...spec },
    status,
  }) as Pod

describe('which pods go first', () => {
  const now = Date.UTC(2030, 0, 2)
  const ready = (secondsAgo: number) => ({
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: new Date(now - secondsAgo * 1000).toISOString() }],
  })
  const order = (pods: Pod[], related: Pod[] = []) => deletionOrder(pods, related, now).map(({ metadata }) => metadata.name)

  test('unassigned, then pending, then unready, then cheap, then crowded, then young, then restarted', () => {
    const on = (node: string) => ({ nodeName: node })
    const cost = { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-1' } }
    const pods = [
      pod('old', on('n1'), ready(5000)),
      pod('young', on('n2'), ready(5)),
      pod('crowded', on('n3'), ready(5000)),
      pod('cheap', on('n4'), ready(5000), cost),
      pod('unready', on('n5'), { phase: 'Running' }),
      pod('pending', on('n6'), { phase: 'Pending' }),
      pod('unassigned'),
    ]
    const related = [pod('x', on('n3')), pod('y', on('n3'))]
    expect(order(pods, related)).toEqual(['unassigned', 'pending', 'unready', 'cheap', 'crowded', 'young', 'old'])
  })
})

test('of pods whose containers restarted as often, the one whose sidecar restarted more goes first', () => {
  const restarted = (name: string, times: number) =>
    pod(
      name,
      { nodeName: name, initContainers: [{ name: 'side', restartPolicy: 'Always' }, { name: 'init' }] },
      {
        phase: 'Running',
        containerStatuses: [{ name: 'c', restartCount: 1 }],
        initContainerStatuses: [
          { name: 'side', restartCount: times },
          { name: 'init', restartCount: 9 - times },
        ],
      },
    )
  expect(deletionOrder([restarted('a', 1), restarted('b', 2)], [], 0).map(({ metadata }) => metadata.name)).toEqual(['b', 'a'])
})

describe('indexes of a Job', () => {
  test('are written as upstream writes them', () => {
    expect(String(Indexes.of([3, 1, 2, 7, 8, 5]))).toBe('1-3,5,7,8')
    expect(String(Indexes.parse('0-2,4,7-9', 8))).toBe('0-2,4,7')
    expect(Indexes.of([0, 2, 3]).firstMissing(3, 6)).toEqual([1, 4, 5])
    expect(Indexes.of([0, 2, 3]).firstMissing(9, 4)).toEqual([1])
    expect(Indexes.parse('0-9', 100).overlap(Indexes.parse('5,8-12', 100))).toBe(3)
    expect(Indexes.parse('1-3,5', 9).has(4)).toBe(false)
    expect(Indexes.parse('1-3,5', 9).has(5)).toBe(true)
    expect(String(Indexes.of([0, 1]).union(Indexes.of([2])))).toBe('0-2')
  })
})

describe('schedules', () => {
  const at = (text: string) => Date.parse(text)
  test('know the next and the last time, in their zone', () => {
    const tokyo = parseSchedule('30 3 * * *', 'Asia/Tokyo')
    expect(tokyo.next(at('2030-01-01T00:00:00Z'))).toBe(at('2030-01-01T18:30:00Z'))
    expect(tokyo.last(at('2030-01-01T18:30:00Z'), 0)).toBe(at('2030-01-01T18:30:00Z'))
    expect(tokyo.last(at('2030-01-01T18:29:59Z'), 0)).toBe(at('2029-12-31T18:30:00Z'))
    expect(inZone(at('2030-01-01T18:30:00Z'), 'Asia/Tokyo')).toBe('2030-01-02T03:30:00+09:00')
    expect(inZone(at('2030-07-01T00:00:00Z'), 'America/New_York')).toBe('2030-06-30T20:00:00-04:00')
    expect(parseSchedule('TZ=Asia/Tokyo 0 0 * * *', undefined).next(at('2030-01-01T00:00:00Z'))).toBe(at('2030-01-01T15:00:00Z'))
    expect(parseSchedule('@every 90m', undefined).next(at('2030-01-01T00:00:30Z'))).toBe(at('2030-01-01T01:30:30Z'))
    expect(() => parseSchedule('61 * * * *', undefined)).toThrow(ScheduleError)
    expect(() => parseSchedule('0 0 * * *', 'Mars/Base')).toThrow(ZoneError)
  })
  const runs = (text: string, zone: string | undefined, from: string, count = 3) => {
    const schedule = parseSchedule(text, zone)
    const times: string[] = []
    for (let time = schedule.next(at(from)); time !== undefined && times.length < count; time = schedule.next(time))
      times.push(new Date(time).toISOString().slice(5, 16))
    return times
  }
  test.each([
    ['a step from a number goes on to the end', '5/15 * * * *', ['03-08T06:35', '03-08T06:50', '03-08T07:05']],
    ['every day of the month is no day of it, even as a step of one', '0 0 */1 * 1', ['03-09T00:00', '03-16T00:00', '03-23T00:00']],
    ['a range over all of them is one', '0 0 1-31 * 1', ['03-09T00:00', '03-10T00:00', '03-11T00:00']],
    ['of two kinds of days either will do', '0 0 1,15 * wed', ['03-11T00:00', '03-15T00:00', '03-18T00:00']],
    ['names have no case, and ranges', '0 0 * JAN-mar Sat-6', ['03-14T00:00', '03-21T00:00', '03-28T00:00']],
    ['nothing between two commas is nothing', '0,,30 12 ? * ?', ['03-08T12:00', '03-08T12:30', '03-09T12:00']],
    ['the week begins on Sunday', '@weekly', ['03-15T00:00', '03-22T00:00', '03-29T00:00']],
    ['a leap day is waited for', '0 0 29 2 *', ['02-29T00:00', '02-29T00:00', '02-29T00:00']],
    ['a day that never comes', '59 23 31 2 *', []],
    ['a pace has no clock', '@every 1h30m', ['03-08T08:00', '03-08T09:30', '03-08T11:00']],
  ])('%s', (_, text, times) => expect(runs(text, undefined, '2026-03-08T06:30:00Z')).toEqual(times))
  test('of less than a second is a second', () => {
    expect(parseSchedule('@every 10ms', undefined).next(5_000)).toBe(6_000)
    expect(parseSchedule('@every 1.9s', undefined).next(5_300)).toBe(6_000)
  })
  test('a time that the clock skips does not come that day, and one that it shows twice comes twice', () => {
    const [newYork, havana, saoPaulo] = ['America/New_York', 'America/Havana', 'America/Sao_Paulo']
    expect(runs('30 2 * * *', newYork, '2026-03-07T12:00:00Z', 2)).toEqual(['03-09T06:30', '03-10T06:30'])
    expect(runs('30 1 * * *', newYork, '2026-10-31T12:00:00Z')).toEqual(['11-01T05:30', '11-01T06:30', '11-02T06:30'])
    expect(runs('0 0 * * *', havana, '2026-10-31T12:00:00Z')).toEqual(['11-01T04:00', '11-01T05:00', '11-02T05:00'])
    expect(runs('0 0 * * 0', saoPaulo, '2018-10-29T12:00:00Z', 2)).toEqual(['11-11T02:00', '11-18T02:00'])
    expect(runs('0 12 * * *', 'Australia/Lord_Howe', '2026-10-02T12:00:00Z', 2)).toEqual(['10-03T01:30', '10-04T01:00'])
  })
  test('the last of times that come in bursts is found', () => {
    const burst = parseSchedule('0,1 0 1 1 *', undefined)
    expect(dueTime(burst, at('2029-12-31T00:00:00Z'), at('2030-01-02T00:00:00Z'))?.time).toBe(at('2030-01-01T00:01:00Z'))
    const paced = parseSchedule('@every 7m', undefined)
    expect(dueTime(paced, at('2030-01-01T00:00:00Z'), at('2030-01-01T00:22:00Z'))?.time).toBe(at('2030-01-01T00:21:00Z'))
  })
  test('of many missed times only the last is due', () => {
    const minutely = parseSchedule('* * * * *', undefined)
    const now = at('2030-01-02T00:00:30Z')

    expect(dueTime(minutely, now - 60_000, now)).toEqual({ time: at('2030-01-02T00:00:00Z'), tooMany: false })
    expect(dueTime(minutely, now - 100 * 60_000, now)).toEqual({ time: at('2030-01-02T00:00:00Z'), tooMany: false })
    expect(dueTime(minutely, now - 102 * 60_000, now)).toEqual({ time: at('2030-01-02T00:00:00Z'), tooMany: true })
    expect(dueTime(minutely, now - 10_000, now)).toBeUndefined()
  })
})

describe('slices', () => {
  const endpoint = (n: number) => ({ addresses: [`10.0.0.${n}`], conditions: { ready: true } })
  const frame = { labels: { a: 'b' } }
  const slice = (name: string, endpoints: number[]) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { a: 'b' } },
    addressType: 'IPv4',
    ports: [],
    endpoints: endpoints.map(endpoint),
  })
  const group = (endpoints: number[]) => ({ addressType: 'IPv4', ports: [], endpoints: endpoints.map(endpoint) })

  test('are only written where something changes', () => {
    const same = planSlices([slice('s', [1, 2])], [group([1, 2])], frame, 100)
    expect([same.create, same.update, same.remove]).toEqual([[], [], []])
    const more = planSlices([slice('full', [1, 2, 3]), slice('half', [4])], [group([1, 2, 3, 4, 5])], frame, 3)
    expect(more.update.map(({ metadata, endpoints }) => [metadata.name, endpoints?.length])).toEqual([['half', 2]])
    const fewer = planSlices([slice('a', [1, 2, 3]), slice('b', [4])], [group([1, 2, 3])], frame, 3)
    expect([fewer.update, fewer.remove.map(({ metadata }) => metadata.name)]).toEqual([[], ['b']])
    expect(planSlices([], [group([1, 2, 3, 4])], frame, 3).create.map(({ endpoints }) => endpoints.length)).toEqual([3, 1])
  })
})

test('of several tolerations the first that applies to a taint counts', () => {
  const taint = { key: 'x', effect: 'NoExecute' }
  const tolerant = (...seconds: (number | undefined)[]) =>
    pod('p', { tolerations: seconds.map(tolerationSeconds => ({ key: 'x', operator: 'Exists', effect: 'NoExecute', tolerationSeconds })) })
  const due = (p: Pod) => evictionTime(p, [taint], () => 1_000)
  expect(due(pod('p'))).toBe(0)
  expect(due(tolerant(undefined))).toBeUndefined()
  expect(due(tolerant(60, 5))).toBe(61_000)
  expect(due(tolerant(undefined, 5))).toBeUndefined()
  const both = pod('p', {
    tolerations: [
      { key: 'x', operator: 'Exists', tolerationSeconds: 60 },
      { key: 'y', operator: 'Exists', tolerationSeconds: 5 },
    ],
  })
  expect(evictionTime(both, [taint, { key: 'y', effect: 'NoExecute' }], () => 1_000)).toBe(6_000)
})

test('a burst of writes begins small and stops at the first failure', async () => {
  const calls: number[] = []
  const answer = await slowStart(100, async i => {
    calls.push(i)
    if (i === 2) throw new Error('refused')
  })
  expect(calls).toEqual([0, 1, 2])
  expect(answer.succeeded).toBe(2)
})
