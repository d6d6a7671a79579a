import { expect, test } from 'vitest'
import { RecentlyUsed } from './recently-used.ts'

test('the entry that was used longest ago makes room', () => {
  const dropped: string[] = []
  const map = new RecentlyUsed<string>(2, (key, value) => dropped.push(`${key}=${value}`))
  map.use('a', () => '1')
  map.use('b', () => '2')
  expect(map.use('a', () => 'not made again')).toBe('1')
  map.use('c', () => '3')
  expect([map.keys(), dropped]).toEqual([['a', 'c'], ['b=2']])
  map.delete('a')
  map.delete('a')
  expect([map.keys(), dropped]).toEqual([['c'], ['b=2', 'a=1']])
})
