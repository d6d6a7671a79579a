// What the functions' environment names, made once per environment and cluster.
import { DynamoNotes } from '../store/dynamodb/notes.ts'
import { DynamoStore } from '../store/dynamodb/store.ts'
import { type ClusterChange, changeReader, type StreamImage } from '../store/dynamodb/stream.ts'
import type { Notes } from '../store/notes.ts'
import type { FeedingStore } from '../store/types.ts'
import { dynamoDbClient, schedulerClient, sqsClient } from './clients.ts'
import { readEnvironment } from './environment.ts'
import { SqsQueues } from './queues.ts'
import { type SchedulesOptions, scheduleUnlessScheduled } from './schedules.ts'
import { SqsWorkQueue } from './work-queue.ts'

const dynamoDb = once(dynamoDbClient)
const sqs = once(sqsClient)
const scheduler = once(schedulerClient)

let makeStore: (cluster: string) => FeedingStore = cluster =>
  new DynamoStore({ client: dynamoDb(), table: readEnvironment(['TABLE_NAME']).TABLE_NAME, cluster })

let makeNotes: (cluster: string) => Notes = cluster =>
  new DynamoNotes({ client: dynamoDb(), table: readEnvironment(['TABLE_NAME']).TABLE_NAME, cluster })

/** Puts other stores in the place of DynamoDB's, for a process that keeps nothing. Before the first storeOf and notesOf. */
export function provideStores(store: (cluster: string) => FeedingStore, notes: (cluster: string) => Notes): void {
  makeStore = store
  makeNotes = notes
}

/** Notes of a cluster, in the store's table. */
export const notesOf: (cluster: string) => Notes = each(cluster => makeNotes(cluster))

export const storeOf: (cluster: string) => FeedingStore = each(cluster => makeStore(cluster))

/** Functions without a Scheduler group in their environment put work off for 15 minutes at most. */
export const queueOf: (cluster: string) => SqsWorkQueue = each(cluster => {
  const { WORK_QUEUE_URL: workQueueUrl, DELAY_QUEUE_URL: delayQueueUrl } = readEnvironment(['WORK_QUEUE_URL', 'DELAY_QUEUE_URL'])
  return new SqsWorkQueue({ client: sqs(), cluster, workQueueUrl, delayQueueUrl, schedules: schedules() })
})

/** The queues that WorkQueue objects own. */
export const queuesOf = once(() => new SqsQueues({ client: sqs(), prefix: readEnvironment(['QUEUE_PREFIX']).QUEUE_PREFIX }))

/** Reads the stream's records. */
export const changeOf: (image: StreamImage) => Promise<ClusterChange | undefined> = image => reader()(image)
const reader = once(() => changeReader(dynamoDb(), readEnvironment(['TABLE_NAME']).TABLE_NAME))

/** Has the tick function look at the whole cluster at `due` (ms since the epoch), unless it is going to anyway. */
export async function scheduleResync(cluster: string, due: number): Promise<void> {
  const options = schedules()
  if (options !== undefined) await scheduleUnlessScheduled(options, `${cluster} resync`, due, { cluster, resync: true })
}

const schedules = once((): SchedulesOptions | undefined => {
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

function each<T>(make: (cluster: string) => T): (cluster: string) => T {
  const made = new Map<string, T>()
  return cluster => {
    let value = made.get(cluster)
    if (value === undefined) {
      value = make(cluster)
      made.set(cluster, value)
    }
    return value
  }
}
