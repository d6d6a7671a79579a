// The table's stream in, work out, and events for the cluster's owner where there is a bus. Also takes the delay queue's messages that
// are due: work is handed to the work queue, which alone keeps two workers off one key; events that the bus did not take are offered again.
import type { AttributeValue, DynamoDBBatchResponse, DynamoDBStreamEvent, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { clusterName } from '../../shared/cluster-name.ts'
import type { Controller } from '../../shared/controllers/types.ts'
import { type ChangeBus, type ChangeEvent, eventOf, parseEvent } from '../../shared/pipeline/change-events.ts'
import { createDispatch } from '../../shared/pipeline/dispatch.ts'
import type { Log } from '../../shared/pipeline/log.ts'
import { parseMessage } from '../../shared/pipeline/message.ts'
import type { WorkItem, WorkQueue } from '../../shared/pipeline/work.ts'
import type { Change } from '../../shared/store/types.ts'

export interface DispatchDependencies {
  readonly controllers: readonly Pick<Controller, 'name' | 'watches'>[]
  /** The change that a log item records; undefined for any other item. */
  readonly changeOf: (
    image: Readonly<Record<string, AttributeValue>>,
  ) => Promise<{ readonly cluster: string; readonly change: Change } | undefined>
  readonly queueOf: (cluster: string) => WorkQueue
  /** Where every change is published; absent: nowhere. */
  readonly bus?: ChangeBus
  readonly log: Log
}

export type DispatchFunction = (event: DynamoDBStreamEvent | SQSEvent) => Promise<DynamoDBBatchResponse | SQSBatchResponse>

export function createDispatchFunction(dependencies: DispatchDependencies): DispatchFunction {
  const { controllers, bus, log } = dependencies
  const dispatch = createDispatch(controllers, (error, controller, { collection, key }) =>
    log.error({ error, controller, collection, key }, 'mapping a change to keys failed'),
  )

  async function changes({ Records }: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> {
    const byCluster = new Map<string, Change[]>()
    let firstFailed: string | undefined
    for (const { dynamodb } of Records) {
      try {
        const image = dynamodb?.NewImage
        const found = image === undefined ? undefined : await dependencies.changeOf(image)
        if (found !== undefined) byCluster.set(found.cluster, [...(byCluster.get(found.cluster) ?? []), found.change])
      } catch (error) {
        // What comes after a bad record is dispatched all the same, and once more with the retry.
        log.error({ error, sequence: dynamodb?.SequenceNumber, keys: dynamodb?.Keys }, 'a stream record cannot be read')
        firstFailed ??= dynamodb?.SequenceNumber
      }
    }
    for (const [cluster, list] of byCluster) await send(cluster, dispatch(list))
    if (bus !== undefined) await publish(bus, byCluster)
    return { batchItemFailures: firstFailed === undefined ? [] : [{ itemIdentifier: firstFailed }] }
  }

  async function due({ Records }: SQSEvent): Promise<SQSBatchResponse> {
    const failed: string[] = []
    for (const { messageId, body } of Records) {
      try {
        const event = parseEvent(body)
        if (event !== undefined) {
          await publishAgain(event)
          continue
        }
        const { cluster, items } = parseMessage(body)
        await send(cluster, items)
      } catch (error) {
        log.error({ error, messageId }, 'a delayed message could not be handed on')
        failed.push(messageId)
      }
    }
    return { batchItemFailures: failed.map(itemIdentifier => ({ itemIdentifier })) }
  }

  /** After the work is sent: a bus that is slow, or takes nothing, holds up no controller. */
  async function publish(bus: ChangeBus, byCluster: ReadonlyMap<string, readonly Change[]>): Promise<void> {
    const events = [...byCluster].flatMap(([cluster, changes]) => changes.map(change => eventOf(clusterName(cluster), change)))
    if (events.length === 0) return
    const left = await bus.publish(events)
    if (left.length === 0) return
    log.error({ count: left.length, first: left[0]?.detailType }, 'events were not taken by the bus; they are offered again in a minute')
    await bus.postpone(left)
  }

  /** @throws when the bus still does not take it: the message comes again, and at last ends in the queue of failures. */
  async function publishAgain(event: ChangeEvent): Promise<void> {
    const left = (await bus?.publish([event])) ?? []
    if (left.length > 0)
      throw new Error(`the bus did not take "${event.detailType}" of ${event.detail.namespace ?? ''}/${event.detail.name}`)
  }

  async function send(cluster: string, items: readonly WorkItem[]): Promise<void> {
    if (items.length > 0) await dependencies.queueOf(cluster).send(items)
  }

  return async event => (isStream(event) ? changes(event) : due(event))
}

const isStream = (event: DynamoDBStreamEvent | SQSEvent): event is DynamoDBStreamEvent =>
  event.Records[0] === undefined || event.Records[0].eventSource === 'aws:dynamodb'
