// SQS: standard and FIFO queues. Messages survive a restart; those that were in flight when the process died are visible again at once,
// because whoever received them died with it.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { arn, parseArn } from '../identity.ts'
import { Journal } from '../journal.ts'
import type { Call, Service, World } from '../service.ts'
import { type Message, md5, md5OfAttributes, sequenceNumber } from './message.ts'
import { Queue, type Sent } from './queue.ts'
import { attributesOf, settingsOf } from './settings.ts'
import {
  batch,
  changeVisibility,
  invalidParameter,
  missing,
  pick,
  received,
  remove,
  type SendEntry,
  sizeOf,
  sqsError,
  visibilityOf,
} from './wire.ts'

type Entry =
  | { k: 'queue'; name: string; attributes: Record<string, string>; created: number; modified: number; tags: Record<string, string> }
  | { k: 'gone'; name: string }
  | { k: 'send'; q: string; m: Message }
  | { k: 'recent'; q: string; key: string; sent: Sent }
  | { k: 'got' | 'del'; q: string; ids: string[] }
  | { k: 'purge'; q: string }

interface Held {
  readonly name: string
  readonly arn: string
  readonly queue: Queue
  attributes: Record<string, string>
  readonly created: number
  modified: number
  tags: Record<string, string>
}

export class Sqs implements Service {
  readonly name = 'sqs'
  readonly #world: World
  readonly #queues = new Map<string, Held>()
  readonly #journal: Journal<Entry>

  constructor(world: World) {
    this.#world = world
    this.#journal = new Journal<Entry>({
      file: world.dataDir && join(world.dataDir, 'sqs.jsonl'),
      replay: entry => this.#replay(entry),
      snapshot: () => this.#snapshot(),
    })
  }

  /** For event source mappings in this process: receive and delete without HTTP. Undefined when there is no such queue. */
  queue(nameOrArn: string): Queue | undefined {
    return this.#queues.get(parseArn(nameOrArn)?.resource ?? nameOrArn)?.queue
  }

  arnOf(name: string): string {
    return arn(this.#world.identity, 'sqs', name)
  }

  /** What EventBridge and Scheduler do with an SQS target. @throws AwsError when there is no such queue or it refuses the message. */
  sendTo(queueArn: string, body: string, group?: string): void {
    const held = this.#queues.get(parseArn(queueArn)?.resource ?? '')
    if (!held) throw sqsError('QueueDoesNotExist', `The specified queue does not exist: ${queueArn}`)
    this.#send(held, { MessageBody: body, MessageGroupId: group })
  }

  close(): void {
    for (const { queue } of this.#queues.values()) queue.close()
    this.#journal.close()
  }

  readonly operations = {
    CreateQueue: (input: { QueueName?: string; Attributes?: Record<string, string>; tags?: Record<string, string> }, call: Call) => {
      const name = input.QueueName ?? ''
      const attributes = input.Attributes ?? {}
      if (!/^[A-Za-z0-9_-]{1,80}$/.test(name.replace(/\.fifo$/, '')) || name.length > 80) {
        throw invalidParameter('Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length')
      }
      const fifo = attributes.FifoQueue === 'true'
      if (fifo !== name.endsWith('.fifo')) {
        throw invalidParameter(
          fifo
            ? 'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.'
            : 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
        )
      }
      settingsOf(attributes)
      const existing = this.#queues.get(name)
      if (existing) {
        const now = attributesOf(existing.attributes)
        const different = Object.entries(attributes).find(([key, value]) => now[key] !== value)
        if (different) {
          throw sqsError(
            'QueueNameExists',
            `A queue already exists with the same name and a different value for attribute ${different[0]}`,
            'QueueAlreadyExists',
          )
        }
      } else {
        const time = this.#world.clock.now()
        this.#apply({ k: 'queue', name, attributes, created: time, modified: time, tags: input.tags ?? {} })
      }
      return { QueueUrl: this.#url(name, call) }
    },

    DeleteQueue: (input: { QueueUrl?: string }) => {
      this.#apply({ k: 'gone', name: this.#held(input).name })
    },

    GetQueueUrl: (input: { QueueName?: string }, call: Call) => ({ QueueUrl: this.#url(this.#named(input.QueueName ?? '').name, call) }),

    ListQueues: (input: { QueueNamePrefix?: string }, call: Call) => {
      const names = [...this.#queues.keys()].filter(name => name.startsWith(input.QueueNamePrefix ?? '')).sort()
      return { QueueUrls: names.map(name => this.#url(name, call)) }
    },

    GetQueueAttributes: (input: { QueueUrl?: string; AttributeNames?: string[] }) => {
      const held = this.#held(input)
      const count = held.queue.count()
      const all: Record<string, string> = {
        ...attributesOf(held.attributes),
        QueueArn: held.arn,
        CreatedTimestamp: String(Math.floor(held.created / 1000)),
        LastModifiedTimestamp: String(Math.floor(held.modified / 1000)),
        ApproximateNumberOfMessages: String(count.visible),
        ApproximateNumberOfMessagesNotVisible: String(count.inFlight),
        ApproximateNumberOfMessagesDelayed: String(count.delayed),
      }
      const names = input.AttributeNames ?? []
      return { Attributes: names.includes('All') ? all : pick(all, names) }
    },

    SetQueueAttributes: (input: { QueueUrl?: string; Attributes?: Record<string, string> }) => {
      const held = this.#held(input)
      const attributes = { ...held.attributes, ...input.Attributes }
      // An empty text removes a policy.
      for (const name of ['RedrivePolicy', 'Policy', 'RedriveAllowPolicy']) if (attributes[name] === '') delete attributes[name]
      if ((attributes.FifoQueue === 'true') !== held.queue.settings.fifo)
        throw sqsError('InvalidAttributeName', 'Unknown Attribute FifoQueue.')
      settingsOf(attributes)
      this.#apply({ k: 'queue', name: held.name, attributes, created: held.created, modified: this.#world.clock.now(), tags: held.tags })
    },

    PurgeQueue: (input: { QueueUrl?: string }) => this.#apply({ k: 'purge', q: this.#held(input).name }),

    TagQueue: (input: { QueueUrl?: string; Tags?: Record<string, string> }) => {
      const held = this.#held(input)
      this.#apply({ ...this.#entryOf(held), tags: { ...held.tags, ...input.Tags } })
    },
    UntagQueue: (input: { QueueUrl?: string; TagKeys?: string[] }) => {
      const held = this.#held(input)
      const tags = Object.fromEntries(Object.entries(held.tags).filter(([key]) => !input.TagKeys?.includes(key)))
      this.#apply({ ...this.#entryOf(held), tags })
    },
    ListQueueTags: (input: { QueueUrl?: string }) => ({ Tags: this.#held(input).tags }),

    ListDeadLetterSourceQueues: (input: { QueueUrl?: string }, call: Call) => {
      const { arn: target } = this.#held(input)
      const sources = [...this.#queues.values()].filter(({ queue }) => queue.settings.redrive?.deadLetterTargetArn === target)
      return { queueUrls: sources.map(({ name }) => this.#url(name, call)) }
    },

    SendMessage: (input: { QueueUrl?: string } & SendEntry) => this.#send(this.#held(input), input),

    SendMessageBatch: (input: { QueueUrl?: string; Entries?: (SendEntry & { Id?: string })[] }) => {
      const held = this.#held(input)
      const entries = input.Entries ?? []
      const total = entries.reduce((sum, entry) => sum + sizeOf(entry), 0)
      if (total > 1_048_576) {
        throw sqsError(
          'BatchRequestTooLong',
          `Batch requests cannot be longer than 1048576 bytes. You have sent ${total} bytes.`,
          'AWS.SimpleQueueService.BatchRequestTooLong',
        )
      }
      return batch(entries, entry => this.#send(held, entry))
    },

    ReceiveMessage: async (
      input: {
        QueueUrl?: string
        MaxNumberOfMessages?: number
        WaitTimeSeconds?: number
        VisibilityTimeout?: number
        AttributeNames?: string[]
        MessageSystemAttributeNames?: string[]
        MessageAttributeNames?: string[]
      },
      call: Call,
    ) => {
      const held = this.#held(input)
      const max = input.MaxNumberOfMessages ?? 1
      if (!Number.isInteger(max) || max < 1 || max > 10) {
        throw invalidParameter(`Value ${max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.`)
      }
      const waitSeconds = input.WaitTimeSeconds
      if (waitSeconds !== undefined && (waitSeconds < 0 || waitSeconds > 20)) {
        throw invalidParameter(
          `Value ${waitSeconds} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.`,
        )
      }
      const visibility = input.VisibilityTimeout === undefined ? undefined : visibilityOf(input.VisibilityTimeout)
      const wait = waitSeconds === undefined ? held.queue.settings.receiveWait : waitSeconds * 1000
      const messages = await held.queue.receive({ max, wait, visibility, signal: call.signal })
      const names = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])]
      return messages.length === 0 ? {} : { Messages: messages.map(message => received(message, names, input.MessageAttributeNames ?? [])) }
    },

    DeleteMessage: (input: { QueueUrl?: string; ReceiptHandle?: string }) => remove(this.#held(input).queue, input.ReceiptHandle),

    DeleteMessageBatch: (input: { QueueUrl?: string; Entries?: { Id?: string; ReceiptHandle?: string }[] }) => {
      const held = this.#held(input)
      return batch(input.Entries ?? [], entry => remove(held.queue, entry.ReceiptHandle))
    },

    ChangeMessageVisibility: (input: { QueueUrl?: string; ReceiptHandle?: string; VisibilityTimeout?: number }) =>
      changeVisibility(this.#held(input).queue, input),

    ChangeMessageVisibilityBatch: (input: {
      QueueUrl?: string
      Entries?: { Id?: string; ReceiptHandle?: string; VisibilityTimeout?: number }[]
    }) => {
      const held = this.#held(input)
      return batch(input.Entries ?? [], entry => changeVisibility(held.queue, entry))
    },
  }

  #send(
    held: Held,
    entry: SendEntry,
  ): { MessageId: string; MD5OfMessageBody: string; MD5OfMessageAttributes?: string; SequenceNumber?: string } {
    const body = entry.MessageBody
    const { settings } = held.queue
    if (!body) throw missing('MessageBody')
    if (sizeOf(entry) > settings.maximumMessageSize) {
      throw invalidParameter(
        `One or more parameters are invalid. Reason: Message must be shorter than ${settings.maximumMessageSize} bytes.`,
      )
    }
    const delay = entry.DelaySeconds
    if (delay !== undefined && (!Number.isInteger(delay) || delay < 0 || delay > 900)) {
      throw invalidParameter(`Value ${delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`)
    }
    let deduplication = entry.MessageDeduplicationId
    if (settings.fifo) {
      if (delay)
        throw invalidParameter(
          `Value ${delay} for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.`,
        )
      if (!entry.MessageGroupId) throw missing('MessageGroupId')
      if (!deduplication) {
        if (!settings.contentBasedDeduplication) {
          throw invalidParameter(
            'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
          )
        }
        deduplication = createHash('sha256').update(body).digest('hex')
      }
    } else if (deduplication) {
      throw invalidParameter(
        `Value ${deduplication} for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not valid for this queue type.`,
      )
    }
    for (const [name, value] of [
      ['MessageGroupId', entry.MessageGroupId],
      ['MessageDeduplicationId', deduplication],
    ] as const) {
      if (value !== undefined && !/^[\x21-\x7e]{1,128}$/.test(value)) {
        throw invalidParameter(
          `Value ${value} for parameter ${name} is invalid. Reason: ${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
        )
      }
    }
    const attributes = entry.MessageAttributes && Object.keys(entry.MessageAttributes).length > 0 ? entry.MessageAttributes : undefined
    const traceHeader = entry.MessageSystemAttributes?.AWSTraceHeader?.StringValue
    const sent = held.queue.send(
      { body, attributes, traceHeader, group: entry.MessageGroupId, deduplication },
      delay === undefined ? undefined : delay * 1000,
    )
    return {
      MessageId: sent.id,
      MD5OfMessageBody: md5(body),
      MD5OfMessageAttributes: attributes && md5OfAttributes(attributes),
      SequenceNumber: settings.fifo ? sequenceNumber(sent.sequence) : undefined,
    }
  }

  #named(name: string): Held {
    const held = this.#queues.get(name)
    if (!held) throw sqsError('QueueDoesNotExist', 'The specified queue does not exist.', 'AWS.SimpleQueueService.NonExistentQueue')
    return held
  }

  /** A queue URL ends in the queue's name, whatever host the client knows us by. */
  #held(input: { QueueUrl?: string }): Held {
    return this.#named((input.QueueUrl ?? '').split('/').at(-1) ?? '')
  }

  #url(name: string, call: Call): string {
    return `${call.endpoint}/${this.#world.identity.account}/${name}`
  }

  #apply(entry: Entry): void {
    this.#journal.append(entry)
    this.#replay(entry)
  }

  #entryOf(held: Held): Extract<Entry, { k: 'queue' }> {
    const { name, attributes, created, modified, tags } = held
    return { k: 'queue', name, attributes, created, modified, tags }
  }

  #replay(entry: Entry): void {
    if (entry.k === 'queue') {
      this.#put(entry)
      return
    }
    if (entry.k === 'gone') {
      this.#queues.get(entry.name)?.queue.close()
      this.#queues.delete(entry.name)
      return
    }
    const queue = this.#queues.get(entry.q)?.queue
    if (!queue) return
    if (entry.k === 'send') queue.put({ ...entry.m, handle: undefined })
    else if (entry.k === 'recent') queue.recall(entry.key, entry.sent)
    else if (entry.k === 'got') for (const id of entry.ids) queue.counted(id)
    else if (entry.k === 'del') for (const id of entry.ids) queue.forget(id)
    else queue.purge()
  }

  #put({ name, attributes, created, modified, tags }: Extract<Entry, { k: 'queue' }>): void {
    const settings = settingsOf(attributes)
    const existing = this.#queues.get(name)
    if (existing) {
      existing.queue.settings = settings
      Object.assign(existing, { attributes, modified, tags })
      return
    }
    const ids = (messages: readonly Message[]) => messages.map(({ id }) => id)
    const queue = new Queue(settings, this.#world.clock, {
      sent: m => this.#journal.append({ k: 'send', q: name, m }),
      received: messages => this.#journal.append({ k: 'got', q: name, ids: ids(messages) }),
      deleted: messages => this.#journal.append({ k: 'del', q: name, ids: ids(messages) }),
      dead: message => this.#bury(name, message),
    })
    this.#queues.set(name, { name, arn: this.arnOf(name), queue, attributes, created, modified, tags })
  }

  #bury(name: string, message: Message): void {
    const held = this.#queues.get(name)!
    const target = held.queue.settings.redrive && this.queue(held.queue.settings.redrive.deadLetterTargetArn)
    if (target) target.adoptDead(message, held.arn)
    else this.#world.log(`local SQS: a message of ${name} was received too often and its dead-letter queue does not exist; it is lost`)
    this.#journal.append({ k: 'del', q: name, ids: [message.id] })
  }

  *#snapshot(): Iterable<Entry> {
    for (const held of this.#queues.values()) {
      yield this.#entryOf(held)
      for (const [key, sent] of held.queue.recent) yield { k: 'recent', q: held.name, key, sent }
      // A message in flight is kept as visible: see the top of this file.
      for (const m of held.queue.messages)
        yield { k: 'send', q: held.name, m: m.handle === undefined ? m : { ...m, handle: undefined, visibleAt: 0 } }
    }
  }
}
