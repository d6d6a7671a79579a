// DynamoDB Local for a test file: one process, a table for each store that is asked for.
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { type DynamoDbLocal, startDynamoDbLocal } from '../../localstack/host/dynamodb-local.ts'
import { ensureTable } from '../../shared/store/dynamodb/table-definition.ts'

export interface LocalTables {
  client(config?: DynamoDBClientConfig): DynamoDBClient
  /** A new, empty table. */
  create(): Promise<string>
  stop(): Promise<void>
}

export async function localTables(): Promise<LocalTables> {
  const local: DynamoDbLocal = await startDynamoDbLocal({
    java: javaOnPath(),
    dataDir: undefined,
    cacheDir: join(tmpdir(), 'zeroplane-test-java'),
  })
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

function javaOnPath(): string {
  const folders = [...(process.env.JAVA_HOME ? [join(process.env.JAVA_HOME, 'bin')] : []), ...(process.env.PATH ?? '').split(delimiter)]
  const java = folders.map(folder => join(folder, 'java')).find(path => existsSync(path))
  if (java === undefined) throw new Error('DynamoDB Local needs Java 17, and there is no java on the PATH: `npm start` installs one')
  return java
}
