import { expect, test } from 'vitest'
import { KeyMemory } from '../../shared/pipeline/key-memory.ts'

test('a wake-up that rings a moment early still gets a successor', () => {
  const memory = new KeyMemory()
  const item = { controller: 'c', key: 'a/b' }
  expect(memory.needsWakeUp(item, 1000.7, 0)).toBe(true)
  expect(memory.isDone({ ...item, due: 1000.7 })).toBe(false)
  // It runs at 1000, which is before 1000.7, and asks for the next.
  expect(memory.needsWakeUp(item, 2000, 1000)).toBe(true)
  // Another reconcile meanwhile needs none of its own.
  expect(memory.needsWakeUp(item, 2100, 1500)).toBe(false)
})
