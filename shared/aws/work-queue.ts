// The work queue on AWS: a FIFO queue for now, a standard queue with DelaySeconds for up to 15 minutes, a schedule for longer.
import { randomUUID } from 'node:crypto'
import { SendMessageBatchCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { type GroupedMessage, messagesOf, type WorkMessage } from '../pipeline/message.ts'
import type { WorkItem, WorkQueue } from '../pipeline/work.ts'
import { type SchedulesOptions, scheduleAt } from './schedules.ts'

export interface SqsWorkQueueOptions {
  readonly client: SQSClient
  /** Cluster that the work belongs to. */
  readonly cluster: string
  readonly workQueueUrl: string
  readonly delayQueueUrl: string
  /** Without it, work that is due later comes after 15 minutes: reconciling it too early only asks for the next wait. */
  readonly schedules?: SchedulesOptions
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

/** SQS's own limits. */
const LONGEST_DELAY_SECONDS = 900
const BATCH = 10
const BATCH_BYTES = 256 * 1024

export class SqsWorkQueue implements WorkQueue {
  readonly #options: SqsWorkQueueOptions
  readonly #now: () => number

  constructor(options: SqsWorkQueueOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  async send(items: readonly WorkItem[]): Promise<void> {
    const { cluster } = this.#options
    for (const batch of batches(messagesOf(cluster, items))) await this.#sendBatch(batch)
  }

  async sendLater(item: WorkItem, due: number): Promise<void> {
    const { client, cluster, delayQueueUrl, schedules } = this.#options
    const message: WorkMessage = { cluster, items: [{ ...item, due }] }
    const delay = Math.max(0, Math.ceil((due - this.#now()) / 1000))
    if (delay > LONGEST_DELAY_SECONDS && schedules !== undefined) {
      return scheduleAt(schedules, `${cluster} ${item.controller} ${item.key}`, due, message)
    }
    await client.send(
      new SendMessageCommand({
        QueueUrl: delayQueueUrl,
        DelaySeconds: Math.min(delay, LONGEST_DELAY_SECONDS),
        MessageBody: JSON.stringify(message),
      }),
    )
  }

  async #sendBatch(messages: readonly GroupedMessage[]): Promise<void> {
    const { Failed = [] } = await this.#options.client.send(
      new SendMessageBatchCommand({
        QueueUrl: this.#options.workQueueUrl,
        Entries: messages.map(({ group, body }, index) => ({
          Id: String(index),
          MessageGroupId: group,
          // A retry of this call by the SDK is one message; two pieces of work never are.
          MessageDeduplicationId: randomUUID(),
          MessageBody: body,
        })),
      }),
    )
    if (Failed.length > 0) {
      throw new Error(
        `SQS did not take ${Failed.length} of ${messages.length} work messages: ${Failed[0]?.Code} ${Failed[0]?.Message ?? ''}`,
      )
    }
  }
}

function batches(messages: readonly GroupedMessage[]): GroupedMessage[][] {
  const all: GroupedMessage[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const message of messages) {
    const size = Buffer.byteLength(message.body)
    const current = all.at(-1)
    if (current === undefined || current.length === BATCH || bytes + size > BATCH_BYTES) {
      all.push([message])
      bytes = size
    } else {
      current.push(message)
      bytes += size
    }
  }
  return all
}
