// What a cluster has in the table. Nothing in DynamoDB finds partitions by the beginning of their names, so a cluster that may be deleted one
// day writes down each of them before its first item is there: who dies between the two leaves a line too many, never an item too many.
//
//   line  c/<cluster>/k   o/<group>/<resource> | n/<topic>
import { S } from './items.ts'
import type { Table } from './table.ts'

export const cataloguePlace = (cluster: string) => `c/${cluster}/k`

export const collectionLine = (collection: string) => `o/${collection}`
export const topicLine = (topic: string) => `n/${topic}`

export class Catalogue {
  readonly #table: Table
  readonly #place: string
  readonly #written = new Map<string, Promise<unknown>>()

  constructor(table: Table, cluster: string) {
    this.#table = table
    this.#place = cataloguePlace(cluster)
  }

  /** The line is there when this resolves. One read for each line and process; a write for the first of all. */
  async add(line: string): Promise<void> {
    let written = this.#written.get(line)
    if (written === undefined) {
      written = this.#write(line)
      this.#written.set(line, written)
      written.catch(() => this.#written.delete(line))
    }
    await written
  }

  async #write(line: string): Promise<void> {
    if ((await this.#table.get(this.#place, line)) === undefined) await this.#table.put({ pk: S(this.#place), sk: S(line) })
  }
}
