// Random concurrent histories, judged by what the store promises. ZEROPLANE_LONG=1 plays many more.
import { describe, expect, it } from 'vitest'
import { DynamoStore } from '../../shared/store/dynamodb/store.ts'
import { StoreInformer } from '../../shared/store/informer.ts'
import { judge } from './history/guarantees.ts'
import { simulatedHistory } from './history/simulated.ts'

const isLong = process.env.ZEROPLANE_LONG !== undefined
const implementation = { DynamoStore, StoreInformer }

describe('the DynamoDB store under lost replies, late requests, throttling and crashes', () => {
  const first = Number(process.env.ZEROPLANE_SEED ?? 1)
  const count = isLong ? 2000 : 40

  it(`keeps its promises in ${count} histories from seed ${first}`, { timeout: isLong ? 3600_000 : 60_000 }, async () => {
    for (let seed = first; seed < first + count; seed++) {
      expect(judge(await simulatedHistory(seed, implementation)), `seed ${seed}`).toEqual([])
    }
  })
})
