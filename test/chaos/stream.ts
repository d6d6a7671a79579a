// The table's stream and Lambda's event source mapping on it: every write of the store as the record that DynamoDB makes of its log item,
// batches as Lambda makes them of records, retries by Lambda's rules (localstack/host has them).
import { setTimeout as sleep } from 'node:timers/promises'
import type { AttributeValue, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import { processBatch } from '../../localstack/host/mappings/stream-batches.ts'
import { packPair } from '../../shared/store/dynamodb/body.ts'
import { B, logItem, partition } from '../../shared/store/dynamodb/items.ts'
import type { Change } from '../../shared/store/types.ts'

const BATCH = 100
/** Of the product's ten: what is poison stays poison. */
const ATTEMPTS = 2

export interface StreamOptions {
  readonly cluster: string
  readonly invoke: (event: DynamoDBStreamEvent) => Promise<unknown>
  /** What is delivered of the records that wait, in this order, taking them out of the list. Default: the oldest hundred. */
  readonly take?: (waiting: DynamoDBRecord[]) => DynamoDBRecord[]
  readonly discard: (records: readonly DynamoDBRecord[]) => void
}

export class Stream {
  readonly #options: StreamOptions
  readonly #waiting: DynamoDBRecord[] = []
  readonly #stop = new AbortController()
  #sequence = 0
  #busy = false

  constructor(options: StreamOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && !this.#busy
  }

  write(change: Change): void {
    this.put(logImage(this.#options.cluster, change))
  }

  put(image: Record<string, AttributeValue>): void {
    this.#sequence++
    this.#waiting.push(record(image, this.#sequence))
    if (!this.#busy) void this.#pump()
  }

  close(): void {
    this.#stop.abort()
  }

  async #pump(): Promise<void> {
    const { take = waiting => waiting.splice(0, BATCH), invoke, discard } = this.#options
    this.#busy = true
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      await sleep(2)
      try {
        await processBatch(take(this.#waiting), {
          invoke: Records => invoke({ Records: [...Records] }),
          bisectOnError: true,
          retryAttempts: ATTEMPTS,
          discard: async records => discard(records),
          signal: this.#stop.signal,
        })
      } catch (error) {
        if (!this.#stop.signal.aborted) throw error
      }
    }
    this.#busy = false
  }
}

function logImage(cluster: string, { collection, type, key, revision, object, previous }: Change): Record<string, AttributeValue> {
  const item = logItem(
    partition(cluster, 'l', collection),
    revision,
    Date.now(),
    { type, key, txn: '-' },
    { body: B(packPair([object, previous ?? null])) },
  )
  const body = Buffer.from(item.body!.B!).toString('base64')
  return { ...(item as Record<string, AttributeValue>), body: { B: body } }
}

function record(image: Record<string, AttributeValue>, sequence: number): DynamoDBRecord {
  return {
    eventID: String(sequence),
    eventName: 'INSERT',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'us-east-1',
    eventSourceARN: 'arn:aws:dynamodb:us-east-1:000000000000:table/zeroplane/stream/2026-01-01T00:00:00.000',
    dynamodb: {
      ApproximateCreationDateTime: Math.floor(Date.now() / 1000),
      Keys: { pk: image.pk!, sk: image.sk! },
      NewImage: image,
      SequenceNumber: String(sequence).padStart(21, '0'),
      SizeBytes: 1000,
      StreamViewType: 'NEW_IMAGE',
    },
  }
}
