// What an autoscaler costs that has nothing to do: promises of docs/cost.md, held on DynamoDB Local.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { UNITS } from '../../cdk/units.ts'
import { Remotes } from '../../shared/aggregation/remote.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { type Meter, meterDynamoDb } from '../../shared/aws/meter.ts'
import { ManualClock } from '../../shared/clock.ts'
import { openCluster } from '../../shared/cluster.ts'
import { DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, PODS } from '../../shared/controllers/collections.ts'
import { horizontalPodAutoscaling } from '../../shared/controllers/horizontalpodautoscaler.ts'
import { apiSource } from '../../shared/metrics/apis.ts'
import { usageSource } from '../../shared/metrics/source.ts'
import { UsageBook } from '../../shared/metrics/usage.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { type Manager, startManager } from '../../shared/pipeline/manager.ts'
import { DynamoNotes } from '../../shared/store/dynamodb/notes.ts'
import { DynamoStore } from '../../shared/store/dynamodb/store.ts'
import { type LocalTables, localTables } from '../store/dynamodb-local.ts'

let tables: LocalTables
let manager: Manager | undefined
beforeAll(async () => {
  tables = await localTables()
}, 60_000)
afterEach(() => manager?.stop())
afterAll(() => tables.stop())

async function start(): Promise<{ clock: ManualClock; meter: Meter; book: UsageBook; settle(): Promise<void> }> {
  const clock = new ManualClock(Date.now())
  const dynamo = tables.client()
  const meter = meterDynamoDb(dynamo)
  const table = await tables.create()
  const store = new DynamoStore({ client: dynamo, table, cluster: 'c' })
  const notes = new DynamoNotes({ client: dynamo, table, cluster: 'c', now: clock.now })
  const machinery = openCluster({ store, now: clock.now })
  const client = clientFor(machinery, SYSTEM)
  const create = (resource: { group: string; resource: string }, object: object) => client.create(resource, object as KubeObject)
  await create({ group: '', resource: 'namespaces' }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
  const metadata = { name: 'web', namespace: 'shop', labels: { app: 'web' } }
  const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu: '100m' } } }]
  const template = { metadata: { labels: metadata.labels }, spec: { containers } }
  await create(
    { group: '', resource: 'serviceaccounts' },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...metadata, name: 'default' } },
  )
  await create(DEPLOYMENTS, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: { replicas: 1, selector: { matchLabels: metadata.labels }, template },
  })
  const pod = await create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...template.spec, nodeName: 'n' } })
  const time = new Date(clock.now() - 3600_000).toISOString().replace(/\.\d+Z$/, 'Z')
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: time }]
  await client.patch(PODS, 'shop', 'web', {
    type: 'merge',
    body: { status: { phase: 'Running', startTime: time, conditions } },
    subresource: 'status',
  })
  const book = new UsageBook(notes, clock.now)
  const metrics = apiSource(new Remotes({ read: createReader(store), store }), usageSource(new UsageBook(notes, clock.now), clock.now))
  manager = await startManager({
    store,
    client,
    registry: machinery.registry,
    controllers: [horizontalPodAutoscaling(() => ({ metrics, notes }))],
    clock,
    log: silent,
  })
  await create(HORIZONTAL_POD_AUTOSCALERS, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata,
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 3,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }],
    },
  })
  await manager.idle()
  const settle = async () => {
    const containers = [{ name: 'c', nanoCores: 50_000_000, memoryBytes: 4096 }]
    await book.put({ namespace: 'shop', name: 'web', uid: pod.metadata.uid!, node: 'n', at: clock.now(), window: 15_000, containers })
    clock.advance(15_000)
    await manager?.idle()
  }
  return { clock, meter, book, settle }
}

test('a look that changes nothing costs a few reads and no write', async () => {
  const { meter, clock, settle } = await start()
  for (let look = 0; look < 3; look++) await settle()
  meter.take()
  clock.advance(15_000)
  await manager?.idle()
  const { readUnits, writeUnits } = meter.take()
  expect(writeUnits).toBe(0)
  expect(readUnits).toBe(UNITS.autoscalerLook.readUnits)
})
