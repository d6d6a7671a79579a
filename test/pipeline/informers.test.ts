import { beforeEach, describe, expect, it } from 'vitest'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'
import { ManualClock } from '../../shared/clock.ts'
import { Informers } from '../../shared/pipeline/informers.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import type { ChangesResult } from '../../shared/store/types.ts'

const things: GroupResource = { group: 'example.com', resource: 'things' }
const thing = (name: string): KubeObject => ({ apiVersion: 'example.com/v1', kind: 'Thing', metadata: { namespace: 'd', name } })

/** A store of which this process has seen only what it looked at. */
class Remote extends MemoryStore {
  looks = 0
  #seen = 1

  override async changes(resource: GroupResource, from: number): Promise<ChangesResult> {
    this.looks++
    const result = await super.changes(resource, from)
    this.#seen = result.revision
    return result
  }

  override async changesSeen(resource: GroupResource, from: number): Promise<ChangesResult> {
    const { changes } = await super.changes(resource, from)
    return { changes: changes.filter(change => change.revision <= this.#seen), revision: Math.max(from, this.#seen) }
  }
}

describe("a worker's informers", () => {
  let clock: ManualClock
  let store: Remote
  let informers: Informers
  beforeEach(async () => {
    clock = new ManualClock()
    store = new Remote()
    informers = new Informers(store, clock.now)
    await informers.view({ since: Number.POSITIVE_INFINITY }).informer(things)
    clock.advance(1)
  })
  const names = async (options: Parameters<Informers['view']>[0]) => {
    const informer = await informers.view(options).informer(things)
    return informer.list().map(item => item.key)
  }

  it('look once for a turn of a group, and not for each of its reconciles', async () => {
    const since = clock.now()
    clock.advance(1)
    await store.create(things, 'd/a', thing('a'))
    expect(await names({ since })).toEqual(['d/a'])
    const looks = store.looks
    clock.advance(500)
    expect(await names({ since })).toEqual(['d/a'])
    expect(store.looks).toBe(looks)
    clock.advance(600)
    await names({ since })
    expect(store.looks).toBe(looks + 1)
  })

  it('look again when a group is taken over: somebody else may have worked on it', async () => {
    const since = clock.now()
    clock.advance(1)
    await names({ since })
    await store.create(things, 'd/a', thing('a'))
    clock.advance(1)
    const later = clock.now()
    clock.advance(1)
    expect(await names({ since: later })).toEqual(['d/a'])
  })

  it('show what asked for the work', async () => {
    const since = clock.now()
    clock.advance(1)
    await names({ since })
    const { revision } = await store.create(things, 'd/a', thing('a'))
    expect(await names({ since, atLeast: { 'example.com/things': revision } })).toEqual(['d/a'])
  })

  it('show what this process wrote itself', async () => {
    store.feed(change => informers.wrote(change))
    const since = clock.now()
    clock.advance(1)
    await names({ since })
    await store.create(things, 'd/a', thing('a'))
    expect(await names({ since })).toEqual(['d/a'])
  })

  it('look in any case for a view of now', async () => {
    await store.create(things, 'd/a', thing('a'))
    expect(await names({ since: Number.POSITIVE_INFINITY })).toEqual(['d/a'])
  })
})
