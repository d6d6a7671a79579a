// What each verb of the API asks of AWS: SDK calls and DynamoDB's capacity units, with warm caches, on DynamoDB Local's own accounting.
import { join } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { createApi } from '../functions/api/app.ts'
import { startDynamoDbLocal } from '../localstack/host/dynamodb-local.ts'
import { ensureJava } from '../localstack/host/machine/java.ts'
import { provisionTable } from '../localstack/host/provision.ts'
import { MASTERS } from '../shared/auth/types.ts'
import { meterDynamoDb } from '../shared/aws/meter.ts'
import { DynamoStore } from '../shared/store/dynamodb/store.ts'
import type { Figure } from './report.ts'

const PATH = 'https://local/api/v1/namespaces/default/configmaps'

export async function benchCosts(): Promise<Figure[]> {
  const cacheDir = join(import.meta.dirname, '../node_modules/.cache/zeroplane')
  const database = await startDynamoDbLocal({ java: await ensureJava(console.error), dataDir: undefined, cacheDir })
  try {
    await database.ready
    await provisionTable(database.port, 'us-east-1')
    const client = new DynamoDBClient({
      endpoint: `http://127.0.0.1:${database.port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    })
    const { handle } = await createApi({
      store: new DynamoStore({ client, table: 'zeroplane', cluster: 'bench' }),
      tokens: [{ token: 'bench', user: { name: 'bench', groups: [MASTERS] } }],
    })
    const meter = meterDynamoDb(client)
    const call = async (method: string, path: string, body?: object, type = 'application/json') => {
      const response = await handle(
        new Request(`${PATH}${path}`, {
          method,
          headers: { authorization: 'Bearer bench', 'content-type': type },
          ...(body && { body: JSON.stringify(body) }),
        }),
      )
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`)
    }
    const object = (name: string, value: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } })
    await call('POST', '', object('warm', '0'))
    const verbs: [string, () => Promise<void>][] = [
      ['create', () => call('POST', '', object('a', '1'))],
      ['get', () => call('GET', '/a')],
      ['list of 2', () => call('GET', '')],
      ['update', () => call('PUT', '/a', object('a', '2'))],
      ['merge patch', () => call('PATCH', '/a', { data: { value: '3' } }, 'application/merge-patch+json')],
      ['delete', () => call('DELETE', '/a')],
    ]
    const figures: Figure[] = []
    for (const [name, act] of verbs) {
      meter.take()
      await act()
      const { calls, readUnits, writeUnits } = meter.take()
      const made = Object.entries(calls).map(([operation, count]) => (count === 1 ? operation : `${count} ${operation}`))
      figures.push({ name, value: `${readUnits} read units, ${writeUnits} write units`, beside: made.join(', ') })
    }
    client.destroy()
    return figures
  } finally {
    await database.stop()
  }
}
