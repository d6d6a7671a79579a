// SQS through the SDK's own client; time is turned by hand.
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Started, start } from './kit.ts'
import { ManualClock } from './manual-clock.ts'

let started: Started
let clock: ManualClock
let sqs: SQSClient

beforeEach(async () => {
  clock = new ManualClock()
  started = await start({ clock })
  sqs = new SQSClient(started.client)
})

afterEach(async () => {
  sqs.destroy()
  await started.close()
})

const queue = async (name: string, attributes: Record<string, string> = {}): Promise<string> =>
  (await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }))).QueueUrl!

const fifo = (attributes: Record<string, string> = {}): Promise<string> =>
  queue('work.fifo', { FifoQueue: 'true', VisibilityTimeout: '30', ...attributes })

const sendTo = (url: string, body: string, group?: string, id = body) =>
  sqs.send(
    new SendMessageCommand({ QueueUrl: url, MessageBody: body, ...(group && { MessageGroupId: group, MessageDeduplicationId: id }) }),
  )

async function receive(url: string, max = 10): Promise<Message[]> {
  const { Messages } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: max,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    }),
  )
  return Messages ?? []
}

const bodies = (messages: readonly Message[]): (string | undefined)[] => messages.map(({ Body }) => Body)
const remove = (url: string, message: Message) =>
  sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message.ReceiptHandle }))

describe('FIFO queues', () => {
  test('hand out one group in order, and nothing of it while a message is in flight', async () => {
    const url = await fifo()
    for (const body of ['a1', 'a2']) await sendTo(url, body, 'a')
    await sendTo(url, 'b1', 'b')
    const first = await receive(url, 1)
    expect(bodies(first)).toEqual(['a1'])
    expect(bodies(await receive(url))).toEqual(['b1'])
    await remove(url, first[0]!)
    expect(bodies(await receive(url))).toEqual(['a2'])
  })

  test('batch several messages of one group, which stays closed until the last of them is gone', async () => {
    const url = await fifo()
    for (const body of ['1', '2', '3']) await sendTo(url, body, 'g')
    const batch = await receive(url, 2)
    expect(bodies(batch)).toEqual(['1', '2'])
    await remove(url, batch[0]!)
    expect(await receive(url)).toEqual([])
    await remove(url, batch[1]!)
    expect(bodies(await receive(url))).toEqual(['3'])
  })

  test('give a message back in its old place when its visibility ends', async () => {
    const url = await fifo()
    for (const body of ['1', '2']) await sendTo(url, body, 'g')
    const [one] = await receive(url, 1)
    await clock.advance(29_999)
    expect(await receive(url)).toEqual([])
    await clock.advance(1)
    const again = await receive(url)
    expect(bodies(again)).toEqual(['1', '2'])
    expect(again[0]!.Attributes?.ApproximateReceiveCount).toBe('2')
    await expect(remove(url, one!)).rejects.toThrow(/receipt handle has expired/)
  })

  test('send nothing for a deduplication id of the last five minutes', async () => {
    const url = await fifo()
    const first = await sendTo(url, 'x', 'g', 'same')
    const second = await sendTo(url, 'y', 'g', 'same')
    expect(second.MessageId).toBe(first.MessageId)
    const [message] = await receive(url)
    await remove(url, message!)
    await clock.advance(5 * 60_000 - 1)
    await sendTo(url, 'z', 'g', 'same')
    expect(await receive(url)).toEqual([])
    await clock.advance(1)
    await sendTo(url, 'z', 'g', 'same')
    expect(bodies(await receive(url))).toEqual(['z'])
  })

  test('count deduplication ids per group where the queue says so', async () => {
    const url = await fifo({ DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' })
    await sendTo(url, 'x', 'a', 'same')
    await sendTo(url, 'y', 'b', 'same')
    expect(bodies(await receive(url))).toEqual(['x', 'y'])
  })

  test('refuse what SQS refuses', async () => {
    const url = await fifo()
    await expect(sendTo(url, 'x')).rejects.toMatchObject({ name: 'MissingParameter' })
    await expect(sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'x', MessageGroupId: 'g' }))).rejects.toThrow(
      /ContentBasedDeduplication/,
    )
    await expect(
      sqs.send(
        new SendMessageCommand({ QueueUrl: url, MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'd', DelaySeconds: 5 }),
      ),
    ).rejects.toThrow(/DelaySeconds/)
    await expect(queue('work', { FifoQueue: 'true' })).rejects.toThrow(/\.fifo/)
  })
})

describe('standard queues', () => {
  test('hide a delayed message until it is due', async () => {
    const url = await queue('delay')
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'later', DelaySeconds: 900 }))
    await clock.advance(899_999)
    expect(await receive(url)).toEqual([])
    await clock.advance(1)
    expect(bodies(await receive(url))).toEqual(['later'])
  })

  test('answer a long poll as soon as a message comes, and an empty one at its end', async () => {
    const url = await queue('poll')
    const poll = () => sqs.send(new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 20, MaxNumberOfMessages: 10 }))
    const waiting = poll()
    await new Promise(resolve => setTimeout(resolve, 50))
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: ['a', 'b'].map(Id => ({ Id, MessageBody: Id })) }))
    expect(bodies((await waiting).Messages ?? [])).toEqual(['a', 'b'])
    const empty = poll()
    await new Promise(resolve => setTimeout(resolve, 50))
    await clock.advance(20_000)
    expect((await empty).Messages).toBeUndefined()
  })

  test('move a message to the dead-letter queue when it was received too often', async () => {
    const dead = await queue('dead')
    const redrive = JSON.stringify({ deadLetterTargetArn: started.aws.sqs.arnOf('dead'), maxReceiveCount: 2 })
    const url = await queue('alive', { RedrivePolicy: redrive, VisibilityTimeout: '10' })
    const sent = await sendTo(url, 'poison')
    for (let time = 0; time < 2; time++) {
      expect(bodies(await receive(url))).toEqual(['poison'])
      await clock.advance(10_000)
    }
    expect(await receive(url)).toEqual([])
    const [message] = await receive(dead)
    expect(message).toMatchObject({ Body: 'poison', MessageId: sent.MessageId })
    expect(message!.Attributes?.DeadLetterQueueSourceArn).toBe(started.aws.sqs.arnOf('alive'))
  })

  test('change visibility, and say so when the message is not in flight', async () => {
    const url = await queue('visible')
    await sendTo(url, 'x')
    const [message] = await receive(url)
    const change = (VisibilityTimeout: number) =>
      sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle: message!.ReceiptHandle, VisibilityTimeout }))
    await change(60)
    await clock.advance(59_000)
    expect(await receive(url)).toEqual([])
    await change(0)
    expect(bodies(await receive(url))).toEqual(['x'])
    await expect(change(5)).rejects.toMatchObject({ name: 'MessageNotInflight' })
  })

  test('carry attributes with the digests that the client checks', async () => {
    const url = await queue('attributes')
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: url,
        MessageBody: 'grüße',
        MessageAttributes: {
          kind: { DataType: 'String', StringValue: 'ü' },
          raw: { DataType: 'Binary', BinaryValue: Buffer.from([0, 255]) },
        },
      }),
    )
    const [message] = await receive(url)
    expect(message!.Body).toBe('grüße')
    expect(message!.MessageAttributes?.raw?.BinaryValue).toEqual(new Uint8Array([0, 255]))
  })

  test('answer batches entry by entry, and refuse malformed ones whole', async () => {
    const url = await queue('batch')
    const { Successful, Failed } = await sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: url,
        Entries: [
          { Id: 'good', MessageBody: 'x' },
          { Id: 'bad', MessageBody: 'y', DelaySeconds: 901 },
        ],
      }),
    )
    expect([Successful?.map(({ Id }) => Id), Failed?.map(({ Id }) => Id)]).toEqual([['good'], ['bad']])
    await expect(sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: [] }))).rejects.toMatchObject({
      name: 'EmptyBatchRequest',
    })
  })

  test('do not exist until they are made', async () => {
    await expect(sendTo(`${started.aws.endpoint}/000000000000/nowhere`, 'x')).rejects.toBeInstanceOf(QueueDoesNotExist)
  })
})

test('a restart keeps messages, counts and deduplication; what was in flight is visible again', async () => {
  const url = await fifo()
  for (const body of ['1', '2', '3']) await sendTo(url, body, 'g')
  const [one] = await receive(url, 1)
  await remove(url, one!)
  await receive(url, 1)
  sqs.destroy()
  started = await started.restart()
  sqs = new SQSClient(started.client)
  await sendTo(url, '3', 'g')
  const left = await receive(url)
  expect(left.map(({ Body, Attributes }) => [Body, Attributes?.ApproximateReceiveCount])).toEqual([
    ['2', '2'],
    ['3', '1'],
  ])
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }))
  expect(Attributes).toMatchObject({ ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesNotVisible: '2', FifoQueue: 'true' })
})

test('a receiver in the same process waits without polling and without a timer', async () => {
  const url = await queue('inside')
  const waiting = started.aws.sqs.queue('inside')!.receive({ max: 10, wait: Number.POSITIVE_INFINITY })
  await sendTo(url, 'x')
  const [message] = await waiting
  expect(message!.body).toBe('x')
  expect(started.aws.sqs.queue('inside')!.delete(message!.handle!)).toBe('deleted')
})
