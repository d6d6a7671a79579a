import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../shared/clock.ts'
import { Waiters } from '../../shared/store/waiters.ts'

describe('waiters', () => {
  const waiters = () => {
    const clock = new ManualClock()
    const made = new Waiters(clock)
    // The first change tells everybody.
    const first = made.add('')
    made.changed('x/x', 1)
    first.remove()
    return { clock, waiters: made }
  }
  /** Whether the waiter is woken, and for which revision. */
  const woken = (next: Promise<number | undefined>) =>
    Promise.race([next, new Promise<'asleep'>(resolve => setImmediate(() => resolve('asleep')))])

  it('are woken by the keys that begin with their prefix, and no others', async () => {
    const { waiters: under } = waiters()
    const prefixes = ['', 'a/', 'a/x', 'a', 'ab/', 'b/']
    const added = prefixes.map(prefix => under.add(prefix))
    under.changed('a/xy', 7)
    expect(await Promise.all(added.map(waiter => woken(waiter.next())))).toEqual([7, 7, 7, 7, 'asleep', 'asleep'])
  })

  it('learn of the first change that concerns them, also when it came before they waited', async () => {
    const { waiters: under } = waiters()
    const waiter = under.add('a/')
    under.changed('b/1', 7)
    under.changed('a/1', 8)
    under.changed('a/2', 9)
    expect(await waiter.next()).toBe(8)
    expect(await woken(waiter.next())).toBe('asleep')
  })

  it('are woken now and then by changes that do not concern them, to tell progress', async () => {
    const { clock, waiters: under } = waiters()
    const waiter = under.add('a/')
    clock.advance(5000)
    under.changed('b/1', 7)
    expect(await waiter.next()).toBe(7)
    const next = waiter.next()
    for (let revision = 8; revision <= 507; revision++) under.changed('b/1', revision)
    expect(await next).toBe(507)
  })

  it('are woken for no particular change, or with a failure', async () => {
    const { waiters: under } = waiters()
    const waiter = under.add('a/')
    under.all()
    expect(await waiter.next()).toBeUndefined()
    under.fail(new Error('out of reach'))
    await expect(waiter.next()).rejects.toThrow('out of reach')
  })

  it('are forgotten when they leave', async () => {
    const { waiters: under } = waiters()
    const [first, second] = [under.add('a/'), under.add('a/')]
    first.remove()
    first.remove()
    expect(under.size).toBe(1)
    under.changed('a/1', 7)
    expect(await woken(first.next())).toBe('asleep')
    expect(await second.next()).toBe(7)
  })
})
