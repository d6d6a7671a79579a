// One message, as the queue keeps it and as the journal writes it.
import { createHash } from 'node:crypto'

export interface MessageAttribute {
  readonly DataType: string
  readonly StringValue?: string
  /** Base64, as on the wire. */
  readonly BinaryValue?: string
}

export interface Message {
  readonly id: string
  readonly body: string
  readonly attributes?: Readonly<Record<string, MessageAttribute>>
  /** AWSTraceHeader is the only one a sender may set. */
  readonly traceHeader?: string
  readonly sentAt: number
  /** Larger for later messages of the queue. */
  readonly sequence: number
  /** FIFO: required; standard: fair queues carry it along. */
  readonly group?: string
  readonly deduplication?: string
  /** ARN of the queue this message was moved from by its redrive policy. */
  readonly deadFrom?: string
  receiveCount: number
  firstReceivedAt?: number
  /** Not to be received before this time; 0 when it is ready. */
  visibleAt: number
  /** Of the latest receive; a message in flight has one. */
  handle?: string
}

export const md5 = (text: string): string => createHash('md5').update(text, 'utf8').digest('hex')

/** MD5 of message attributes as SQS defines it: names in order, each part with its length in four bytes. */
export function md5OfAttributes(attributes: Readonly<Record<string, MessageAttribute>>): string {
  const hash = createHash('md5')
  const part = (bytes: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  for (const name of Object.keys(attributes).sort()) {
    const { DataType, StringValue, BinaryValue } = attributes[name]!
    part(Buffer.from(name))
    part(Buffer.from(DataType))
    const binary = DataType.startsWith('Binary')
    hash.update(Buffer.from([binary ? 2 : 1]))
    part(binary ? Buffer.from(BinaryValue ?? '', 'base64') : Buffer.from(StringValue ?? ''))
  }
  return hash.digest('hex')
}

/** SQS's 20-digit sequence numbers sort as text. */
export const sequenceNumber = (sequence: number): string => String(sequence).padStart(20, '0')
