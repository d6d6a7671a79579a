// SQS's wire shapes: entries of batches, received messages, their checks and errors.
import { AwsError } from '../errors.ts'
import { type Message, type MessageAttribute, md5, md5OfAttributes, sequenceNumber } from './message.ts'
import type { Queue } from './queue.ts'

export interface SendEntry {
  readonly MessageBody?: string
  readonly DelaySeconds?: number
  readonly MessageAttributes?: Record<string, MessageAttribute>
  readonly MessageSystemAttributes?: Record<string, MessageAttribute>
  readonly MessageGroupId?: string
  readonly MessageDeduplicationId?: string
}

export const sqsError = (code: string, message: string, queryCode = code): AwsError => new AwsError(code, message, { queryCode })
export const invalidParameter = (message: string): AwsError => sqsError('InvalidParameterValue', message)

export const missing = (name: string): AwsError =>
  new AwsError('MissingParameter', `The request must contain the parameter ${name}.`, { queryCode: 'MissingParameter' })

export function received(message: Message, names: readonly string[], attributeNames: readonly string[]): Record<string, unknown> {
  const system = systemAttributes(message)
  const wanted = attributeNames.some(name => name === 'All' || name === '.*')
    ? message.attributes
    : message.attributes &&
      Object.fromEntries(
        Object.entries(message.attributes).filter(([name]) =>
          attributeNames.some(want => want === name || (want.endsWith('.*') && name.startsWith(want.slice(0, -2)))),
        ),
      )
  const attributes = wanted && Object.keys(wanted).length > 0 ? wanted : undefined
  return {
    MessageId: message.id,
    ReceiptHandle: message.handle,
    MD5OfBody: md5(message.body),
    Body: message.body,
    Attributes: names.includes('All') ? system : names.length > 0 ? pick(system, names) : undefined,
    MessageAttributes: attributes,
    MD5OfMessageAttributes: attributes && md5OfAttributes(attributes),
  }
}

/** As ReceiveMessage and Lambda's event records name them. */
export function systemAttributes(message: Message): Record<string, string> {
  const all: Record<string, string | undefined> = {
    SenderId: 'AIDALOCAL',
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt ?? message.sentAt),
    MessageGroupId: message.group,
    MessageDeduplicationId: message.deduplication,
    SequenceNumber: message.deduplication === undefined ? undefined : sequenceNumber(message.sequence),
    AWSTraceHeader: message.traceHeader,
    DeadLetterQueueSourceArn: message.deadFrom,
  }
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

export function remove(queue: Queue, handle: string | undefined): void {
  if (!handle) throw missing('ReceiptHandle')
  if (!handle.includes('#')) throw sqsError('ReceiptHandleIsInvalid', `The input receipt handle "${handle}" is not a valid receipt handle.`)
  if (queue.delete(handle) === 'expired') {
    throw invalidParameter(`Value ${handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`)
  }
}

export function changeVisibility(queue: Queue, entry: { ReceiptHandle?: string; VisibilityTimeout?: number }): void {
  const timeout = visibilityOf(entry.VisibilityTimeout ?? 0)
  if (!entry.ReceiptHandle?.includes('#')) {
    throw sqsError('ReceiptHandleIsInvalid', `The input receipt handle "${entry.ReceiptHandle}" is not a valid receipt handle.`)
  }
  if (!queue.changeVisibility(entry.ReceiptHandle, timeout)) {
    throw sqsError('MessageNotInflight', 'The message referred to is not in flight.', 'AWS.SimpleQueueService.MessageNotInflight')
  }
}

export function visibilityOf(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 43_200) {
    throw invalidParameter(`Value ${seconds} for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.`)
  }
  return seconds * 1000
}

/** Runs each entry; those that fail are answered one by one, as the caller can send them again. */
export function batch<Entry extends { Id?: string }>(
  entries: readonly Entry[],
  run: (entry: Entry) => unknown,
): { Successful: object[]; Failed: object[] } {
  const prefix = 'AWS.SimpleQueueService'
  if (entries.length === 0)
    throw sqsError('EmptyBatchRequest', 'There should be at least one entry in the request.', `${prefix}.EmptyBatchRequest`)
  if (entries.length > 10) {
    throw sqsError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are 10. You have sent ${entries.length}.`,
      `${prefix}.TooManyEntriesInBatchRequest`,
    )
  }
  const ids = new Set<string>()
  for (const { Id } of entries) {
    if (!Id || !/^[A-Za-z0-9_-]{1,80}$/.test(Id)) {
      throw sqsError(
        'InvalidBatchEntryId',
        'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
        `${prefix}.InvalidBatchEntryId`,
      )
    }
    if (ids.has(Id)) throw sqsError('BatchEntryIdsNotDistinct', `Id ${Id} repeated.`, `${prefix}.BatchEntryIdsNotDistinct`)
    ids.add(Id)
  }
  const answer: { Successful: object[]; Failed: object[] } = { Successful: [], Failed: [] }
  for (const entry of entries) {
    try {
      answer.Successful.push({ Id: entry.Id, ...(run(entry) as object | undefined) })
    } catch (error) {
      if (!(error instanceof AwsError)) throw error
      answer.Failed.push({ Id: entry.Id, Code: error.queryCode ?? error.code, Message: error.message, SenderFault: true })
    }
  }
  return answer
}

export function sizeOf(entry: SendEntry): number {
  let size = Buffer.byteLength(entry.MessageBody ?? '')
  for (const [name, value] of Object.entries(entry.MessageAttributes ?? {})) {
    size += Buffer.byteLength(name) + Buffer.byteLength(value.DataType ?? '')
    size += Buffer.byteLength(value.StringValue ?? '') + Math.floor(((value.BinaryValue ?? '').length * 3) / 4)
  }
  return size
}

export const pick = (all: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)))
