import { afterEach, describe, expect, it } from 'vitest'
import type { Event } from '../../shared/api/core/v1.ts'
import { Registry } from '../../shared/apimachinery/registry.ts'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'
import { splitKey } from '../../shared/apimachinery/types.ts'
import { ManualClock } from '../../shared/clock.ts'
import { type Controller, TerminalError } from '../../shared/controllers/types.ts'
import { type Manager, startManager } from '../../shared/pipeline/manager.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { storeClient } from './store-client.ts'

const sets: GroupResource = { group: 'example.com', resource: 'sets' }
const parts: GroupResource = { group: 'example.com', resource: 'parts' }
const events: GroupResource = { group: '', resource: 'events' }

interface SetObject extends KubeObject {
  size: number
  ready?: number
}

const set = (name: string, size: number): SetObject => ({
  apiVersion: 'example.com/v1',
  kind: 'Set',
  metadata: { namespace: 'd', name },
  size,
})

/** Keeps as many parts as its set says, and counts them: a ReplicaSet in miniature. */
const setController: Controller = {
  name: 'set',
  watches: [
    { resource: sets, keys: change => [change.key] },
    { resource: parts, keys: change => [change.key.replace(/\.\d+$/, '')] },
  ],
  async reconcile(key, { client, informer }) {
    const [allSets, allParts] = [await informer(sets), await informer(parts)]
    const mine = allSets.get(key)?.object as SetObject | undefined
    if (mine === undefined) return undefined
    const { namespace, name } = splitKey(key)
    const existing = allParts.list(`${key}.`)
    for (let n = 0; n < mine.size; n++) {
      if (allParts.get(`${key}.${n}`) === undefined)
        await client.create(parts, { apiVersion: 'example.com/v1', kind: 'Part', metadata: { namespace, name: `${name}.${n}` } })
    }
    if (mine.ready !== existing.length) await client.updateStatus(sets, { ...mine, ready: existing.length } as SetObject)
    return undefined
  },
}

describe('the manager', () => {
  const clock = new ManualClock()
  let manager: Manager | undefined
  const start = async (controllers: Controller[], store = new MemoryStore({ now: clock.now })) => {
    const client = storeClient(store)
    manager = await startManager({ store, client, registry: new Registry(), controllers, clock })
    return { store, client, manager }
  }
  afterEach(() => manager?.stop())

  /** A controller of sets that does what the test says. */
  const scripted = (reconcile: Controller['reconcile']): Controller => ({
    name: 'scripted',
    watches: [{ resource: sets, keys: change => [change.key] }],
    reconcile,
  })

  it('drives objects to what they ask for', async () => {
    const { store, client, manager } = await start([setController])
    await client.create(sets, set('a', 3))
    await manager.idle()
    expect((await store.list(parts)).items.map(item => item.key)).toEqual(['d/a.0', 'd/a.1', 'd/a.2'])
    expect(await client.get(sets, 'd', 'a')).toMatchObject({ ready: 3 })

    await client.delete(parts, 'd', 'a.1')
    await client.update(sets, { ...(await client.get<SetObject>(sets, 'd', 'a'))!, size: 4 })
    await manager.idle()
    expect((await store.list(parts)).items).toHaveLength(4)
  })

  it('finds what was there before it started', async () => {
    const store = new MemoryStore()
    await storeClient(store).create(sets, set('a', 2))
    const { manager } = await start([setController], store)
    await manager.idle()
    expect((await store.list(parts)).items).toHaveLength(2)
  })

  it('never runs one key twice at once, and runs it again for what came meanwhile', async () => {
    let running = 0
    const sizes: number[] = []
    const { client, manager } = await start([
      scripted(async (key, { informer }) => {
        expect(++running).toBe(1)
        sizes.push(((await informer(sets)).get(key)!.object as SetObject).size)
        await new Promise(resolve => setTimeout(resolve, 5))
        running--
        return undefined
      }),
    ])
    let object = await client.create(sets, set('a', 1))
    await new Promise(resolve => setTimeout(resolve, 2))
    for (const size of [2, 3, 4]) object = await client.update(sets, { ...object, size })
    await manager.idle()
    expect(sizes).toEqual([1, 4])
  })

  it('works on different keys side by side', async () => {
    let running = 0
    let most = 0
    const { client, manager } = await start([
      scripted(async () => {
        most = Math.max(most, ++running)
        await new Promise(resolve => setTimeout(resolve, 2))
        running--
        return undefined
      }),
    ])
    for (const name of ['a', 'b', 'c', 'd']) await client.create(sets, set(name, 1))
    await manager.idle()
    expect(most).toBe(4)
  })

  it('comes back when a reconcile asked for it, once for all who asked', async () => {
    const times: number[] = []
    const { client, manager } = await start([
      scripted(async (_, { now }) => {
        times.push(now())
        return times.length < 4 ? { requeueAfter: 60 } : undefined
      }),
    ])
    const begin = clock.now()
    const object = await client.create(sets, set('a', 1))
    await manager.idle()
    clock.advance(30_000)
    await client.update(sets, { ...object, size: 2 })
    await manager.idle()
    for (let n = 0; n < 10; n++) {
      clock.advance(30_000)
      await manager.idle()
    }
    expect(times.map(time => (time - begin) / 1000)).toEqual([0, 30, 60, 120])
  })

  it('tries again with growing pauses, tells people after a second of failing, and forgets failures with success', async () => {
    let broken = true
    const tried: number[] = []
    const { store, client, manager } = await start([
      scripted(async (_, { now }) => {
        tried.push(now())
        if (broken) throw new Error('out of order')
        return undefined
      }),
    ])
    const settle = async (milliseconds: number) => {
      const end = clock.now() + milliseconds
      for (;;) {
        // Short waits are slept through by the worker, which is not idle meanwhile.
        await new Promise(resolve => setImmediate(resolve))
        const next = clock.next
        if (next === undefined || next > end) break
        clock.advance(next - clock.now())
      }
      clock.advance(end - clock.now())
      await manager.idle()
    }
    await client.create(sets, set('a', 1))
    await settle(100_000)
    const pauses = tried.slice(1).map((time, n) => time - tried[n]!)
    expect(pauses).toEqual([0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 20480, 40960])
    const told = (await store.list(events)).items.map(item => item.object as Event)
    expect(told[0]).toMatchObject({
      type: 'Warning',
      reason: 'ReconcileFailed',
      involvedObject: { kind: 'Set', namespace: 'd', name: 'a' },
      source: { component: 'scripted-controller' },
      message: 'out of order; tried 10 times, next try in 2 s',
    })

    broken = false
    await settle(100_000)
    const count = tried.length
    await settle(2_000_000)
    expect(tried).toHaveLength(count)
    broken = true
    await client.update(sets, { ...(await client.get<SetObject>(sets, 'd', 'a'))!, size: 7 })
    await settle(4)
    expect(tried).toHaveLength(count + 2)
  })

  it('does not try again what cannot succeed, and says so on the object', async () => {
    let tried = 0
    const { store, client, manager } = await start([
      scripted(async () => {
        tried++
        throw new TerminalError('the template names no container')
      }),
    ])
    await client.create(sets, set('a', 1))
    await manager.idle()
    clock.advance(10_000_000)
    await manager.idle()
    expect(tried).toBe(1)
    const { items } = await store.list(events)
    expect(items).toEqual([]) // An hour later it has expired, as events do.
    await client.create(sets, set('b', 1))
    await manager.idle()
    expect((await store.list(events)).items[0]?.object).toMatchObject({
      reason: 'ReconcileFailed',
      message: 'the template names no container; it is tried again when something changes',
    })
  })

  it('keeps a controller whose mapping throws from disturbing others or the write', async () => {
    const bad: Controller = {
      name: 'bad',
      watches: [
        {
          resource: sets,
          keys: () => {
            throw new Error('no such label')
          },
        },
      ],
      reconcile: async () => undefined,
    }
    const { store, client, manager } = await start([bad, setController])
    await client.create(sets, set('a', 1))
    await manager.idle()
    expect((await store.list(parts)).items).toHaveLength(1)
  })

  it('asks for no time any more once it is stopped, not even for what was being reconciled: a process could not end', async () => {
    let begun = () => {}
    const beginning = new Promise<void>(resolve => {
      begun = resolve
    })
    let go = () => {}
    const going = new Promise<void>(resolve => {
      go = resolve
    })
    const { client, manager } = await start([
      scripted(async () => {
        begun()
        await going
        return { requeueAfter: 600_000 }
      }),
    ])
    await client.create(sets, set('a', 1))
    await beginning
    const { pending } = clock
    manager.stop()
    go()
    await manager.idle()
    expect(clock.pending).toBe(pending)
  })
})
