// Event source mappings: what Lambda does with batches that fail, in whole or in part.
import type { DynamoDBRecord, SQSEvent } from 'aws-lambda'
import { expect, test } from 'vitest'
import { Sqs } from '../../localstack/aws/sqs/service.ts'
import { mapQueue } from '../../localstack/host/mappings/queue-mapping.ts'
import { processBatch } from '../../localstack/host/mappings/stream-batches.ts'
import { ManualClock } from '../aws/manual-clock.ts'

const record = (sequence: string): DynamoDBRecord => ({ dynamodb: { SequenceNumber: sequence } })
const numbers = (records: readonly DynamoDBRecord[]) => records.map(({ dynamodb }) => dynamodb!.SequenceNumber).join('')

async function play(
  sequence: string,
  invoke: (batch: string) => unknown,
  retryAttempts = 2,
): Promise<{ calls: string[]; discarded: string[] }> {
  const calls: string[] = []
  const discarded: string[] = []
  await processBatch([...sequence].map(record), {
    invoke: async records => {
      calls.push(numbers(records))
      return invoke(numbers(records))
    },
    bisectOnError: true,
    retryAttempts,
    discard: async records => void discarded.push(numbers(records)),
    signal: new AbortController().signal,
  })
  return { calls, discarded }
}

const named = (sequence: string) => ({ batchItemFailures: [{ itemIdentifier: sequence }] })

test('a batch that succeeds is done', async () => {
  expect(await play('abc', () => ({ batchItemFailures: [] }))).toEqual({ calls: ['abc'], discarded: [] })
  expect(await play('abc', () => undefined)).toEqual({ calls: ['abc'], discarded: [] })
})

test('a batch that throws is halved until the bad record is alone, which is retried and given up', async () => {
  const { calls, discarded } = await play('abcd', batch => {
    if (batch.includes('c')) throw new Error('bad')
  })
  expect(calls).toEqual(['abcd', 'ab', 'cd', 'c', 'c', 'c', 'd'])
  expect(discarded).toEqual(['c'])
})

test('a record named as failed is where it goes on; nothing before it comes again', async () => {
  let failures = 1
  const { calls, discarded } = await play('abcd', batch => (batch.includes('c') && failures-- > 0 ? named('c') : undefined))
  expect(calls).toEqual(['abcd', 'cd'])
  expect(discarded).toEqual([])
})

test('a record that is named again and again is given up with what follows it', async () => {
  const { calls, discarded } = await play('abc', batch => (batch.includes('b') ? named('b') : undefined))
  expect(calls).toEqual(['abc', 'bc', 'bc'])
  expect(discarded).toEqual(['bc'])
})

test('an answer that names what was not sent counts as failure of all', async () => {
  let first = true
  const { calls } = await play('ab', () => {
    if (!first) return undefined
    first = false
    return named('z')
  })
  expect(calls).toEqual(['ab', 'ab'])
})

test('waiting between retries ends with the signal', async () => {
  const stopping = new AbortController()
  const options = { bisectOnError: false, retryAttempts: 100, discard: async () => {}, signal: stopping.signal }
  const processing = processBatch([record('a')], { ...options, invoke: () => Promise.reject(new Error('bad')) })
  stopping.abort()
  await expect(processing).rejects.toThrow(/abort/i)
})

function queues() {
  const clock = new ManualClock()
  const world = { clock, identity: { account: '000000000000', region: 'us-east-1' }, dataDir: undefined, log: () => {} }
  const sqs = new Sqs(world)
  const call = { signal: new AbortController().signal, accessKeyId: 'x', endpoint: 'http://local' }
  sqs.operations.CreateQueue({ QueueName: 'work.fifo', Attributes: { FifoQueue: 'true', VisibilityTimeout: '60' } }, call)
  const send = (group: string, body: string) => sqs.queue('work.fifo')!.send({ body, group, deduplication: body })
  return { clock, sqs, send }
}

test('a queue: what succeeded is deleted, what was named comes back after its time, one batch of a group at once', async () => {
  const { clock, sqs, send } = queues()
  const batches: string[] = []
  const release: (() => void)[] = []
  let failing = 'a2'
  const mapping = mapQueue({
    queue: sqs.queue('work.fifo')!,
    queueArn: sqs.arnOf('work.fifo'),
    region: 'us-east-1',
    functionName: 'reconcile',
    batchSize: 10,
    maxConcurrency: 4,
    invoke: async (_, event) => {
      const { Records } = event as SQSEvent
      batches.push(Records.map(({ body }) => body).join())
      await new Promise<void>(resolve => release.push(resolve))
      return { batchItemFailures: Records.filter(({ body }) => body === failing).map(({ messageId }) => ({ itemIdentifier: messageId })) }
    },
    log: () => {},
  })
  send('a', 'a1')
  send('a', 'a2')
  await clock.advance(1)
  send('a', 'a3')
  send('b', 'b1')
  await clock.advance(1)
  // a3 waits for its group; b1 does not.
  expect(batches).toEqual(['a1,a2', 'b1'])
  for (const go of release.splice(0)) go()
  await clock.advance(1)
  // a2 was not done, and a3 may not overtake it.
  expect(batches).toEqual(['a1,a2', 'b1'])
  failing = ''
  await clock.advance(60_000)
  expect(batches).toEqual(['a1,a2', 'b1', 'a2,a3'])
  for (const go of release.splice(0)) go()
  await clock.advance(1)
  expect(sqs.queue('work.fifo')!.count()).toEqual({ visible: 0, inFlight: 0, delayed: 0 })
  await mapping.stop()
})
