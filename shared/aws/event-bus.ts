// Object changes on EventBridge.
import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge'
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { type Clock, sleep, systemClock } from '../clock.ts'
import { type ChangeBus, type ChangeEvent, messageOfEvent } from '../pipeline/change-events.ts'
import type { Log } from '../pipeline/log.ts'

export interface EventBridgeBusOptions {
  readonly client: EventBridgeClient
  readonly sqs: SQSClient
  /** Name of the bus. */
  readonly bus: string
  readonly delayQueueUrl: string
  readonly log: Log
  readonly clock?: Clock
}

export const eventBridgeClient = () => new EventBridgeClient({ requestHandler: { connectionTimeout: 1000, requestTimeout: 4000 } })

const SOURCE = 'zeroplane'
/** Limits of one request. */
const BATCH = 10
const BATCH_BYTES = 256 * 1024
const ATTEMPTS = 3
const FIRST_WAIT_MS = 100
const POSTPONE_SECONDS = 60

export class EventBridgeBus implements ChangeBus {
  readonly #options: EventBridgeBusOptions
  readonly #clock: Clock

  constructor(options: EventBridgeBusOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  async publish(events: readonly ChangeEvent[]): Promise<readonly ChangeEvent[]> {
    const left: ChangeEvent[] = []
    for (const batch of batches(events)) left.push(...(await this.#publishBatch(batch)))
    return left
  }

  async postpone(events: readonly ChangeEvent[]): Promise<void> {
    const { sqs, delayQueueUrl } = this.#options
    for (const event of events) {
      await sqs.send(
        new SendMessageCommand({ QueueUrl: delayQueueUrl, DelaySeconds: POSTPONE_SECONDS, MessageBody: messageOfEvent(event) }),
      )
    }
  }

  /** An answer names each entry that was refused, mostly because there were too many: only those are offered again. */
  async #publishBatch(events: readonly ChangeEvent[]): Promise<readonly ChangeEvent[]> {
    let left = events
    for (let attempt = 0; ; attempt++) {
      left = await this.#offer(left)
      if (left.length === 0 || attempt + 1 === ATTEMPTS) return left
      await sleep(this.#clock, FIRST_WAIT_MS * 4 ** attempt)
    }
  }

  async #offer(events: readonly ChangeEvent[]): Promise<readonly ChangeEvent[]> {
    const { client, bus, log } = this.#options
    const Entries = events.map(
      ({ detailType, detail }): PutEventsRequestEntry => ({
        EventBusName: bus,
        Source: SOURCE,
        DetailType: detailType,
        Detail: JSON.stringify(detail),
      }),
    )
    try {
      const { FailedEntryCount = 0, Entries: answers = [] } = await client.send(new PutEventsCommand({ Entries }))
      if (FailedEntryCount === 0) return []
      const failed = answers.find(({ ErrorCode }) => ErrorCode !== undefined)
      log.warn({ bus, failed: FailedEntryCount, code: failed?.ErrorCode, message: failed?.ErrorMessage }, 'EventBridge refused events')
      return events.filter((_, i) => answers[i]?.ErrorCode !== undefined)
    } catch (error) {
      log.warn({ error, bus, count: events.length }, 'events could not be sent to EventBridge')
      return events
    }
  }
}

function batches(events: readonly ChangeEvent[]): ChangeEvent[][] {
  const all: ChangeEvent[][] = []
  let bytes = 0
  for (const event of events) {
    const size = Buffer.byteLength(JSON.stringify(event.detail)) + SOURCE.length + event.detailType.length
    const current = all.at(-1)
    if (current === undefined || current.length === BATCH || bytes + size > BATCH_BYTES) {
      all.push([event])
      bytes = size
    } else {
      current.push(event)
      bytes += size
    }
  }
  return all
}
