// What every place for notes must do, in memory and on DynamoDB Local, and what it costs there.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Meter, meterDynamoDb } from '../../shared/aws/meter.ts'
import { DynamoNotes } from '../../shared/store/dynamodb/notes.ts'
import { MemoryNotes, type Notes } from '../../shared/store/notes.ts'
import { type LocalTables, localTables } from './dynamodb-local.ts'

const START = Date.UTC(2030, 0, 1)
let tables: LocalTables
let table: string
let clusters = 0

beforeAll(async () => {
  tables = await localTables()
  table = await tables.create()
}, 60_000)
afterAll(() => tables.stop())

interface Place {
  readonly notes: Notes
  advance(milliseconds: number): void
}

function suite(name: string, open: (now: () => number) => Notes) {
  const place = (): Place => {
    let now = START
    return {
      notes: open(() => now),
      advance: milliseconds => {
        now += milliseconds
      },
    }
  }

  describe(`notes ${name}`, () => {
    it('answers what was put last', async () => {
      const { notes } = place()
      expect(await notes.get('t', 'a')).toBeUndefined()
      await notes.put('t', 'a', { n: 1 }, START + 1000)
      await notes.put('t', 'a', { n: 2, list: ['x'] }, START + 1000)
      expect(await notes.get('t', 'a')).toEqual({ n: 2, list: ['x'] })
    })

    it('lists a topic, or the part of it that begins alike, in key order', async () => {
      const { notes } = place()
      for (const key of ['b/1', 'a/2', 'a/1', 'ab/1']) await notes.put('t', key, key, START + 1000)
      await notes.put('other', 'a/3', 'a/3', START + 1000)
      expect((await notes.list('t')).map(({ key }) => key)).toEqual(['a/1', 'a/2', 'ab/1', 'b/1'])
      expect(await notes.list('t', 'a/')).toEqual([
        { key: 'a/1', value: 'a/1' },
        { key: 'a/2', value: 'a/2' },
      ])
      expect(await notes.list('none')).toEqual([])
    })

    it('forgets a note when its time is over, to the millisecond, and not its younger neighbours', async () => {
      const { notes, advance } = place()
      await notes.put('t', 'a', 1, START + 1500)
      await notes.put('t', 'b', 2, START + 1501)
      advance(1499)
      expect(await notes.get('t', 'a')).toBe(1)
      advance(1)
      expect(await notes.get('t', 'a')).toBeUndefined()
      expect(await notes.list('t')).toEqual([{ key: 'b', value: 2 }])
      await notes.put('t', 'a', 3, START + 2000)
      expect(await notes.get('t', 'a')).toBe(3)
    })

    it('keeps what is in it apart from what the caller does with it later', async () => {
      const { notes } = place()
      const value = { list: [1] }
      await notes.put('t', 'a', value, START + 1000)
      value.list.push(2)
      expect(await notes.get('t', 'a')).toEqual({ list: [1] })
    })
  })
}

suite('in memory', now => new MemoryNotes(now))
suite('in DynamoDB', now => new DynamoNotes({ client: tables.client(), table, cluster: `notes-${++clusters}`, now }))

describe('a note costs', () => {
  const open = (): { notes: Notes; meter: Meter } => {
    const client = tables.client()
    const meter = meterDynamoDb(client)
    return { notes: new DynamoNotes({ client, table, cluster: `notes-${++clusters}` }), meter }
  }

  it('one write unit to put, one read unit to get, and half a unit for each 4 KB listed', async () => {
    const { notes, meter } = open()
    await notes.put('t', 'a', { n: 1 }, Date.now() + 60_000)
    expect(meter.take()).toEqual({ calls: { PutItem: 1 }, readUnits: 0, writeUnits: 1 })
    await notes.get('t', 'a')
    expect(meter.take()).toEqual({ calls: { GetItem: 1 }, readUnits: 1, writeUnits: 0 })
    for (let n = 0; n < 10; n++) await notes.put('t', `b${n}`, { n }, Date.now() + 60_000)
    meter.take()
    expect(await notes.list('t')).toHaveLength(11)
    expect(meter.take()).toEqual({ calls: { Query: 1 }, readUnits: 0.5, writeUnits: 0 })
  })
})
