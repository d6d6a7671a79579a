// DynamoDB Local for a test file: one process, a table for each store that is asked for.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { type DynamoDbLocal, startDynamoDbLocal } from '../../localstack/host/dynamodb-local.ts'
import { ensureJava } from '../../localstack/host/machine/java.ts'
import { ensureTable } from '../../shared/store/dynamodb/table-definition.ts'

export interface LocalTables {
  client(config?: DynamoDBClientConfig): DynamoDBClient
  /** A new, empty table. */
  create(): Promise<string>
  stop(): Promise<void>
}

export async function localTables(): Promise<LocalTables> {
  const local: DynamoDbLocal = await startDynamoDbLocal({
    java: await ensureJava(text => console.error(text)),
    dataDir: undefined,
    cacheDir: join(tmpdir(), 'zeroplane-test-java'),
  })
  await local.ready
  await local.ready
  const client = (config: DynamoDBClientConfig = {}) =>
    new DynamoDBClient({
      endpoint: `http://127.0.0.1:${local.port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      ...config,
    })
  const admin = client()
  let tables = 0
  return {
    client,
    async create() {
      const name = `table-${++tables}`
      await ensureTable(admin, name)
      return name
    },
    async stop() {
      admin.destroy()
      await local.stop()
    },
  }
}
