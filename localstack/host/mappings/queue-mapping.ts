// Lambda's event source mapping for SQS: receives batches, invokes the function with at most so many at once, deletes what succeeded.
// What failed stays hidden until its visibility timeout ends, as on AWS.
import type { SQSEvent, SQSRecord } from 'aws-lambda'
import type { Message } from '../../aws/sqs/message.ts'
import type { Queue } from '../../aws/sqs/queue.ts'
import { failedItems, type Invoke } from './invoke.ts'

export interface QueueMappingOptions {
  readonly queue: Queue
  readonly queueArn: string
  readonly region: string
  readonly functionName: string
  readonly batchSize: number
  readonly maxConcurrency: number
  readonly invoke: Invoke
  readonly log: (line: string) => void
}

export interface Mapping {
  /** Takes nothing new and waits for what is under way. */
  stop(): Promise<void>
}

export function mapQueue(options: QueueMappingOptions): Mapping {
  const { queue, batchSize, maxConcurrency } = options
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()

  const poll = async () => {
    while (!stopping.signal.aborted) {
      if (running.size >= maxConcurrency) {
        await Promise.race(running)
        continue
      }
      const messages = await queue.receive({ max: batchSize, wait: Number.POSITIVE_INFINITY, signal: stopping.signal })
      if (messages.length === 0) continue
      const work = deliver(options, messages).finally(() => running.delete(work))
      running.add(work)
    }
  }
  const polling = poll()
  return {
    async stop() {
      stopping.abort()
      await polling
      await Promise.all(running)
    },
  }
}

async function deliver(
  { queue, queueArn, region, functionName, invoke, log }: QueueMappingOptions,
  messages: readonly Message[],
): Promise<void> {
  // The receipt is what deletes; a message received again by then has another one.
  const receipts = new Map(messages.map(message => [message.id, message.handle!]))
  const event: SQSEvent = { Records: messages.map(message => record(message, queueArn, region)) }
  let failed: ReadonlySet<string>
  try {
    failed = failedItems(await invoke(functionName, event), new Set(receipts.keys()))
  } catch (error) {
    log(
      `${functionName}: a batch of ${messages.length} messages failed and comes back later: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    )
    return
  }
  for (const [id, receipt] of receipts) if (!failed.has(id)) queue.delete(receipt)
}

function record(message: Message, queueArn: string, region: string): SQSRecord {
  return {
    messageId: message.id,
    receiptHandle: message.handle!,
    body: message.body,
    attributes: {
      ApproximateReceiveCount: String(message.receiveCount),
      SentTimestamp: String(message.sentAt),
      SenderId: 'local',
      ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt ?? message.sentAt),
      ...(message.group !== undefined && { MessageGroupId: message.group, SequenceNumber: String(message.sequence).padStart(20, '0') }),
      ...(message.deduplication !== undefined && { MessageDeduplicationId: message.deduplication }),
    },
    messageAttributes: Object.fromEntries(
      Object.entries(message.attributes ?? {}).map(([name, { DataType, StringValue, BinaryValue }]) => [
        name,
        { dataType: DataType, stringValue: StringValue, binaryValue: BinaryValue },
      ]),
    ),
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: region,
  }
}
