// The log as it stands in the table, read slot by slot: no cleverness between the table and the judge.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { GroupResource } from '../../../shared/apimachinery/types.ts'
import { decodeChange } from '../../../shared/store/dynamodb/decode.ts'
import { CHANGE_ATTRIBUTE, partition } from '../../../shared/store/dynamodb/items.ts'
import { Table } from '../../../shared/store/dynamodb/table.ts'
import type { Change } from '../../../shared/store/types.ts'

export async function readLog(client: DynamoDBClient, name: string, cluster: string, collection: GroupResource): Promise<Change[]> {
  const table = new Table(client, name)
  const changes: Change[] = []
  for await (const page of table.query(partition(cluster, 'l', collection))) {
    for (const item of page) if (CHANGE_ATTRIBUTE in item) changes.push(await decodeChange(table, cluster, collection, item))
  }
  return changes
}
