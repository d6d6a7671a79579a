// Records of the table's stream as changes.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { AttributeValue as StreamValue } from 'aws-lambda'
import type { Change } from '../types.ts'
import { decodeChange, logPartition } from './decode.ts'
import { CHANGE_ATTRIBUTE, type Item, textOf } from './items.ts'
import { Table } from './table.ts'

/** The new image of a stream record, as Lambda hands it over (bytes in base64). */
export type StreamImage = Readonly<Record<string, StreamValue>>

export interface ClusterChange {
  readonly cluster: string
  readonly change: Change
}

/** Answers undefined for items that record no change. Large objects, whose bodies are in parts, are read from the table. */
export function changeReader(client: DynamoDBClient, tableName: string): (image: StreamImage) => Promise<ClusterChange | undefined> {
  const table = new Table(client, tableName)
  return async image => {
    const item = image as unknown as Item
    const partition = logPartition(textOf(item, 'pk'))
    if (partition === undefined || !(CHANGE_ATTRIBUTE in item)) return undefined
    const { cluster, collection } = partition
    return { cluster, change: await decodeChange(table, cluster, collection, item) }
  }
}
