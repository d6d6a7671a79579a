// The same histories on AWS's own DynamoDB Local, through the real SDK with faults in its middleware. Fewer of them: time is real here.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GroupResource } from '../../shared/apimachinery/types.ts'
import { DynamoStore } from '../../shared/store/dynamodb/store.ts'
import { StoreInformer } from '../../shared/store/informer.ts'
import { type LocalTables, localTables } from './dynamodb-local.ts'
import { withFaults } from './history/faults.ts'
import { judge } from './history/guarantees.ts'
import { seeded } from './history/simulation.ts'
import { drive } from './history/traffic.ts'
import { readLog } from './history/truth.ts'

const collection: GroupResource = { group: 'example.com', resource: 'docs' }

describe('the DynamoDB store on DynamoDB Local, with faults', () => {
  let tables: LocalTables
  let table: string
  beforeAll(async () => {
    tables = await localTables()
    table = await tables.create()
  }, 60_000)
  afterAll(() => tables.stop())

  it('keeps its promises', { timeout: 60_000 }, async () => {
    const seed = Number(process.env.ZEROPLANE_SEED ?? Date.now() % 1_000_000)
    const random = seeded(seed)
    const happened = new Map<string, number>()
    const cluster = `seed-${seed}`
    const history = await drive({
      random,
      sleep: async milliseconds => {
        await sleep(milliseconds)
      },
      open() {
        const { client, crash } = withFaults(tables.client({ maxAttempts: 3 }), random, happened)
        return { store: new DynamoStore({ client, table, cluster }), crash }
      },
      informer: store => new StoreInformer(store, collection),
      processes: 3,
      workers: 2,
      operations: 40,
      writes: 0.6,
      crash: 0.01,
    })
    history.truth = await readLog(tables.client(), table, cluster, collection)
    expect(judge(history), `seed ${seed}`).toEqual([])
    expect(history.truth.length).toBeGreaterThan(30)
    expect([...happened.keys()].sort()).toEqual(['delay', 'reply lost for good', 'reply lost, request repeated', 'throttled'])
  })
})
