import { beforeEach, describe, expect, it } from 'vitest'
import { Registry } from '../../shared/apimachinery/registry.ts'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'
import { ManualClock } from '../../shared/clock.ts'
import type { Controller } from '../../shared/controllers/types.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { type WorkItem, type WorkQueue, workGroup } from '../../shared/pipeline/work.ts'
import { Worker } from '../../shared/pipeline/worker.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { storeClient } from './store-client.ts'

const things: GroupResource = { group: 'example.com', resource: 'things' }
const marks: GroupResource = { group: 'example.com', resource: 'marks' }

const object = (kind: string, namespace: string | undefined, name: string): KubeObject => ({
  apiVersion: 'example.com/v1',
  kind,
  metadata: { namespace, name },
})

/** A queue that only notes what it is given. */
class NotedQueue implements WorkQueue {
  sent: WorkItem[] = []
  later: { item: WorkItem; due: number }[] = []
  broken = false

  async send(items: readonly WorkItem[]): Promise<void> {
    if (this.broken) throw new Error('queue is out of reach')
    this.sent.push(...items)
  }

  async sendLater(item: WorkItem, due: number): Promise<void> {
    this.later.push({ item, due })
  }
}

describe('work', () => {
  it('of one namespace is one group; without a namespace each key is its own', () => {
    expect(workGroup({ controller: 'deployment', key: 'shop/web' })).toBe('shop')
    expect(workGroup({ controller: 'replicaset', key: 'shop/web-1' })).toBe('shop')
    expect(workGroup({ controller: 'node', key: '/a' })).toBe('/node/a')
    expect(workGroup({ controller: 'scheduler', key: '/' })).not.toBe(workGroup({ controller: 'node', key: '/' }))
  })
})

describe('the worker', () => {
  const clock = new ManualClock()
  let queue: NotedQueue
  let store: MemoryStore
  let ran: string[]

  const worker = (reconcile: Controller['reconcile'], concurrency?: number) => {
    const controllers: Controller[] = [
      { name: 'thing', watches: [{ resource: things, keys: change => [change.key] }], reconcile },
      {
        name: 'mark',
        watches: [{ resource: marks, keys: change => [change.key] }],
        reconcile: async (key, { informer }) => {
          await informer(marks)
          ran.push(`mark ${key}`)
          return undefined
        },
      },
    ]
    const client = storeClient(store)
    const made = new Worker({ controllers, store, client, registry: new Registry(), queue, clock, log: silent, concurrency })
    store.feed(change => made.cascade(change))
    return made
  }
  const thing = (key: string, revision?: number): WorkItem => ({
    controller: 'thing',
    key,
    ...(revision === undefined ? {} : { seen: { 'example.com/things': revision } }),
  })
  const soon = () => ({ until: clock.now() + 10_000 })

  beforeEach(() => {
    queue = new NotedQueue()
    store = new MemoryStore()
    ran = []
  })

  it('goes on with what its own writes cause, when it holds their group', async () => {
    await worker(async (key, { client }) => {
      ran.push(`thing ${key}`)
      await client.create(marks, object('Mark', 'd', 'a'))
      return undefined
    }).work([thing('d/a')], soon())
    expect(ran).toEqual(['thing d/a', 'mark d/a'])
    expect(queue.sent).toEqual([])
  })

  it('sends what its own writes cause to the queue, when somebody else may hold its group', async () => {
    await worker(async (key, { client }) => {
      ran.push(`thing ${key}`)
      await client.create(marks, object('Mark', 'other', 'a'))
      await client.create(marks, object('Mark', undefined, 'b'))
      return undefined
    }).work([thing('d/a')], soon())
    expect(ran).toEqual(['thing d/a'])
    expect(queue.sent.map(({ controller, key }) => `${controller} ${key}`)).toEqual(['mark other/a', 'mark /b'])
  })

  it('does not run again for changes that a reconcile has already seen', async () => {
    const under = worker(async (key, { informer }) => {
      await informer(things)
      ran.push(key)
      return undefined
    })
    const { revision } = await store.create(things, 'd/a', object('Thing', 'd', 'a'))
    await under.work([thing('d/a', revision)], soon())
    await under.work([thing('d/a', revision)], soon())
    await under.work([thing('d/a', revision - 1)], soon())
    expect(ran).toEqual(['d/a'])
    await under.work([thing('d/a', revision + 1)], soon())
    await under.work([thing('d/a')], soon())
    expect(ran).toEqual(['d/a', 'd/a', 'd/a'])
  })

  it('runs again for a collection that the reconcile did not look at', async () => {
    const under = worker(async key => {
      ran.push(key)
      return undefined
    })
    await under.work([thing('d/a', 5)], soon())
    await under.work([thing('d/a', 5)], soon())
    expect(ran).toHaveLength(2)
  })

  it('runs again after a failure, whatever it has seen', async () => {
    let broken = true
    const under = worker(async (key, { informer }) => {
      await informer(things)
      ran.push(key)
      if (broken) throw new Error('out of order')
      return undefined
    })
    const work = under.work([thing('d/a', 1)], soon())
    await new Promise(resolve => setImmediate(resolve))
    broken = false
    clock.advance(5)
    await work
    expect(ran.length).toBeGreaterThan(1)
  })

  it('gives back what it has not begun when the time is over, and waits for what it has', async () => {
    let finish = () => {}
    const gate = new Promise<void>(resolve => {
      finish = resolve
    })
    const under = worker(async key => {
      ran.push(`begin ${key}`)
      await gate
      ran.push(`end ${key}`)
      return undefined
    }, 2)
    let done = false
    const work = under
      .work(
        ['d/a', 'd/b', 'd/c', 'd/d'].map(key => thing(key)),
        soon(),
      )
      .then(() => {
        done = true
      })
    await new Promise(resolve => setImmediate(resolve))
    clock.advance(10_000)
    await new Promise(resolve => setImmediate(resolve))
    expect(done).toBe(false)
    expect(ran).toEqual(['begin d/a', 'begin d/b'])
    finish()
    await work
    expect(ran).toEqual(['begin d/a', 'begin d/b', 'end d/a', 'end d/b'])
    expect(queue.sent.map(item => item.key)).toEqual(['d/c', 'd/d'])
  })

  it('gives back a short wait when the time is over', async () => {
    const under = worker(async () => ({ requeueAfter: 0.9 }))
    const work = under.work([thing('d/a')], { until: clock.now() + 100 })
    await new Promise(resolve => setImmediate(resolve))
    clock.advance(100)
    await work
    expect(queue.sent.map(item => item.key)).toEqual(['d/a'])
    expect(clock.now()).toBeLessThan(queue.sent[0]!.due!)
  })

  it('fails when the queue does not take work back, so that the message comes again', async () => {
    const under = worker(async () => ({ requeueAfter: 0.9 }))
    queue.broken = true
    const work = under.work([thing('d/a')], { until: clock.now() + 100 })
    const failed = expect(work).rejects.toThrow('queue is out of reach')
    await new Promise(resolve => setImmediate(resolve))
    clock.advance(100)
    await failed
  })

  it('serves callers with different groups side by side, each until its own work is done', async () => {
    const gates = new Map<string, () => void>()
    const under = worker(async key => {
      await new Promise<void>(resolve => gates.set(key, resolve))
      return undefined
    })
    const done: string[] = []
    const first = under.work([thing('a/x')], soon()).then(() => done.push('a'))
    const second = under.work([thing('b/x')], soon()).then(() => done.push('b'))
    await new Promise(resolve => setImmediate(resolve))
    gates.get('b/x')?.()
    await second
    expect(done).toEqual(['b'])
    gates.get('a/x')?.()
    await first
    expect(done).toEqual(['b', 'a'])
  })

  it('puts long waits on the queue and keeps one wake-up a key', async () => {
    const under = worker(async () => ({ requeueAfter: 30 }))
    const begin = clock.now()
    for (let n = 0; n < 5; n++) await under.work([thing('d/a')], soon())
    expect(queue.later).toEqual([
      { item: { controller: 'thing', key: 'd/a', failures: undefined, due: begin + 30_000 }, due: begin + 30_000 },
    ])
  })
})
