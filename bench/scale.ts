// What a busy hour costs: many replicas, a rollout, a minute in which all CronJobs are due, the end of a large namespace; on the store in
// memory and on DynamoDB Local. `npm run bench -- scale`, `scale-dynamodb` (both minutes), `scale-10000` (long).
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { startDynamoDbLocal } from '../localstack/host/dynamodb-local.ts'
import { ensureJava } from '../localstack/host/machine/java.ts'
import { provisionTable } from '../localstack/host/provision.ts'
import type { Deployment } from '../shared/api/apps/v1.ts'
import type { Job } from '../shared/api/batch/v1.ts'
import type { Pod } from '../shared/api/core/v1.ts'
import type { KubeObject } from '../shared/apimachinery/types.ts'
import { type Meter, meterDynamoDb } from '../shared/aws/meter.ts'
import { CONFIG_MAPS, CRON_JOBS, DEPLOYMENTS, NAMESPACES, SECRETS } from '../shared/controllers/collections.ts'
import { DynamoStore } from '../shared/store/dynamodb/store.ts'
import { MemoryStore } from '../shared/store/memory.ts'
import type { Change, FeedingStore } from '../shared/store/types.ts'
import type { Figure } from './report.ts'
import { type BenchCluster, startBenchCluster } from './scale-cluster.ts'

/** A node takes 110 pods. */
const PODS_PER_NODE = 100
const NAMESPACE = 'default'

export interface Sizes {
  readonly replicas: number
  readonly rollout: number
  readonly cronJobs: number
  readonly objects: number
}

/** What happened between two moments. */
interface Measured {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly ecsCalls: number
  /** Object writes by collection. */
  readonly writes: Readonly<Record<string, number>>
  readonly dynamoCalls: number
  readonly readUnits: number
  readonly writeUnits: number
}

async function measure(cluster: BenchCluster, meter: Meter | undefined, act: () => Promise<void>): Promise<Measured> {
  const writes: Record<string, number> = {}
  const stop = cluster.store.feed(({ collection: { resource } }) => {
    writes[resource] = (writes[resource] ?? 0) + 1
  })
  meter?.take()
  const calls = cluster.ecsCalls()
  const cpu = process.cpuUsage()
  const begin = performance.now()
  await act()
  const seconds = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(cpu)
  stop()
  const used = meter?.take()
  return {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    ecsCalls: cluster.ecsCalls() - calls,
    writes,
    dynamoCalls: Object.values(used?.calls ?? {}).reduce((sum, count) => sum + count, 0),
    readUnits: used?.readUnits ?? 0,
    writeUnits: used?.writeUnits ?? 0,
  }
}

/** Becomes true with the change that makes it so many pods that run, each counted once. */
function running(count: number, fits: (pod: Pod) => boolean): (change: Change) => boolean {
  let seen = 0
  return ({ collection, object, previous }) => {
    if (collection.resource !== 'pods' || !fits(object as Pod)) return false
    const now = (object as Pod).status?.phase === 'Running'
    if (now && (previous as Pod | undefined)?.status?.phase !== 'Running') seen++
    return seen >= count
  }
}

const template = (app: string, version = 1) => ({
  metadata: { labels: { app } },
  spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'app', image: `example.com/app:${version}` }] },
})

const deployment = (name: string, replicas: number): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: NAMESPACE },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name) },
})

const create = (cluster: BenchCluster, name: string, replicas: number) => async () => {
  const done = cluster.when(running(replicas, pod => pod.metadata.name!.startsWith(`${name}-`)))
  await cluster.client.create(DEPLOYMENTS, deployment(name, replicas))
  await done
}

/** Until every pod is of the new template and the old ones are gone from the count. */
const rollOut = (cluster: BenchCluster, name: string) => async () => {
  const done = cluster.when(({ collection, object, key }) => {
    if (collection.resource !== 'deployments' || key !== `${NAMESPACE}/${name}`) return false
    const { spec, status = {}, metadata } = object as Deployment
    const { replicas } = spec
    const current = status.observedGeneration === metadata.generation
    return current && status.updatedReplicas === replicas && status.replicas === replicas && status.availableReplicas === replicas
  })
  const body = { spec: { template: template(name, 2) } }
  await cluster.client.patch(DEPLOYMENTS, NAMESPACE, name, { type: 'merge', body })
  await done
}

const MINUTE = 60_000

/** They are made for a minute to come, and measured from its first moment. */
async function cronJobs(cluster: BenchCluster, count: number): Promise<() => Promise<void>> {
  const due = (Math.floor(Date.now() / MINUTE) + 2) * MINUTE
  const spec = {
    schedule: `${new Date(due).getUTCMinutes()} * * * *`,
    jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'example.com/app:1' }] } } } },
  }
  for (let i = 0; i < count; i++)
    await cluster.client.create(CRON_JOBS, {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: `cron-${i}`, namespace: NAMESPACE },
      spec,
    } as KubeObject)
  const started = new Set<string>()
  const done = cluster.when(({ collection, object }) => {
    if (collection.resource === 'jobs' && ((object as Job).status?.active ?? 0) > 0) started.add(object.metadata.uid!)
    return started.size >= count
  })
  await sleep(due - Date.now())
  return () => done
}

async function fill(cluster: BenchCluster, namespace: string, count: number): Promise<() => Promise<void>> {
  await cluster.client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  const half = Math.floor(count / 2)
  for (let i = 0; i < half; i++) {
    const metadata = { name: `object-${i}`, namespace }
    await cluster.client.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata })
    await cluster.client.create(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata })
  }
  return async () => {
    const done = cluster.when(
      ({ collection, key, type }) => collection.resource === 'namespaces' && type === 'deleted' && key.endsWith(namespace),
    )
    await cluster.client.delete(NAMESPACES, undefined, namespace)
    await done
  }
}

function figures(what: string, count: number, unit: string, measured: Measured, beside?: string): Figure[] {
  const { seconds, cpuSeconds, ecsCalls, dynamoCalls, readUnits, writeUnits, writes } = measured
  const each = (number: number) => (number / count).toFixed(number / count < 10 ? 2 : 1)
  const dynamo = dynamoCalls === 0 ? '' : `, ${each(dynamoCalls)} DynamoDB calls, ${each(writeUnits)} WCU, ${each(readUnits)} RCU`
  const all = Object.values(writes).reduce((sum, number) => sum + number, 0)
  return [
    {
      name: what,
      value: `${seconds.toFixed(1)} s, ${(count / seconds).toFixed(0)}/s, CPU ${cpuSeconds.toFixed(1)} s`,
      ...(beside && { beside }),
    },
    {
      name: `  for each ${unit}`,
      value: `${each(all)} object writes (${each(writes.pods ?? 0)} of pods), ${each(ecsCalls)} ECS calls${dynamo}`,
    },
  ]
}

/** One after the other on one cluster. */
async function runAll(store: FeedingStore, meter: Meter | undefined, sizes: Sizes): Promise<Figure[]> {
  const { replicas, rollout, cronJobs: crons, objects } = sizes
  const cluster = await startBenchCluster(store, Math.ceil((replicas + crons + rollout) / PODS_PER_NODE) + 1)
  const run = (act: () => Promise<void>) => measure(cluster, meter, act)
  try {
    const all = figures(
      `${replicas} replicas from apply to Running`,
      replicas,
      'pod',
      await run(create(cluster, 'scale', replicas)),
      'aim: 170/s, 4 writes',
    )
    if (rollout > 0) {
      await create(cluster, 'roll', rollout)()
      all.push(...figures(`rollout of ${rollout} (25 % surge, 25 % unavailable)`, rollout, 'pod', await run(rollOut(cluster, 'roll'))))
    }
    if (objects > 0)
      all.push(
        ...figures(`a namespace with ${objects} objects deleted`, objects, 'object', await run(await fill(cluster, 'large', objects))),
      )
    if (crons > 0)
      all.push(
        ...figures(`${crons} CronJobs due at once, until each has its pod`, crons, 'CronJob', await run(await cronJobs(cluster, crons))),
      )
    return all
  } finally {
    await cluster.stop()
  }
}

export const benchScale = (sizes: Sizes = { replicas: 1000, rollout: 100, cronJobs: 500, objects: 2000 }): Promise<Figure[]> =>
  runAll(new MemoryStore(), undefined, sizes)

export async function benchScaleOnDynamoDb(sizes: Sizes = { replicas: 200, rollout: 40, cronJobs: 100, objects: 500 }): Promise<Figure[]> {
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
    const store = new DynamoStore({ client, table: 'zeroplane', cluster: 'bench' })
    const found = await runAll(store, meterDynamoDb(client), sizes)
    client.destroy()
    return found
  } finally {
    await database.stop()
  }
}
