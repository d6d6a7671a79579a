import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backlog, decide, nextNumbers } from '../../shared/controllers/workqueue/decide.ts'

const NOW = Date.UTC(2030, 0, 1)
const EMPTY = { visible: 0, inFlight: 0, delayed: 0, deadLetters: 0 }
const spec = (more: object = {}) => ({ jobTemplate: {}, min: 0, max: 10, itemsPerJob: 5, coolDownSeconds: 10, ...more })
const launch = (depth: object, active = 0, more: object = {}, status: object = {}) =>
  decide({ spec: spec(more), status, depth: { ...EMPTY, ...depth }, active, now: NOW })

describe('Jobs wanted', () => {
  test.each([
    ['none for an empty queue', {}, 0, {}, 0],
    ['one for a single message', { visible: 1 }, 0, {}, 1],
    ['one for each itemsPerJob messages', { visible: 11 }, 0, {}, 3],
    ['messages in flight count', { visible: 4, inFlight: 2 }, 0, {}, 2],
    ['messages that cannot be received yet do not', { delayed: 100 }, 0, {}, 0],
    ['dead letters do not', { deadLetters: 100 }, 0, {}, 0],
    ['no more than max', { visible: 1000 }, 0, {}, 10],
    ['min even without messages', {}, 0, { min: 2 }, 2],
    ['what runs is not launched again', { visible: 11 }, 2, {}, 1],
    ['nothing is launched when more run than are wanted', { visible: 1 }, 5, {}, 0],
    ['max 0 launches none', { visible: 5 }, 0, { max: 0 }, 0],
  ])('%s', (_, depth, active, more, expected) => {
    expect(launch(depth, active, more).launch).toBe(expected)
  })

  test('whatever the numbers, never more than max at once, and min where nothing cools down', () => {
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.nat(20),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(200),
        fc.nat(200),
        fc.nat(40),
        (a, b, per, visible, inFlight, active) => {
          const [min, max] = [Math.min(a, b), Math.max(a, b)]
          const { launch: launched } = launch({ visible, inFlight }, active, { min, max, itemsPerJob: per })
          expect(launched).toBeGreaterThanOrEqual(0)
          expect(active + launched).toBeLessThanOrEqual(Math.max(max, active))
          expect(active + launched).toBeGreaterThanOrEqual(min)
        },
      ),
    )
  })
})

describe('the next look', () => {
  test('comes soon while there is work, late when there is none', () => {
    expect(launch({}).next).toBe(60)
    for (const depth of [{ visible: 1 }, { inFlight: 1 }, { delayed: 1 }]) expect(launch(depth).next).toBe(15)
    expect(launch({}, 1).next).toBe(15)
  })

  test('comes when the cool-down is over, and nothing is launched before', () => {
    const lastLaunchTime = new Date(NOW - 4000).toISOString()
    expect(launch({ visible: 9 }, 1, {}, { lastLaunchTime })).toEqual({ launch: 0, next: 6 })
    expect(launch({ visible: 9 }, 1, { coolDownSeconds: 4 }, { lastLaunchTime })).toEqual({ launch: 1, next: 15 })
  })
})

test('a repeated reconcile chooses the numbers that are missing', () => {
  const three = (launched: number, taken: number[]) => {
    const numbers = nextNumbers(launched, new Set(taken))
    return [1, 2, 3].map(() => numbers.next().value)
  }
  expect(three(0, [])).toEqual([1, 2, 3])
  expect(three(0, [1, 3])).toEqual([2, 4, 5])
  expect(three(7, [7, 9])).toEqual([8, 10, 11])
})

test('the backlog begins with the first message seen, ages by the minute, and ends with the last', () => {
  const depth = { ...EMPTY, visible: 1 }
  const first = backlog({ depth, status: {}, now: NOW })
  expect(first).toEqual({ backlogSince: '2030-01-01T00:00:00Z', oldestAgeSeconds: 0 })
  expect(backlog({ depth, status: first, now: NOW + 119_000 }).oldestAgeSeconds).toBe(60)
  expect(backlog({ depth: { ...EMPTY, inFlight: 1 }, status: first, now: NOW + 120_000 }).oldestAgeSeconds).toBe(120)
  expect(backlog({ depth: EMPTY, status: first, now: NOW + 120_000 })).toEqual({})
})
