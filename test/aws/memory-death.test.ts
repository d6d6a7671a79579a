// The engine's "oom" event may come after the exit, or never.
import { expect, test } from 'vitest'
import { endedForMemory } from '../../localstack/ecs/docker/memory-death.ts'
import { ManualClock } from './manual-clock.ts'

const ID = 'faf73c6ffdbcd990cf61e2c1ac0ce6bc175f9f6686078d759eba52fd9643a8ab'
const LINE = `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=${ID},mems_allowed=0,oom_memcg=/zeroplane/t/${ID},task_memcg=/zeroplane/t/${ID},task=busybox,pid=19353,uid=0`
const never = new Promise<void>(() => {})

function ask(told: Promise<void>, log: readonly string[], id = ID) {
  const clock = new ManualClock()
  const seen: boolean[] = []
  void endedForMemory(id, told, { clock, kernelLog: () => log }).then(answer => seen.push(answer))
  return { clock, seen }
}

test('an "oom" that comes after the exit is waited for', async () => {
  const oom = Promise.withResolvers<void>()
  const { clock, seen } = ask(oom.promise, [])
  await clock.advance(900)
  expect(seen).toEqual([])
  oom.resolve()
  await clock.advance(0)
  expect(seen).toEqual([true])
  expect(clock.pending).toBe(0)
})

test('one that never comes is not missed where the kernel wrote of it', async () => {
  const { clock, seen } = ask(never, ['6,1,2,-;eth0: up', `6,5541,626482283,-;${LINE}`])
  await clock.advance(0)
  expect(seen).toEqual([true])
})

test('a container that somebody killed is told so after a moment, whatever happened to others', async () => {
  const { clock, seen } = ask(never, [`6,5541,626482283,-;${LINE}`], 'a'.repeat(64))
  await clock.advance(999)
  expect(seen).toEqual([])
  await clock.advance(1)
  expect(seen).toEqual([false])
})
