import { DeleteItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll } from 'vitest'
import type { GroupResource } from '../../shared/apimachinery/types.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { marksText, N, pad, partition, S } from '../../shared/store/dynamodb/items.ts'
import { DynamoStore } from '../../shared/store/dynamodb/store.ts'
import type { FeedingStore } from '../../shared/store/types.ts'
import { type LocalTables, localTables } from './dynamodb-local.ts'
import { storeSuite } from './suite.ts'

let tables: LocalTables
let table: string
let clusters = 0

beforeAll(async () => {
  tables = await localTables()
  table = await tables.create()
}, 60_000)
afterAll(() => tables.stop())

storeSuite('DynamoDB', async () => {
  let ahead = 0
  const clock: Clock = { now: () => Date.now() + ahead, at: (time, run) => systemClock.at(time - ahead, run) }
  const client = tables.client()
  // Every test is a cluster of its own, so they share one table without seeing each other.
  const cluster = `test-${++clusters}`
  const open = () => new DynamoStore({ client, table, cluster, clock })
  let inner: FeedingStore = open()
  return {
    // Each call finds the store that is open now: forgetting means that no process remembers either.
    store: new Proxy({} as FeedingStore, {
      get: (_, name: keyof FeedingStore) => (inner[name] as (...parameters: unknown[]) => unknown).bind(inner),
    }),
    advance: milliseconds => {
      ahead += milliseconds
    },
    async forget(collection: GroupResource, revision: number) {
      const TableName = table
      for (let slot = 1; slot <= revision; slot++) {
        await client.send(new DeleteItemCommand({ TableName, Key: { pk: S(partition(cluster, 'l', collection)), sk: S(pad(slot)) } }))
      }
      await client.send(
        new UpdateItemCommand({
          TableName,
          Key: { pk: S(partition(cluster, 'h', collection)), sk: S('head') },
          UpdateExpression: 'SET marks = :marks, settled = :settled',
          ExpressionAttributeValues: {
            ':marks': S(marksText([{ revision, last: clock.now(), next: clock.now() }])),
            ':settled': N(revision),
          },
        }),
      )
      inner = open()
    },
    close: async () => client.destroy(),
  }
})
