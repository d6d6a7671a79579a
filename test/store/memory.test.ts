import { describe, expect, it } from 'vitest'
import { MemoryStore } from '../../shared/store/memory.ts'
import type { Change } from '../../shared/store/types.ts'
import { ExpiredError } from '../../shared/store/types.ts'
import { doc, docs, storeSuite } from './suite.ts'

storeSuite('in memory', async () => {
  let now = Date.UTC(2030, 0, 1)
  const store = new MemoryStore({ now: () => now })
  return {
    store,
    advance: milliseconds => {
      now += milliseconds
    },
    forget: async (collection, revision) => store.compact(collection, revision),
  }
})

describe('the in-memory store', () => {
  it('feeds every change before the write is acknowledged, until stopped', async () => {
    const store = new MemoryStore()
    const fed: Change[] = []
    const stop = store.feed(change => fed.push(change))
    const a = await store.create(docs, 'd/a', doc('d/a'))
    expect(fed).toMatchObject([{ type: 'created', key: 'd/a', revision: a.revision }])
    stop()
    await store.delete(docs, 'd/a', a.object, a.revision)
    expect(fed).toHaveLength(1)
  })

  it('keeps a bounded log', async () => {
    const store = new MemoryStore({ retain: 10 })
    for (let n = 0; n < 50; n++) await store.create(docs, `d/${n}`, doc(`d/${n}`))
    const revision = await store.revision(docs)
    await expect(store.changes(docs, 1)).rejects.toBeInstanceOf(ExpiredError)
    expect((await store.changes(docs, revision - 10)).changes).toHaveLength(10)
  })
})
