// Work messages in; reconciles, and what they cause, until that is done or time is up.
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import type { Log } from '../../shared/pipeline/log.ts'
import { parseMessage, type WorkMessage } from '../../shared/pipeline/message.ts'
import type { WorkItem, WorkQueue } from '../../shared/pipeline/work.ts'
import type { Worker } from '../../shared/pipeline/worker.ts'
import type { Telemetry } from '../../shared/telemetry.ts'

export interface ClusterWork {
  readonly worker: Worker
  readonly queue: WorkQueue
}

export interface ReconcileDependencies {
  /** The same for every call with the same cluster: informers stay warm in it. */
  readonly workOf: (cluster: string) => ClusterWork
  /** Whether the cluster is still there: work of one that is gone is dropped. Default: it is. */
  readonly isThere?: (cluster: string) => Promise<boolean>
  /** Sees to it that the cluster is resynced at a time, or before. */
  readonly scheduleResync: (cluster: string, due: number) => Promise<void>
  readonly now: () => number
  readonly log: Log
  readonly telemetry?: Telemetry
}

export type ReconcileFunction = (event: SQSEvent, context: Pick<Context, 'getRemainingTimeInMillis'>) => Promise<SQSBatchResponse>

/** Nothing new is begun after so long, so that other messages of the group get their turn... */
const TURN_MS = 20_000
/** ... or when only so much of the function's time is left for what has begun. */
const RESERVE_MS = 30_000
/** A message that comes for this time has taken the function down before. Its items are tried one by one... */
const SEPARATE_FROM_RECEIVE = 3
/** ... and one that does it alone rests for so long before it is tried again. */
const REST_MS = 900_000

/** A cluster in which something changes is looked at as a whole so much later, in case that a change was lost on its way. */
const RESYNC_MS = 3600_000
/** One environment asks for it no more often than this. */
const RESYNC_ASK_MS = 600_000

export function createReconcileFunction({
  workOf,
  isThere = async () => true,
  scheduleResync,
  now,
  log,
  telemetry,
}: ReconcileDependencies): ReconcileFunction {
  const asked = new Map<string, number>()

  return async ({ Records }, context) => {
    const begin = now()
    const until = Math.min(begin + TURN_MS, begin + Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS))
    // One that waits for others of its group is as old as they let it become: what is late here is late for people.
    const sent = Math.min(...Records.map(({ attributes }) => Number(attributes.SentTimestamp)))
    telemetry?.add({ name: 'QueueAge', unit: 'Milliseconds', value: Math.max(0, begin - sent) })
    const failed: string[] = []
    const byCluster = new Map<string, { readonly items: WorkItem[]; readonly messages: string[] }>()
    for (const record of Records) {
      try {
        const { cluster, items } = parseMessage(record.body)
        if (await putAside(record, { cluster, items })) continue
        const known = byCluster.get(cluster) ?? { items: [], messages: [] }
        known.items.push(...items)
        known.messages.push(record.messageId)
        byCluster.set(cluster, known)
      } catch (error) {
        log.error({ error, messageId: record.messageId }, 'a work message cannot be worked on')
        failed.push(record.messageId)
      }
    }
    await Promise.all(
      [...byCluster].map(async ([cluster, { items, messages }]) => {
        try {
          if (!(await isThere(cluster))) {
            log.debug({ cluster, count: items.length }, 'work of a cluster that is gone')
            return
          }
          await Promise.all([workOf(cluster).worker.work(items, { until }), askForResync(cluster, items)])
        } catch (error) {
          log.error({ error, cluster }, 'work could not be finished; its messages come again')
          failed.push(...messages)
        }
      }),
    )
    return { batchItemFailures: failed.map(itemIdentifier => ({ itemIdentifier })) }
  }

  /** Nothing changes in an idle cluster, so nothing looks at it either. */
  async function askForResync(cluster: string, items: readonly WorkItem[]): Promise<void> {
    const isChange = items.some(item => item.seen !== undefined)
    if (!isChange || now() - (asked.get(cluster) ?? 0) < RESYNC_ASK_MS) return
    asked.set(cluster, now())
    try {
      await scheduleResync(cluster, now() + RESYNC_MS)
    } catch (error) {
      log.warn({ error, cluster }, 'resync could not be scheduled')
    }
  }

  /** Keeps a message that ends the function each time from holding up its group, or from being lost. */
  async function putAside({ attributes }: SQSRecord, { cluster, items }: WorkMessage): Promise<boolean> {
    if (Number(attributes.ApproximateReceiveCount) < SEPARATE_FROM_RECEIVE) return false
    const { queue } = workOf(cluster)
    if (items.length > 1) {
      for (const item of items) await queue.send([item])
    } else {
      for (const item of items) {
        log.error({ ...item }, 'a reconcile has ended the function again and again; it is tried again later')
        await queue.sendLater(item, now() + REST_MS)
      }
    }
    return true
  }
}
