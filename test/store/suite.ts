// What every store must do, run on each implementation. Nothing here knows how a store works inside.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'
import { splitKey } from '../../shared/apimachinery/types.ts'
import { StoreInformer } from '../../shared/store/informer.ts'
import type { Change, Store, Stored, WatchItem } from '../../shared/store/types.ts'
import { ConflictError, ExistsError, ExpiredError, FutureError, NotFoundError } from '../../shared/store/types.ts'

export interface StoreUnderTest {
  readonly store: Store
  /** Turns the clock that the store sees. */
  advance(milliseconds: number): void
  /** Makes the log forget everything up to a revision. */
  forget(collection: GroupResource, revision: number): Promise<void>
  close?(): Promise<void>
}

export interface Doc extends KubeObject {
  data?: Record<string, string>
}

export const docs: GroupResource = { group: 'example.com', resource: 'docs' }
const others: GroupResource = { group: '', resource: 'docs' }
const events: GroupResource = { group: '', resource: 'events' }

export function doc(key: string, data: Record<string, string> = {}): Doc {
  const { namespace, name } = splitKey(key)
  return { apiVersion: 'example.com/v1', kind: 'Doc', metadata: { name, namespace: namespace || undefined, uid: `uid-of-${key}` }, data }
}

const keys = (items: readonly Stored[]) => items.map(item => item.key)
const dataOf = (stored: Stored | undefined) => (stored?.object as Doc | undefined)?.data
const revisionOf = (object: KubeObject | undefined) => Number(object?.metadata.resourceVersion)

/** What a watch said, until it said that it reached `revision`. */
async function watchUpTo(store: Store, collection: GroupResource, from: number, revision: number, prefix?: string): Promise<Change[]> {
  const seen: Change[] = []
  const abort = new AbortController()
  for await (const item of store.watch(collection, { from, prefix, signal: abort.signal })) {
    if ('change' in item) seen.push(item.change)
    else if (item.progress >= revision) break
  }
  abort.abort()
  return seen
}

export function storeSuite(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`store: ${name}`, () => {
    let under: StoreUnderTest
    let store: Store
    beforeEach(async () => {
      under = await make()
      store = under.store
    })
    afterEach(async () => under.close?.())

    describe('single objects', () => {
      it('answers undefined for a key that was never written', async () => {
        expect(await store.get(docs, 'default/a')).toBeUndefined()
      })

      it('gives back what was created, stamped with its revision', async () => {
        const created = await store.create(docs, 'default/a', doc('default/a', { color: 'red' }))
        expect(created.key).toBe('default/a')
        expect(revisionOf(created.object)).toBe(created.revision)
        expect(dataOf(created)).toEqual({ color: 'red' })
        expect(await store.get(docs, 'default/a')).toEqual(created)
      })

      it('does not change the object it was given', async () => {
        const given = doc('default/a')
        await store.create(docs, 'default/a', given)
        expect(given).toEqual(doc('default/a'))
      })

      it('keeps text of every kind', async () => {
        const data = { 'utf-8': 'Grüße, 世界 🌍\u0000\u2028', empty: '', long: 'x'.repeat(100_000) }
        await store.create(docs, 'default/a', doc('default/a', data))
        expect(dataOf(await store.get(docs, 'default/a'))).toEqual(data)
      })

      it('refuses to create a key twice', async () => {
        await store.create(docs, 'default/a', doc('default/a', { n: '1' }))
        await expect(store.create(docs, 'default/a', doc('default/a', { n: '2' }))).rejects.toBeInstanceOf(ExistsError)
        expect(dataOf(await store.get(docs, 'default/a'))).toEqual({ n: '1' })
      })

      it('replaces an object that is at the revision the caller knows', async () => {
        const first = await store.create(docs, 'default/a', doc('default/a', { n: '1' }))
        const second = await store.update(docs, 'default/a', doc('default/a', { n: '2' }), first.revision)
        expect(second.revision).toBeGreaterThan(first.revision)
        expect(await store.get(docs, 'default/a')).toEqual(second)
      })

      it('refuses an update of another revision, and says what is there', async () => {
        const first = await store.create(docs, 'default/a', doc('default/a', { n: '1' }))
        const second = await store.update(docs, 'default/a', doc('default/a', { n: '2' }), first.revision)
        const late = store.update(docs, 'default/a', doc('default/a', { n: '3' }), first.revision)
        await expect(late).rejects.toBeInstanceOf(ConflictError)
        await expect(late).rejects.toMatchObject({ current: second })
      })

      it('refuses to update or delete what is not there', async () => {
        await expect(store.update(docs, 'default/a', doc('default/a'), 5)).rejects.toBeInstanceOf(NotFoundError)
        await expect(store.delete(docs, 'default/a', doc('default/a'), 5)).rejects.toBeInstanceOf(NotFoundError)
      })

      it('deletes an object that is at the revision the caller knows', async () => {
        const first = await store.create(docs, 'default/a', doc('default/a'))
        await expect(store.delete(docs, 'default/a', first.object, first.revision + 1)).rejects.toBeInstanceOf(ConflictError)
        const deleted = await store.delete(docs, 'default/a', first.object, first.revision)
        expect(deleted.revision).toBeGreaterThan(first.revision)
        expect(revisionOf(deleted.object)).toBe(deleted.revision)
        expect(await store.get(docs, 'default/a')).toBeUndefined()
        const again = await store.create(docs, 'default/a', doc('default/a'))
        expect(again.revision).toBeGreaterThan(deleted.revision)
      })

      it('lets exactly one of many racing updates win', async () => {
        const first = await store.create(docs, 'default/a', doc('default/a'))
        const racing = Array.from({ length: 8 }, (_, n) => store.update(docs, 'default/a', doc('default/a', { n: `${n}` }), first.revision))
        const results = await Promise.allSettled(racing)
        const won = results.filter(result => result.status === 'fulfilled')
        expect(won).toHaveLength(1)
        for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ConflictError)
        expect(await store.get(docs, 'default/a')).toEqual(won[0]?.value)
      })

      it('lets exactly one of many racing creations win', async () => {
        const racing = Array.from({ length: 8 }, (_, n) => store.create(docs, 'default/a', doc('default/a', { n: `${n}` })))
        const results = await Promise.allSettled(racing)
        expect(results.filter(result => result.status === 'fulfilled')).toHaveLength(1)
        for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ExistsError)
      })
    })

    describe('revisions', () => {
      it('begin at 1 and grow with every write of the collection', async () => {
        expect(await store.revision(docs)).toBe(1)
        const a = await store.create(docs, 'default/a', doc('default/a'))
        const b = await store.create(docs, 'default/b', doc('default/b'))
        const a2 = await store.update(docs, 'default/a', doc('default/a', { n: '2' }), a.revision)
        expect(a.revision).toBeGreaterThan(1)
        expect(b.revision).toBeGreaterThan(a.revision)
        expect(a2.revision).toBeGreaterThan(b.revision)
        expect(await store.revision(docs)).toBe(a2.revision)
      })

      it('of one collection do not move those of another with the same plural', async () => {
        await store.create(docs, 'default/a', doc('default/a'))
        expect(await store.revision(others)).toBe(1)
        expect(await store.get(others, 'default/a')).toBeUndefined()
      })
    })

    describe('list', () => {
      const fill = async (...names: string[]) => {
        for (const key of names) await store.create(docs, key, doc(key))
      }

      it('of an empty collection is empty, at a revision that a watch can begin from', async () => {
        expect(await store.list(docs)).toEqual({ items: [], revision: 1 })
      })

      it('is in key order, whatever the order of writing', async () => {
        await fill('b/a', 'a/z', '/cluster', 'a-b/m', 'a/b')
        const { items, revision } = await store.list(docs)
        expect(keys(items)).toEqual(['/cluster', 'a-b/m', 'a/b', 'a/z', 'b/a'])
        expect(revision).toBe(await store.revision(docs))
      })

      it('of a prefix is one namespace and not its namesakes', async () => {
        await fill('a/x', 'a-b/x', 'ab/x', 'a/y')
        expect(keys((await store.list(docs, { prefix: 'a/' })).items)).toEqual(['a/x', 'a/y'])
      })

      it('comes in pages that show one revision, whatever is written in between', async () => {
        await fill('d/1', 'd/2', 'd/3', 'd/4', 'd/5')
        const first = await store.list(docs, { prefix: 'd/', limit: 2 })
        expect(keys(first.items)).toEqual(['d/1', 'd/2'])
        expect(first.remaining).toBe(3)

        const third = await store.get(docs, 'd/3')
        await store.delete(docs, 'd/3', third!.object, third!.revision)
        const fourth = await store.get(docs, 'd/4')
        await store.update(docs, 'd/4', doc('d/4', { changed: 'yes' }), fourth!.revision)
        await fill('d/0', 'd/45')

        const second = await store.list(docs, { prefix: 'd/', limit: 2, after: first.next, at: first.revision })
        expect(second.items).toEqual([third, fourth])
        expect(second).toMatchObject({ revision: first.revision, remaining: 1 })
        const last = await store.list(docs, { prefix: 'd/', limit: 2, after: second.next, at: first.revision })
        expect(keys(last.items)).toEqual(['d/5'])
        expect(last.next).toBeUndefined()
        expect(last.remaining).toBeUndefined()
      })

      it('can look back to every revision that the log still reaches', async () => {
        const a = await store.create(docs, 'd/a', doc('d/a', { n: '1' }))
        const b = await store.create(docs, 'd/b', doc('d/b'))
        const a2 = await store.update(docs, 'd/a', doc('d/a', { n: '2' }), a.revision)
        const gone = await store.delete(docs, 'd/b', b.object, b.revision)
        const at = async (revision: number) => (await store.list(docs, { at: revision })).items
        expect(await at(1)).toEqual([])
        expect(await at(a.revision)).toEqual([a])
        expect(await at(b.revision)).toEqual([a, b])
        expect(await at(a2.revision)).toEqual([a2, b])
        expect(await at(gone.revision)).toEqual([a2])
      })

      it('of a forgotten or a future revision is refused', async () => {
        await fill('d/1', 'd/2', 'd/3')
        const { revision } = await store.list(docs)
        await under.forget(docs, revision - 1)
        await expect(store.list(docs, { at: revision - 2 })).rejects.toBeInstanceOf(ExpiredError)
        await expect(store.list(docs, { at: revision + 1 })).rejects.toBeInstanceOf(FutureError)
        expect((await store.list(docs, { at: revision })).items).toHaveLength(3)
      })
    })

    describe('watch', () => {
      it('delivers every change after its revision, in order, with the state before', async () => {
        const zero = await store.create(docs, 'd/before', doc('d/before'))
        const a = await store.create(docs, 'd/a', doc('d/a', { n: '1' }))
        const a2 = await store.update(docs, 'd/a', doc('d/a', { n: '2' }), a.revision)
        const gone = await store.delete(docs, 'd/a', doc('d/a', { n: 'last' }), a2.revision)
        const seen = await watchUpTo(store, docs, zero.revision, gone.revision)
        expect(seen.map(change => change.type)).toEqual(['created', 'updated', 'deleted'])
        expect(seen.map(({ key, revision, object }) => ({ key, revision, object }))).toEqual([a, a2, gone])
        expect(seen.map(change => change.previous)).toEqual([undefined, a.object, a2.object])
        expect(seen[2]?.object).toMatchObject({ data: { n: 'last' } })
        for (const change of seen) expect(change.collection).toEqual(docs)
      })

      it('delivers what is written after it began', async () => {
        const abort = new AbortController()
        const seen: WatchItem[] = []
        const done = (async () => {
          for await (const item of store.watch(docs, { from: 1, signal: abort.signal })) {
            seen.push(item)
            if ('change' in item && item.change.key === 'd/3') abort.abort()
          }
        })()
        for (const key of ['d/1', 'd/2', 'd/3']) await store.create(docs, key, doc(key))
        await done
        expect(seen.flatMap(item => ('change' in item ? [item.change.key] : []))).toEqual(['d/1', 'd/2', 'd/3'])
      })

      it('of a prefix is silent about other keys, but its progress counts them', async () => {
        await store.create(docs, 'a/x', doc('a/x'))
        const last = await store.create(docs, 'b/x', doc('b/x'))
        const seen = await watchUpTo(store, docs, 1, last.revision, 'a/')
        expect(keys(seen)).toEqual(['a/x'])
      })

      it('tells its progress at once, also when nothing has changed', async () => {
        const { revision } = await store.create(docs, 'a/x', doc('a/x'))
        expect(await watchUpTo(store, docs, revision, revision)).toEqual([])
      })

      it('never tells a progress before the changes up to it', async () => {
        const abort = new AbortController()
        let position = 1
        const done = (async () => {
          for await (const item of store.watch(docs, { from: 1, signal: abort.signal })) {
            if ('change' in item) {
              expect(item.change.revision).toBeGreaterThan(position)
              position = item.change.revision
              if (item.change.key === 'd/end') abort.abort()
            } else {
              expect(item.progress).toBeGreaterThanOrEqual(position)
              position = item.progress
            }
          }
        })()
        await Promise.all(Array.from({ length: 20 }, (_, n) => store.create(docs, `d/${n}`, doc(`d/${n}`))))
        await store.create(docs, 'd/end', doc('d/end'))
        await done
      })

      it('ends without an error when it is aborted, also while it waits', async () => {
        const abort = new AbortController()
        for await (const item of store.watch(docs, { from: 1, signal: abort.signal })) {
          expect(item).toEqual({ progress: 1 })
          setTimeout(() => abort.abort(), 5)
        }
        for await (const item of store.watch(docs, { from: 1, signal: AbortSignal.abort() })) expect(item).toBe('nothing')
      })

      it('from below the log is refused', async () => {
        for (const key of ['d/1', 'd/2', 'd/3']) await store.create(docs, key, doc(key))
        const revision = await store.revision(docs)
        await under.forget(docs, revision - 1)
        await expect(watchUpTo(store, docs, 1, revision)).rejects.toBeInstanceOf(ExpiredError)
        await expect(store.changes(docs, revision - 2)).rejects.toBeInstanceOf(ExpiredError)
        expect(keys(await watchUpTo(store, docs, revision - 1, revision))).toEqual(['d/3'])
      })

      it('by looking once answers the changes up to now', async () => {
        const a = await store.create(docs, 'a/x', doc('a/x'))
        const b = await store.create(docs, 'b/x', doc('b/x'))
        const all = await store.changes(docs, 1)
        expect(keys(all.changes)).toEqual(['a/x', 'b/x'])
        expect(all.revision).toBe(b.revision)
        expect(keys((await store.changes(docs, 1, { prefix: 'b/' })).changes)).toEqual(['b/x'])
        expect((await store.changes(docs, a.revision)).changes).toHaveLength(1)
        expect(await store.changes(docs, b.revision)).toEqual({ changes: [], revision: b.revision })
      })
    })

    describe('objects with a time to live', () => {
      it('vanish from every read an hour after their last write', async () => {
        const first = await store.create(events, 'd/e', doc('d/e'))
        under.advance(1800_000)
        await store.create(events, 'd/f', doc('d/f'))
        await store.update(events, 'd/e', doc('d/e', { n: '2' }), first.revision)
        under.advance(1801_000)
        expect(keys((await store.list(events)).items)).toEqual(['d/e', 'd/f'])
        under.advance(1801_000)
        expect((await store.list(events)).items).toEqual([])
        expect(await store.get(events, 'd/e')).toBeUndefined()
        await store.create(events, 'd/e', doc('d/e', { n: '3' }))
        expect(keys((await store.list(events)).items)).toEqual(['d/e'])
      })
    })

    describe('informer', () => {
      it('shows a write that was acknowledged before its refresh', async () => {
        const informer = new StoreInformer(store, docs)
        await informer.refresh()
        expect(informer.list()).toEqual([])
        const a = await store.create(docs, 'd/a', doc('d/a'))
        expect(await informer.refresh()).toBe(a.revision)
        expect(informer.get('d/a')).toEqual(a)
        await store.delete(docs, 'd/a', a.object, a.revision)
        expect(informer.get('d/a')).toEqual(a)
        await informer.refresh()
        expect(informer.get('d/a')).toBeUndefined()
      })

      it('serves concurrent refreshes, each as fresh as its own call', async () => {
        const informer = new StoreInformer(store, docs)
        const first = informer.refresh()
        const a = await store.create(docs, 'd/a', doc('d/a'))
        const [, second, third] = await Promise.all([first, informer.refresh(), informer.refresh()])
        expect(second).toBeGreaterThanOrEqual(a.revision)
        expect(third).toBeGreaterThanOrEqual(a.revision)
        expect(informer.get('d/a')).toEqual(a)
      })

      it('keeps its indexes true through changes of the indexed value', async () => {
        const informer = new StoreInformer(store, docs)
        const a = await store.create(docs, 'd/a', doc('d/a', { color: 'red' }))
        await informer.refresh()
        informer.addIndex('color', object => [(object as Doc).data?.color ?? 'none'])
        expect(keys(informer.byIndex('color', 'red'))).toEqual(['d/a'])
        const a2 = await store.update(docs, 'd/a', doc('d/a', { color: 'blue' }), a.revision)
        await store.create(docs, 'd/b', doc('d/b', { color: 'blue' }))
        await informer.refresh()
        expect(informer.byIndex('color', 'red')).toEqual([])
        expect(keys(informer.byIndex('color', 'blue'))).toEqual(['d/a', 'd/b'])
        await store.delete(docs, 'd/a', a2.object, a2.revision)
        await informer.refresh()
        expect(keys(informer.byIndex('color', 'blue'))).toEqual(['d/b'])
      })

      it('lists again after it slept for longer than the log is kept', async () => {
        const informer = new StoreInformer(store, docs)
        const a = await store.create(docs, 'd/a', doc('d/a'))
        await informer.refresh()
        await store.delete(docs, 'd/a', a.object, a.revision)
        await store.create(docs, 'd/b', doc('d/b'))
        await store.create(docs, 'd/c', doc('d/c'))
        await under.forget(docs, await store.revision(docs))
        await informer.refresh()
        expect(keys(informer.list())).toEqual(['d/b', 'd/c'])
      })
    })
  })
}
