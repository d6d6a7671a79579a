// Single scenes of the protocol (docs/store.md) in virtual time on the simulated table.
import { describe, expect, it } from 'vitest'
import { DynamoStore } from '../../shared/store/dynamodb/store.ts'
import { ExpiredError, type Stored, UnavailableError } from '../../shared/store/types.ts'
import { CALM, SimulatedTable } from './history/simulated-table.ts'
import { Simulation } from './history/simulation.ts'
import { doc, docs } from './suite.ts'

const HOUR = 3600_000
const keys = (items: readonly Stored[]) => items.map(item => item.key)

function scene(
  play: (stage: { table: SimulatedTable; simulation: Simulation; open: () => { store: DynamoStore; crash(): void } }) => Promise<void>,
) {
  return async () => {
    const simulation = new Simulation(7)
    const table = new SimulatedTable(simulation, CALM)
    const open = () => {
      const { client, crash } = table.connect()
      return { store: new DynamoStore({ client, table: 'simulated', cluster: 'test', clock: simulation }), crash }
    }
    await simulation.run(play({ table, simulation, open }))
  }
}

describe('the protocol of the store', () => {
  it(
    'lets a crashed writer cost readers one grace period, once',
    scene(async ({ table, simulation, open }) => {
      const [a, b, reader] = [open(), open(), open()]
      await a.store.create(docs, 'd/1', doc('d/1'))
      await reader.store.list(docs)
      table.take('TransactWriteItemsCommand')
      void a.store.create(docs, 'd/2', doc('d/2'))
      // It dies when it has its number, and what it sent last is still on its way.
      while (table.take('TransactWriteItemsCommand') === 0) await simulation.sleep(0.1)
      a.crash()
      await b.store.create(docs, 'd/3', doc('d/3'))
      const took = async () => {
        const begin = simulation.now()
        await reader.store.list(docs)
        return simulation.now() - begin
      }
      const first = await took()
      expect(first).toBeGreaterThanOrEqual(1000)
      expect(first).toBeLessThan(1500)
      expect(await took()).toBeLessThan(100)
      await simulation.sleep(10_000)
      expect(keys((await reader.store.list(docs)).items)).toEqual(['d/1', 'd/3'])
    }),
  )

  it(
    'does not use a number that has grown old, and closes its slot',
    scene(async ({ table, simulation, open }) => {
      const { store } = open()
      await store.create(docs, 'd/1', doc('d/1'))
      table.weather = { ...CALM, conflict: 1 }
      const begin = simulation.now()
      const write = store.create(docs, 'd/2', doc('d/2'))
      await simulation.sleep(25_000)
      table.weather = CALM
      const written = await write
      expect(simulation.now() - begin).toBeGreaterThan(10_000)
      const reader = open().store
      expect(await reader.revision(docs)).toBe(written.revision)
      expect((await reader.changes(docs, 1)).changes.map(change => change.key)).toEqual(['d/1', 'd/2'])
    }),
  )

  it(
    'says that it cannot tell when not even the slot can be asked',
    scene(async ({ table, open }) => {
      const { store } = open()
      await store.create(docs, 'd/1', doc('d/1'))
      const write = store.create(docs, 'd/2', doc('d/2'))
      table.weather = { ...CALM, loseRequest: 1 }
      await expect(write).rejects.toBeInstanceOf(UnavailableError)
      table.weather = CALM
      expect(keys((await open().store.list(docs)).items)).toEqual(['d/1'])
    }),
  )

  it(
    'wakes from a long sleep to the truth, though the log of the time between is gone',
    scene(async ({ table, simulation, open }) => {
      const [sleeper, other] = [open().store, open().store]
      const first = await sleeper.create(docs, 'd/1', doc('d/1'))
      await sleeper.list(docs)
      await sleeper.list(docs)
      await other.delete(docs, 'd/1', first.object, first.revision)
      for (let n = 0; n < 8; n++) {
        await simulation.sleep(HOUR / 2)
        await other.create(docs, `d/new-${n}`, doc(`d/new-${n}`))
        table.sweep()
      }
      await simulation.sleep(2 * HOUR)
      table.sweep()
      const revision = await other.revision(docs)
      await expect(sleeper.changes(docs, first.revision)).rejects.toBeInstanceOf(ExpiredError)
      expect(await sleeper.revision(docs)).toBe(revision)
      const { items } = await sleeper.list(docs)
      expect(items).toHaveLength(8)
      expect(keys(items)).not.toContain('d/1')
      // And so does a process that begins now, in a collection whose log is empty.
      const fresh = open().store
      expect(await fresh.revision(docs)).toBe(revision)
      expect(await fresh.changes(docs, revision)).toEqual({ changes: [], revision })
      await expect(fresh.changes(docs, revision - 1)).rejects.toBeInstanceOf(ExpiredError)
    }),
  )

  it(
    'serves every change of the last 50 minutes, and refuses what is older than the log reaches',
    scene(async ({ table, simulation, open }) => {
      const { store } = open()
      const revisions: number[] = []
      for (let minute = 0; minute < 180; minute += 5) {
        revisions.push((await store.create(docs, `d/${minute}`, doc(`d/${minute}`))).revision)
        await simulation.sleep(5 * 60_000)
        table.sweep()
      }
      const fresh = open().store
      const count = async (minutesAgo: number) => (await fresh.changes(docs, revisions.at(-1 - minutesAgo / 5)!)).changes.length
      expect(await count(0)).toBe(0)
      expect(await count(20)).toBe(4)
      expect(await count(45)).toBe(9)
      await expect(count(80)).rejects.toBeInstanceOf(ExpiredError)
      await expect(count(150)).rejects.toBeInstanceOf(ExpiredError)
    }),
  )

  it(
    'looks at the log for a hundred idle watches as often as for one',
    scene(async ({ table, simulation, open }) => {
      const { store } = open()
      const { revision } = await store.create(docs, 'd/1', doc('d/1'))
      const abort = new AbortController()
      const watches = Array.from({ length: 100 }, async (_, n) => {
        const prefix = n % 2 === 0 ? '' : 'd/'
        for await (const item of store.watch(docs, { from: revision, prefix, signal: abort.signal }))
          expect(item).toEqual({ progress: revision })
      })
      await simulation.sleep(10_000)
      table.take('QueryCommand')
      await simulation.sleep(60_000)
      expect(table.take('QueryCommand')).toBeLessThanOrEqual(121)
      abort.abort()
      await Promise.all(watches)
      await simulation.sleep(1000)
      table.take('QueryCommand')
      await simulation.sleep(60_000)
      expect(table.take('QueryCommand')).toBe(0)
    }),
  )

  it(
    'bears an outage of some seconds without ending watches',
    scene(async ({ table, simulation, open }) => {
      const { store } = open()
      const writer = open().store
      const { revision } = await store.create(docs, 'd/1', doc('d/1'))
      const abort = new AbortController()
      const seen: string[] = []
      const watching = (async () => {
        for await (const item of store.watch(docs, { from: revision, signal: abort.signal }))
          if ('change' in item) seen.push(item.change.key)
      })()
      await simulation.sleep(2000)
      table.weather = { ...CALM, loseRequest: 1 }
      await simulation.sleep(5000)
      table.weather = CALM
      await writer.create(docs, 'd/2', doc('d/2'))
      await simulation.sleep(3000)
      expect(seen).toEqual(['d/2'])
      abort.abort()
      await watching
    }),
  )
})
