// What each verb costs in calls and capacity units, and how large an object may be: promises of docs/store.md, held on DynamoDB Local.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Meter, meterDynamoDb } from '../../shared/aws/meter.ts'
import { DynamoStore } from '../../shared/store/dynamodb/store.ts'
import { TooLargeError } from '../../shared/store/types.ts'
import { type LocalTables, localTables } from './dynamodb-local.ts'
import { type Doc, doc, docs } from './suite.ts'

let tables: LocalTables
let table: string
let clusters = 0
let store: DynamoStore
let meter: Meter
const open = () => {
  const client = tables.client()
  meter = meterDynamoDb(client)
  return new DynamoStore({ client, table, cluster: `test-${clusters}` })
}

beforeAll(async () => {
  tables = await localTables()
  table = await tables.create()
}, 60_000)
afterAll(() => tables.stop())
beforeEach(() => {
  clusters++
  store = open()
})

describe('a verb costs', () => {
  it('one call to get', async () => {
    await store.create(docs, 'd/a', doc('d/a'))
    meter.take()
    await store.get(docs, 'd/a')
    expect(meter.take()).toEqual({ calls: { GetItem: 1 }, readUnits: 1, writeUnits: 0 })
  })

  it('two calls and five write units to create, update or delete a small object', async () => {
    await store.create(docs, 'd/first', doc('d/first'))
    meter.take()
    const a = await store.create(docs, 'd/a', doc('d/a'))
    expect(meter.take()).toEqual({ calls: { UpdateItem: 1, TransactWriteItems: 1 }, readUnits: 0, writeUnits: 5 })
    const a2 = await store.update(docs, 'd/a', doc('d/a', { n: '2' }), a.revision)
    expect(meter.take()).toEqual({ calls: { UpdateItem: 1, TransactWriteItems: 1 }, readUnits: 0, writeUnits: 5 })
    await store.delete(docs, 'd/a', a2.object, a2.revision)
    expect(meter.take()).toEqual({ calls: { UpdateItem: 1, TransactWriteItems: 1 }, readUnits: 0, writeUnits: 5 })
  })

  it('one call more to update what this process has not read', async () => {
    const a = await store.create(docs, 'd/a', doc('d/a'))
    store = open()
    await store.update(docs, 'd/a', doc('d/a', { n: '2' }), a.revision)
    expect(meter.take().calls).toEqual({ GetItem: 1, UpdateItem: 1, TransactWriteItems: 1 })
  })

  it('no number and no write to refuse what cannot be', async () => {
    const a = await store.create(docs, 'd/a', doc('d/a'))
    meter.take()
    await expect(store.update(docs, 'd/a', doc('d/a'), a.revision + 1)).rejects.toThrow()
    await expect(store.delete(docs, 'd/b', doc('d/b'), 7)).rejects.toThrow()
    expect(meter.take().writeUnits).toBe(0)
  })

  it('two calls to list, a third in a process that has not seen the collection, one when it is listed often', async () => {
    await store.create(docs, 'd/a', doc('d/a'))
    store = open()
    await store.list(docs)
    expect(meter.take().calls).toEqual({ GetItem: 1, Query: 2 })
    await store.list(docs)
    expect(meter.take().calls).toEqual({ Query: 2 })
    await store.list(docs)
    await store.list(docs, { prefix: 'd/' })
    expect(meter.take().calls).toEqual({ Query: 2 })
  })

  it('few calls when many ask at once', async () => {
    await store.create(docs, 'd/a', doc('d/a'))
    meter.take()
    await Promise.all(Array.from({ length: 50 }, () => store.get(docs, 'd/a')))
    expect(meter.take().calls.GetItem).toBeLessThanOrEqual(2)
    await Promise.all(Array.from({ length: 50 }, () => store.changes(docs, 1)))
    expect(meter.take().calls.Query).toBeLessThanOrEqual(2)
  })

  it('one call to learn what has changed', async () => {
    const { revision } = await store.create(docs, 'd/a', doc('d/a'))
    await store.changes(docs, revision)
    meter.take()
    await store.changes(docs, revision)
    expect(meter.take().calls).toEqual({ Query: 1 })
  })

  it('one call for many numbers when writers wait for each other', async () => {
    await store.create(docs, 'd/first', doc('d/first'))
    meter.take()
    await Promise.all(Array.from({ length: 16 }, (_, n) => store.create(docs, `d/${n}`, doc(`d/${n}`))))
    const { calls } = meter.take()
    expect(calls.TransactWriteItems).toBe(16)
    expect(calls.UpdateItem).toBeLessThanOrEqual(3)
  })
})

describe('a large object', () => {
  /** Text that does not compress. */
  const noise = (bytes: number) => randomBytes(bytes / 2).toString('hex')
  const large = (key: string, n: string): Doc =>
    doc(key, { n, ...Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`${i}`, noise(700_000)])) })

  it('of 2.8 MB is stored, listed, watched, replaced and deleted like any other', { timeout: 30_000 }, async () => {
    const first = await store.create(docs, 'd/large', large('d/large', '1'))
    const second = await store.update(docs, 'd/large', large('d/large', '2'), first.revision)
    const third = await store.update(docs, 'd/large', doc('d/large', { n: 'small' }), second.revision)
    const fourth = await store.update(docs, 'd/large', large('d/large', '4'), third.revision)
    const fresh = open()
    expect(await fresh.get(docs, 'd/large')).toEqual(fourth)
    expect((await fresh.list(docs)).items).toEqual([fourth])
    expect((await fresh.list(docs, { at: second.revision })).items).toEqual([second])
    const gone = await fresh.delete(docs, 'd/large', fourth.object, fourth.revision)
    const { changes } = await open().changes(docs, 1)
    expect(changes.map(({ type, revision, object, previous }) => ({ type, revision, object, previous }))).toEqual([
      { type: 'created', revision: first.revision, object: first.object, previous: undefined },
      { type: 'updated', revision: second.revision, object: second.object, previous: first.object },
      { type: 'updated', revision: third.revision, object: third.object, previous: second.object },
      { type: 'updated', revision: fourth.revision, object: fourth.object, previous: third.object },
      { type: 'deleted', revision: gone.revision, object: gone.object, previous: fourth.object },
    ])
  })

  it('of more than 3 MB is refused, and leaves no gap', async () => {
    const before = await store.revision(docs)
    const object = doc('d/a', { x: noise(3_300_000) })
    await expect(store.create(docs, 'd/a', object)).rejects.toBeInstanceOf(TooLargeError)
    expect(await store.revision(docs)).toBe(before)
  })
})
