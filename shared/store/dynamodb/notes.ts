// Notes in the store's table: items of their own partitions, which no log and hence no stream filter knows. One write unit a put.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Note, Notes } from '../notes.ts'
import { Catalogue, topicLine } from './catalogue.ts'
import { type Item, N, numberOf, S, seconds, TTL_ATTRIBUTE, textOf } from './items.ts'
import { Table } from './table.ts'

export interface DynamoNotesOptions {
  readonly client: DynamoDBClient
  readonly table: string
  readonly cluster: string
  /** As the store's: for clusters that may be deleted. */
  readonly catalogued?: boolean
  readonly now?: () => number
}

export class DynamoNotes implements Notes {
  readonly #table: Table
  readonly #cluster: string
  readonly #now: () => number
  readonly #catalogue: Catalogue | undefined

  constructor({ client, table, cluster, catalogued = false, now = Date.now }: DynamoNotesOptions) {
    this.#table = new Table(client, table)
    this.#catalogue = catalogued ? new Catalogue(this.#table, cluster) : undefined
    this.#cluster = cluster
    this.#now = now
  }

  async get(topic: string, key: string): Promise<unknown> {
    const item = await this.#table.get(this.#partition(topic), key)
    return item !== undefined && this.#holds(item) ? JSON.parse(textOf(item, 'note')) : undefined
  }

  async list(topic: string, prefix = ''): Promise<readonly Note[]> {
    const notes: Note[] = []
    for await (const items of this.#table.query(this.#partition(topic), { prefix }, undefined, { weak: true })) {
      for (const item of items)
        if (this.#holds(item)) notes.push({ key: textOf(item, 'sk'), value: JSON.parse(textOf(item, 'note')) as unknown })
    }
    return notes
  }

  async put(topic: string, key: string, value: unknown, expires: number): Promise<void> {
    await this.#catalogue?.add(topicLine(topic))
    await this.#table.put({
      pk: S(this.#partition(topic)),
      sk: S(key),
      note: S(JSON.stringify(value)),
      until: N(expires),
      // DynamoDB sweeps when it pleases, and by whole seconds: `until` is what counts.
      [TTL_ATTRIBUTE]: N(seconds(expires)),
    })
  }

  #holds(item: Item): boolean {
    return (numberOf(item, 'until') ?? 0) > this.#now()
  }

  #partition(topic: string): string {
    return `c/${this.#cluster}/n/${topic}`
  }
}
