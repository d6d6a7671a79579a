// Random concurrent histories, judged by what the store promises. ZEROPLANE_LONG=2000 plays so many.
import { describe, expect, it } from 'vitest'
import { DynamoStore } from '../../shared/store/dynamodb/store.ts'
import { StoreInformer } from '../../shared/store/informer.ts'
import { judge } from './history/guarantees.ts'
import { withBug } from './history/seed-bug.ts'
import { seededBugs } from './history/seeded-bugs.ts'
import { simulatedHistory } from './history/simulated.ts'

const isLong = process.env.ZEROPLANE_LONG !== undefined
const implementation = { DynamoStore, StoreInformer }

describe('the DynamoDB store under lost replies, late requests, throttling and crashes', () => {
  const first = Number(process.env.ZEROPLANE_SEED ?? 1)
  const count = isLong ? Number(process.env.ZEROPLANE_LONG) : 40

  it(`keeps its promises in ${count} histories from seed ${first}`, { timeout: isLong ? 3600_000 : 60_000 }, async () => {
    for (let seed = first; seed < first + count; seed++) {
      expect(judge(await simulatedHistory(seed, implementation)), `seed ${seed}`).toEqual([])
    }
  })
})

describe('a bug in the store is found:', () => {
  /** More histories than any of them needs. */
  const most = 60

  it.each(seededBugs)('$name', { timeout: 60_000 }, async bug => {
    await withBug(bug, async implementation => {
      for (let seed = 1; seed <= most; seed++) {
        try {
          if (judge(await simulatedHistory(seed, implementation)).length > 0) return
        } catch {
          // It broke down altogether, which says nothing about promises.
        }
      }
      expect.fail(`not found in ${most} histories`)
    })
  })
})
