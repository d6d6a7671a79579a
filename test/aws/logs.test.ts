// CloudWatch Logs through the SDK's client.
import { appendFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DeleteLogGroupCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  type GetLogEventsCommandInput,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
  ResourceAlreadyExistsException,
  ResourceNotFoundException,
  StartLiveTailCommand,
} from '@aws-sdk/client-cloudwatch-logs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Started, start } from './kit.ts'
import { ManualClock } from './manual-clock.ts'

let started: Started
let clock: ManualClock
let logs: CloudWatchLogsClient
const GROUP = '/zeroplane/pods'

beforeEach(async () => {
  clock = new ManualClock()
  started = await start({ clock })
  logs = new CloudWatchLogsClient(started.client)
  await logs.send(new CreateLogGroupCommand({ logGroupName: GROUP }))
})
afterEach(async () => {
  logs.destroy()
  await started.close()
})

const stream = (logStreamName: string) => logs.send(new CreateLogStreamCommand({ logGroupName: GROUP, logStreamName }))
const put = (logStreamName: string, ...events: [timestamp: number, message: string][]) =>
  logs.send(
    new PutLogEventsCommand({
      logGroupName: GROUP,
      logStreamName,
      logEvents: events.map(([timestamp, message]) => ({ timestamp, message })),
    }),
  )
const get = (input: Partial<GetLogEventsCommandInput> = {}) =>
  logs.send(new GetLogEventsCommand({ logGroupName: GROUP, logStreamName: 's', ...input }))
const messages = (answer: { events?: { message?: string }[] }) => answer.events?.map(({ message }) => message)
const many = (count: number, from = 0) => Array.from({ length: count }, (_, at): [number, string] => [1000 + from + at, `m${from + at}`])

test('reads forward page by page, and goes on with what comes later', async () => {
  await stream('s')
  await put('s', ...many(25))
  const seen: unknown[] = []
  let nextToken: string | undefined
  for (;;) {
    const page = await get({ startFromHead: true, limit: 10, nextToken })
    seen.push(...(messages(page) ?? []))
    // The token repeats itself at the end, and is good for later.
    if (page.nextForwardToken === nextToken) break
    nextToken = page.nextForwardToken
  }
  expect(seen).toEqual(many(25).map(([, message]) => message))
  await put('s', [5000, 'later'])
  expect(messages(await get({ nextToken }))).toEqual(['later'])
})

test('reads the newest first when asked for the tail, and backward from there', async () => {
  await stream('s')
  // More than one block of the index.
  for (let from = 0; from < 6000; from += 1000) await put('s', ...many(1000, from))
  const tail = await get({ limit: 3 })
  expect(messages(tail)).toEqual(['m5997', 'm5998', 'm5999'])
  expect(messages(await get({ limit: 2, nextToken: tail.nextBackwardToken }))).toEqual(['m5995', 'm5996'])
  const all: unknown[] = []
  let nextToken: string | undefined
  do {
    const page = await get({ limit: 1700, nextToken })
    all.unshift(...(messages(page) ?? []))
    if (page.events?.length === 0) break
    nextToken = page.nextBackwardToken
  } while (nextToken)
  expect(all).toEqual(many(6000).map(([, message]) => message))
})

test('finds a range of time, also in the middle of a large stream', async () => {
  await stream('s')
  for (let from = 0; from < 4000; from += 1000) await put('s', ...many(1000, from))
  expect(messages(await get({ startFromHead: true, startTime: 4500, endTime: 4503 }))).toEqual(['m3500', 'm3501', 'm3502'])
})

test('answers at most a megabyte at once, and loses nothing', async () => {
  await stream('s')
  const big = 'x'.repeat(200_000)
  for (let number = 0; number < 8; number++) await put('s', [1000 + number, `${number}${big}`])
  const first = await get({ startFromHead: true })
  expect(first.events).toHaveLength(5)
  expect((await get({ nextToken: first.nextForwardToken })).events?.map(({ message }) => message?.[0])).toEqual(['5', '6', '7'])
})

test('filters over streams in order of time', async () => {
  for (const name of ['a/1', 'a/2', 'b/1']) await stream(name)
  await put('a/1', [1, 'start one'], [4, 'error four'])
  await put('a/2', [2, 'start two'], [3, 'ERROR three'])
  await put('b/1', [0, 'error zero'])
  const filter = async (input: object) => messages(await logs.send(new FilterLogEventsCommand({ logGroupName: GROUP, ...input })))
  expect(await filter({ logStreamNamePrefix: 'a/' })).toEqual(['start one', 'start two', 'ERROR three', 'error four'])
  expect(await filter({ filterPattern: 'error' })).toEqual(['error zero', 'error four'])
  expect(await filter({ filterPattern: '?one ?two' })).toEqual(['start one', 'start two'])
  expect(await filter({ filterPattern: 'start -one' })).toEqual(['start two'])
  expect(await filter({ filterPattern: '"error four"' })).toEqual(['error four'])
  expect(await filter({ logStreamNames: ['a/2'], startTime: 3 })).toEqual(['ERROR three'])
  const page = await logs.send(new FilterLogEventsCommand({ logGroupName: GROUP, limit: 2 }))
  expect(messages(await logs.send(new FilterLogEventsCommand({ logGroupName: GROUP, limit: 2, nextToken: page.nextToken })))).toEqual([
    'start two',
    'ERROR three',
  ])
})

test('keeps the order in which events of one millisecond came', async () => {
  await stream('s')
  await put('s', [1000, 'c'], [1000, 'a'])
  await put('s', [1000, 'b'])
  expect(messages(await get({ startFromHead: true }))).toEqual(['c', 'a', 'b'])
})

test('describes streams by name and by last event', async () => {
  for (const name of ['b', 'a', 'c']) await stream(name)
  await put('c', [5000, 'x'])
  await put('a', [9000, 'x'])
  const list = async (input: object) =>
    (await logs.send(new DescribeLogStreamsCommand({ logGroupName: GROUP, ...input }))).logStreams?.map(
      ({ logStreamName }) => logStreamName,
    )
  expect(await list({})).toEqual(['a', 'b', 'c'])
  expect(await list({ orderBy: 'LastEventTime', descending: true })).toEqual(['a', 'c', 'b'])
  expect(await list({ logStreamNamePrefix: 'b' })).toEqual(['b'])
})

test('survives a restart, and a line that was cut off in the middle of writing', async () => {
  await stream('s/../x')
  await logs.send(
    new PutLogEventsCommand({ logGroupName: GROUP, logStreamName: 's/../x', logEvents: [{ timestamp: 1, message: 'whole\nüñ' }] }),
  )
  const [group] = readdirSync(join(started.dataDir, 'logs'))
  const [file] = readdirSync(join(started.dataDir, 'logs', group!))
  expect(readdirSync(started.dataDir)).not.toContain('x.log')
  await started.aws.close()
  appendFileSync(join(started.dataDir, 'logs', group!, file!), '2 2 "cut o')
  started = await start({ clock, dataDir: started.dataDir })
  logs.destroy()
  logs = new CloudWatchLogsClient(started.client)
  await logs.send(new PutLogEventsCommand({ logGroupName: GROUP, logStreamName: 's/../x', logEvents: [{ timestamp: 3, message: 'next' }] }))
  expect(messages(await get({ logStreamName: 's/../x', startFromHead: true }))).toEqual(['whole\nüñ', 'next'])
})

test('drops streams that are older than the group keeps', async () => {
  await stream('s')
  await put('s', [clock.now(), 'old'])
  await logs.send(new PutRetentionPolicyCommand({ logGroupName: GROUP, retentionInDays: 1 }))
  await clock.advance(86_400_000 + 1000)
  await stream('new')
  const { logStreams } = await logs.send(new DescribeLogStreamsCommand({ logGroupName: GROUP }))
  expect(logStreams?.map(({ logStreamName }) => logStreamName)).toEqual(['new'])
})

test('tails live', async () => {
  await stream('s')
  const plain = new CloudWatchLogsClient({ ...started.client, disableHostPrefix: true })
  const { responseStream } = await plain.send(new StartLiveTailCommand({ logGroupIdentifiers: [GROUP], logEventFilterPattern: 'yes' }))
  const seen: (string | undefined)[] = []
  for await (const event of responseStream!) {
    if (event.sessionStart) await put('s', [1, 'no'], [2, 'yes one'])
    seen.push(...(event.sessionUpdate?.sessionResults?.map(({ message }) => message) ?? []))
    if (seen.length === 1) await put('s', [3, 'yes two'])
    if (seen.length === 2) break
  }
  expect(seen).toEqual(['yes one', 'yes two'])
  plain.destroy()
})

test('refuses what CloudWatch Logs refuses', async () => {
  await expect(logs.send(new CreateLogGroupCommand({ logGroupName: GROUP }))).rejects.toBeInstanceOf(ResourceAlreadyExistsException)
  await expect(get()).rejects.toBeInstanceOf(ResourceNotFoundException)
  await stream('s')
  await expect(put('s', [2, 'b'], [1, 'a'])).rejects.toThrow(/chronological/)
  await expect(logs.send(new FilterLogEventsCommand({ logGroupName: GROUP, filterPattern: '{ $.a = 1 }' }))).rejects.toThrow(
    /filter pattern/,
  )
  await logs.send(new DeleteLogGroupCommand({ logGroupName: GROUP }))
  await expect(get()).rejects.toThrow('The specified log group does not exist.')
})
