// A cluster that is deleted leaves nothing in the table, and takes nothing of another with it. On DynamoDB Local.

import { randomBytes } from 'node:crypto'
import { paginateScan } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DynamoNotes } from '../../shared/store/dynamodb/notes.ts'
import { purge } from '../../shared/store/dynamodb/purge.ts'
import { DynamoStore } from '../../shared/store/dynamodb/store.ts'
import { Table } from '../../shared/store/dynamodb/table.ts'
import { type LocalTables, localTables } from './dynamodb-local.ts'
import { doc, docs } from './suite.ts'

const things = { group: '', resource: 'things' }
let tables: LocalTables
let name: string
beforeAll(async () => {
  tables = await localTables()
}, 60_000)
afterAll(() => tables.stop())
beforeEach(async () => {
  name = await tables.create()
})

const open = (cluster: string, catalogued = true) => {
  const options = { client: tables.client(), table: name, cluster, catalogued }
  return { store: new DynamoStore(options), notes: new DynamoNotes(options) }
}
const remove = (cluster: string) => purge(new Table(tables.client(), name), cluster)

async function keys(): Promise<string[]> {
  const found: string[] = []
  for await (const { Items = [] } of paginateScan({ client: tables.client() }, { TableName: name, ConsistentRead: true }))
    found.push(...Items.map(({ pk, sk }) => `${pk!.S} ${sk!.S}`))
  return found.sort()
}

const large = (key: string) => doc(key, { text: randomBytes(600_000).toString('base64') })

/** Everything that a cluster can have: objects, their log, large ones in parts, also of states that are gone, and notes. */
async function fill({ store, notes }: ReturnType<typeof open>): Promise<void> {
  const { revision } = await store.create(docs, 'd/a', doc('d/a'))
  await store.update(docs, 'd/a', large('d/a'), revision)
  const old = await store.create(docs, 'd/b', large('d/b'))
  await store.update(docs, 'd/b', doc('d/b'), old.revision)
  const gone = await store.create(docs, 'd/c', large('d/c'))
  await store.delete(docs, 'd/c', gone.object, gone.revision)
  await store.create(things, '/x', doc('/x'))
  await notes.put('usage', 'a', { cpu: 1 }, Date.now() + 60_000)
}

test('nothing of it is left, and everything of the others', async () => {
  const [one, two] = [open('pr-1.aaaaaaaa'), open('pr-1.bbbbbbbb')]
  const home = open('default', false)
  await fill(two)
  await fill(home)
  const others = await keys()
  await fill(one)
  expect((await keys()).length).toBeGreaterThan(others.length + 10)
  expect(await remove('pr-1.aaaaaaaa')).toBeGreaterThan(10)
  expect(await remove('pr-1.aaaaaaaa')).toBe(0)
  expect(await keys()).toEqual(others)
  expect((await two.store.get(docs, 'd/b'))?.object).toMatchObject(doc('d/b'))
  expect(await home.notes.get('usage', 'a')).toEqual({ cpu: 1 })
})

test('what was written after the first look is found by the second', async () => {
  const one = open('pr-1.aaaaaaaa')
  await fill(one)
  expect(await remove('pr-1.aaaaaaaa')).toBeGreaterThan(0)
  // By a process that has written its line in the catalogue long ago.
  await one.store.create(docs, 'd/late', doc('d/late'))
  expect(await remove('pr-1.aaaaaaaa')).toBeGreaterThan(0)
  expect(await remove('pr-1.aaaaaaaa')).toBe(0)
  expect(await keys()).toEqual([])
})

test('the default cluster has no catalogue, and its keys are as they were', async () => {
  const { store } = open('default', false)
  await store.create(docs, 'd/a', doc('d/a'))
  const collection = `${docs.group}/${docs.resource}`
  expect((await keys()).map(key => key.split(' ')[0])).toEqual([
    `c/default/h/${collection}`,
    `c/default/l/${collection}`,
    `c/default/o/${collection}`,
  ])
})

test('a line is there before the first item, whoever dies in between', async () => {
  const options = { client: tables.client(), table: name, cluster: 'pr-1.aaaaaaaa', catalogued: true }
  options.client.middlewareStack.add(
    (next, { commandName }) =>
      async args => {
        if (commandName === 'UpdateItemCommand') throw new Error('this process has ended')
        return next(args)
      },
    { step: 'initialize' },
  )
  await expect(new DynamoStore(options).create(docs, 'd/a', doc('d/a'))).rejects.toThrow()
  expect(await keys()).toEqual([`c/pr-1.aaaaaaaa/k o/${docs.group}/${docs.resource}`])
  expect(await remove('pr-1.aaaaaaaa')).toBe(0)
  expect(await keys()).toEqual([])
})
