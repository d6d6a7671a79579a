// EventBridge and its patterns, through the SDK's client.
import {
  CreateEventBusCommand,
  DeleteRuleCommand,
  DescribeRuleCommand,
  EventBridgeClient,
  ListTargetsByRuleCommand,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from '@aws-sdk/client-eventbridge'
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compilePattern } from '../../localstack/aws/events/pattern.ts'
import { transform } from '../../localstack/aws/events/transform.ts'
import { type Started, start } from './kit.ts'
import { ManualClock } from './manual-clock.ts'

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:tasks'

describe('EventBridge', () => {
  let started: Started
  let clock: ManualClock
  let events: EventBridgeClient
  let invoked: { name: string; event: Record<string, unknown> }[]
  let failures: number

  const attach = () =>
    started.aws.attach(async (name, event) => {
      if (failures-- > 0) throw new Error('the function failed')
      invoked.push({ name, event: event as Record<string, unknown> })
    })

  beforeEach(async () => {
    clock = new ManualClock()
    started = await start({ clock })
    events = new EventBridgeClient(started.client)
    invoked = []
    failures = 0
  })
  afterEach(async () => {
    events.destroy()
    await started.close()
  })

  const rule = async (pattern: object, target: object = { Id: 'f', Arn: FUNCTION }, bus?: string) => {
    await events.send(new PutRuleCommand({ Name: 'r', EventBusName: bus, EventPattern: JSON.stringify(pattern) }))
    await events.send(new PutTargetsCommand({ Rule: 'r', EventBusName: bus, Targets: [target as never] }))
  }
  const put = (detail: object, rest: object = {}) =>
    events.send(new PutEventsCommand({ Entries: [{ Source: 'app', DetailType: 'Made', Detail: JSON.stringify(detail), ...rest }] }))

  test('invokes the function whose rule matches, with the event in its full shape', async () => {
    await attach()
    await rule({ source: ['app'], detail: { kind: ['Pod'] } })
    await put({ kind: 'Node' })
    const { Entries } = await put({ kind: 'Pod' }, { Resources: ['arn:x'], Time: new Date('2026-03-04T05:06:07Z') })
    await clock.advance(0)
    expect(invoked).toEqual([
      {
        name: 'tasks',
        event: {
          version: '0',
          id: Entries?.[0]?.EventId,
          'detail-type': 'Made',
          source: 'app',
          account: '000000000000',
          time: '2026-03-04T05:06:07Z',
          region: 'us-east-1',
          resources: ['arn:x'],
          detail: { kind: 'Pod' },
        },
      },
    ])
  })

  test('tries a failed delivery again, slower and slower', async () => {
    await attach()
    await rule({ source: ['app'] })
    failures = 3
    await put({})
    await clock.advance(0)
    expect(invoked).toHaveLength(0)
    await clock.advance(500 + 1000 + 2000)
    expect(invoked).toHaveLength(1)
  })

  test('gives up as the retry policy says, and puts the event into the dead-letter queue', async () => {
    await attach()
    const sqs = new SQSClient(started.client)
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'dead' }))
    await rule(
      { source: ['app'] },
      { Id: 'f', Arn: FUNCTION, RetryPolicy: { MaximumRetryAttempts: 1 }, DeadLetterConfig: { Arn: started.aws.sqs.arnOf('dead') } },
    )
    failures = 10
    await put({ n: 1 })
    await clock.advance(10_000)
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }))
    expect(JSON.parse(Messages?.[0]?.Body ?? '{}')).toMatchObject({ detail: { n: 1 } })
    expect(failures).toBe(8)
    sqs.destroy()
  })

  test('keeps what was accepted and not delivered over a restart', async () => {
    await rule({ source: ['app'] })
    await put({ n: 1 })
    await clock.advance(0)
    expect(invoked).toHaveLength(0)
    events.destroy()
    started = await started.restart()
    events = new EventBridgeClient(started.client)
    await attach()
    await clock.advance(0)
    expect(invoked.map(({ event }) => event.detail)).toEqual([{ n: 1 }])
    events.destroy()
    started = await started.restart()
    events = new EventBridgeClient(started.client)
    await attach()
    await clock.advance(0)
    expect(invoked).toHaveLength(1)
  })

  test('keeps buses apart, and sends to a queue', async () => {
    await attach()
    const sqs = new SQSClient(started.client)
    const { QueueUrl } = await sqs.send(
      new CreateQueueCommand({ QueueName: 'q.fifo', Attributes: { FifoQueue: 'true', ContentBasedDeduplication: 'true' } }),
    )
    await events.send(new CreateEventBusCommand({ Name: 'own' }))
    await rule(
      { source: ['app'] },
      { Id: 'q', Arn: started.aws.sqs.arnOf('q.fifo'), SqsParameters: { MessageGroupId: 'g' }, InputPath: '$.detail' },
      'own',
    )
    await put({ n: 1 })
    await put({ n: 2 }, { EventBusName: 'own' })
    await clock.advance(0)
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
    expect(Messages?.map(({ Body }) => Body)).toEqual(['{"n":2}'])
    sqs.destroy()
  })

  test('answers entry by entry, and refuses sources of AWS', async () => {
    const { FailedEntryCount, Entries } = await events.send(
      new PutEventsCommand({
        Entries: [
          { Source: 'app', DetailType: 't', Detail: '{}' },
          { Source: 'aws.ecs', DetailType: 't', Detail: '{}' },
          { Source: 'app', DetailType: 't', Detail: 'no json' },
        ],
      }),
    )
    expect(FailedEntryCount).toBe(2)
    expect(Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual([undefined, 'NotAuthorizedForSourceException', 'MalformedDetail'])
    await expect(events.send(new PutEventsCommand({ Entries: [] }))).rejects.toMatchObject({ name: 'ValidationException' })
  })

  test('runs a rule on a schedule', async () => {
    await attach()
    await events.send(new PutRuleCommand({ Name: 'r', ScheduleExpression: 'rate(5 minutes)' }))
    await events.send(new PutTargetsCommand({ Rule: 'r', Targets: [{ Id: 'f', Arn: FUNCTION }] }))
    await clock.advance(10 * 60_000)
    expect(invoked.map(({ event }) => [event.time, event['detail-type']])).toEqual([
      ['2026-01-01T00:05:00Z', 'Scheduled Event'],
      ['2026-01-01T00:10:00Z', 'Scheduled Event'],
    ])
  })

  test('manages rules and targets', async () => {
    await rule({ source: ['app'] })
    expect(await events.send(new DescribeRuleCommand({ Name: 'r' }))).toMatchObject({
      State: 'ENABLED',
      EventPattern: '{"source":["app"]}',
    })
    expect((await events.send(new ListTargetsByRuleCommand({ Rule: 'r' }))).Targets).toEqual([{ Id: 'f', Arn: FUNCTION }])
    await expect(events.send(new DeleteRuleCommand({ Name: 'r' }))).rejects.toThrow("Rule can't be deleted since it has targets.")
    await events.send(new RemoveTargetsCommand({ Rule: 'r', Ids: ['f'] }))
    await events.send(new DeleteRuleCommand({ Name: 'r' }))
    await expect(events.send(new DescribeRuleCommand({ Name: 'r' }))).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    await expect(rule({ detail: {} })).rejects.toMatchObject({ name: 'InvalidEventPatternException' })
  })
})

// Examples of each operator, from the user guide's descriptions: [pattern, events that match, events that do not]
test.each<[object, object[], object[]]>([
  [{ a: ['x', null, 1] }, [{ a: 'x' }, { a: null }, { a: 1 }, { a: ['q', 'x'] }], [{ a: 'y' }, {}, { a: '1' }]],
  [{ a: { b: [true] } }, [{ a: { b: true } }, { a: [{ b: false }, { b: true }] }], [{ a: {} }, { a: 'b' }]],
  [{ a: [{ prefix: 'us-' }] }, [{ a: 'us-east-1' }], [{ a: 'eu-us-' }, { a: 5 }]],
  [{ a: [{ prefix: { 'equals-ignore-case': 'US' } }] }, [{ a: 'us-east-1' }], [{ a: 'eu' }]],
  [{ a: [{ suffix: '.png' }] }, [{ a: 'x.png' }], [{ a: 'x.PNG' }]],
  [{ a: [{ 'equals-ignore-case': 'Alice' }] }, [{ a: 'aLICE' }], [{ a: 'bob' }]],
  [{ a: [{ wildcard: 'dir/*.p?g' }] }, [{ a: 'dir/x/y.p?g' }], [{ a: 'dir/x.png' }]],
  [{ a: [{ 'anything-but': ['x', 'y'] }] }, [{ a: 'z' }, { a: ['x', 'z'] }], [{ a: 'x' }, {}]],
  [{ a: [{ 'anything-but': { prefix: 'init' } }] }, [{ a: 'run' }], [{ a: 'initial' }]],
  [{ a: [{ numeric: ['>', 0, '<=', 5] }] }, [{ a: 5 }, { a: 0.1 }], [{ a: 0 }, { a: 6 }, { a: '3' }]],
  [{ a: [{ exists: true }] }, [{ a: 0 }, { a: null }], [{}]],
  [{ a: [{ exists: false }] }, [{}, { b: 1 }], [{ a: 1 }]],
  [{ a: [{ cidr: '10.0.0.0/24' }] }, [{ a: '10.0.0.255' }], [{ a: '10.0.1.0' }, { a: 'x' }]],
  [
    { $or: [{ a: [1] }, { b: { c: [2] } }], d: [3] },
    [
      { a: 1, d: 3 },
      { b: { c: 2 }, d: 3 },
    ],
    [{ a: 1 }, { d: 3 }],
  ],
])('pattern %j', (pattern, matching, others) => {
  const matches = compilePattern(JSON.stringify(pattern))
  for (const event of matching) expect([event, matches(event)]).toEqual([event, true])
  for (const event of others) expect([event, matches(event)]).toEqual([event, false])
})

test.each(['[]', '{}', '{"a":[]}', '{"a":"x"}', '{"a":[{"unknown":1}]}', '{"a":[{"numeric":[">"]}]}', 'no'])('%s is no pattern', text => {
  expect(() => compilePattern(text)).toThrow(/Event pattern is not valid/)
})

test('input transformers make text of parts', () => {
  const event = { detail: { name: 'a "b"', count: 3, list: [1, 2] } }
  const InputPathsMap = { name: '$.detail.name', count: '$.detail.count', first: '$.detail.list[0]', none: '$.nothing' }
  const made = (InputTemplate: string) => transform({ InputTransformer: { InputPathsMap, InputTemplate } }, event)
  expect(JSON.parse(made('{"n":<name>,"c":<count>,"f":<first>,"x":"<name> x <count>"}'))).toEqual({
    n: 'a "b"',
    c: 3,
    f: 1,
    x: 'a "b" x 3',
  })
})
