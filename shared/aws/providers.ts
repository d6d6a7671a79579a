// What the functions' environment names, made once per environment and cluster. Marked as pure, so that a bundle has only what its function asks for.
import { isMade } from '../cluster-name.ts'
import { DynamoNotes } from '../store/dynamodb/notes.ts'
import { DynamoStore } from '../store/dynamodb/store.ts'
import { type ClusterChange, changeReader, type StreamImage } from '../store/dynamodb/stream.ts'
import type { Notes } from '../store/notes.ts'
import type { Change, FeedingStore } from '../store/types.ts'
import { dynamoDbClient, schedulerClient, sqsClient } from './clients.ts'
import { readEnvironment } from './environment.ts'
import { SqsQueues } from './queues.ts'
import { type SchedulesOptions, schedulePrefix, scheduleUnlessScheduled } from './schedules.ts'
import { SqsWorkQueue } from './work-queue.ts'

const dynamoDb = /* @__PURE__ */ once(dynamoDbClient)
const sqs = /* @__PURE__ */ once(sqsClient)
const scheduler = /* @__PURE__ */ once(schedulerClient)

const tableName = () => readEnvironment(['TABLE_NAME']).TABLE_NAME

/** Where clusters keep what they have. */
export interface Stores {
  store(cluster: string): FeedingStore
  notes(cluster: string): Notes
  /** Deletes everything of a cluster. Answers how many items there were; 0: nothing is left. */
  purge(cluster: string): Promise<number>
}

let stores: Stores = {
  store: cluster => new DynamoStore({ client: dynamoDb(), table: tableName(), cluster, catalogued: isMade(cluster) }),
  notes: cluster => new DynamoNotes({ client: dynamoDb(), table: tableName(), cluster, catalogued: isMade(cluster) }),
  async purge(cluster) {
    const [{ purge }, { Table }] = await Promise.all([import('../store/dynamodb/purge.ts'), import('../store/dynamodb/table.ts')])
    return purge(new Table(dynamoDb(), tableName()), cluster)
  },
}

/** Puts other stores in the place of DynamoDB's, for a process that keeps nothing. Before the first storeOf and notesOf. */
export function provideStores(others: Stores): void {
  stores = others
}

/** Notes of a cluster, in the store's table. */
export const notesOf = /* @__PURE__ */ each(cluster => stores.notes(cluster))

export const storeOf = /* @__PURE__ */ each(cluster => {
  const store = stores.store(cluster)
  store.feed(change => {
    for (const listener of listeners) listener(cluster, change)
  })
  return store
})

const listeners = new Set<(cluster: string, change: Change) => void>()

/** Tells of every change that this process writes, in whatever cluster, before it is acknowledged. Answers how to stop it. */
export function feed(listener: (cluster: string, change: Change) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** What this process keeps of a cluster's objects; somebody who still works with them goes on. */
export function forgetCluster(cluster: string): void {
  storeOf.forget(cluster)
  notesOf.forget(cluster)
}

/** Functions without a Scheduler group in their environment put work off for 15 minutes at most. */
export const queueOf = /* @__PURE__ */ each(cluster => {
  const { WORK_QUEUE_URL: workQueueUrl, DELAY_QUEUE_URL: delayQueueUrl } = readEnvironment(['WORK_QUEUE_URL', 'DELAY_QUEUE_URL'])
  const options = schedules()
  return new SqsWorkQueue({
    client: sqs(),
    cluster,
    workQueueUrl,
    delayQueueUrl,
    schedules: options && { ...options, prefix: schedulePrefix(cluster) },
  })
})

/** Deletes everything that a cluster has in the store, and the schedules of its work. Answers how many items there were; 0: nothing is left. */
export async function purgeCluster(cluster: string): Promise<number> {
  if (!isMade(cluster)) throw new Error(`cluster ${cluster} is the deployment's own, and is not deleted`)
  const options = schedules()
  if (options !== undefined) {
    const { deleteSchedules } = await import('./delete-schedules.ts')
    await deleteSchedules(options, schedulePrefix(cluster))
  }
  return stores.purge(cluster)
}

/** The queues that WorkQueue objects own. */
export const queuesOf = /* @__PURE__ */ once(() => {
  const { QUEUE_PREFIX: prefix, POD_SQS_ENDPOINT: podEndpoint } = readEnvironment(['QUEUE_PREFIX', 'POD_SQS_ENDPOINT'])
  return new SqsQueues({ client: sqs(), prefix, podEndpoint })
})

/** Reads the stream's records. */
export const changeOf: (image: StreamImage) => Promise<ClusterChange | undefined> = image => reader()(image)
const reader = /* @__PURE__ */ once(() => changeReader(dynamoDb(), readEnvironment(['TABLE_NAME']).TABLE_NAME))

/** Has the tick function look at the whole cluster at `due` (ms since the epoch), unless it is going to anyway. */
export async function scheduleResync(cluster: string, due: number): Promise<void> {
  const options = schedules()
  if (options !== undefined) await scheduleUnlessScheduled(options, `${cluster} resync`, due, { cluster, resync: true })
}

const schedules = /* @__PURE__ */ once((): SchedulesOptions | undefined => {
  if (process.env.SCHEDULER_GROUP === undefined) return undefined
  const { SCHEDULER_GROUP, SCHEDULER_ROLE_ARN, TICK_FUNCTION_ARN } = readEnvironment([
    'SCHEDULER_GROUP',
    'SCHEDULER_ROLE_ARN',
    'TICK_FUNCTION_ARN',
  ])
  return { client: scheduler(), group: SCHEDULER_GROUP, roleArn: SCHEDULER_ROLE_ARN, targetArn: TICK_FUNCTION_ARN }
})

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

interface Each<T> {
  (cluster: string): T
  forget(cluster: string): void
}

function each<T>(make: (cluster: string) => T): Each<T> {
  const made = new Map<string, T>()
  const of = (cluster: string) => {
    let value = made.get(cluster)
    if (value === undefined) {
      value = make(cluster)
      made.set(cluster, value)
    }
    return value
  }
  return Object.assign(of, { forget: (cluster: string) => void made.delete(cluster) })
}
