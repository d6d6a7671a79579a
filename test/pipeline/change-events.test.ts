// Object changes on the EventBridge of localstack/, through the dispatch function.
import { CreateEventBusCommand, EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge'
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { AttributeValue, DynamoDBStreamEvent, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createDispatchFunction } from '../../functions/dispatch/dispatch.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { EventBridgeBus } from '../../shared/aws/event-bus.ts'
import { SqsWorkQueue } from '../../shared/aws/work-queue.ts'
import type { Clock } from '../../shared/clock.ts'
import { type ChangeEvent, eventOf, MOST_DETAIL_BYTES, parseEvent } from '../../shared/pipeline/change-events.ts'
import { silent } from '../../shared/pipeline/log.ts'
import type { Change, ChangeType } from '../../shared/store/types.ts'
import { type Started, start } from '../aws/kit.ts'
import { ManualClock } from '../aws/manual-clock.ts'

const metadata = (name: string, more: object = {}) => ({ namespace: 'default', name, uid: `uid-${name}`, resourceVersion: '7', ...more })
const change = (object: object, resource = 'pods', type: ChangeType = 'created'): Change => ({
  type,
  collection: { group: '', resource },
  key: `default/${(object as KubeObject).metadata.name}`,
  revision: 7,
  object: { apiVersion: 'v1', kind: 'Pod', ...object } as KubeObject,
})
const pod = (name: string, more: object = {}) => change({ metadata: metadata(name), ...more })

describe('an event', () => {
  test('says what happened to which object, and carries it without managedFields', () => {
    const object = { metadata: metadata('web', { managedFields: [{ manager: 'm' }] }), spec: { nodeName: 'n' } }
    expect(eventOf('east', change(object, 'pods', 'deleted'))).toEqual({
      detailType: 'Pod Deleted',
      detail: {
        cluster: 'east',
        group: '',
        version: 'v1',
        kind: 'Pod',
        resource: 'pods',
        namespace: 'default',
        name: 'web',
        uid: 'uid-web',
        resourceVersion: '7',
        change: 'deleted',
        object: { apiVersion: 'v1', kind: 'Pod', metadata: metadata('web'), spec: { nodeName: 'n' } },
      },
    })
  })

  test('of a grouped kind has group and version apart; of a cluster-scoped one no namespace', () => {
    const role = change(
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r', uid: 'u' } },
      'clusterroles',
    )
    const { detail } = eventOf('c', { ...role, collection: { group: 'rbac.authorization.k8s.io', resource: 'clusterroles' } })
    expect(detail).toMatchObject({ group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'ClusterRole' })
    expect(detail).not.toHaveProperty('namespace')
  })

  test('of a Secret has none of its data, wherever they stand', () => {
    const annotations = { keep: 'me', 'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"password":"aHVzaA=="}}' }
    const secret = {
      kind: 'Secret',
      metadata: metadata('s', { annotations }),
      type: 'Opaque',
      data: { password: 'aHVzaA==' },
      stringData: { p: 'hush' },
    }
    const event = eventOf('c', change(secret, 'secrets'))
    expect(event.detail.object).toMatchObject({ kind: 'Secret', type: 'Opaque', metadata: { name: 's', annotations: { keep: 'me' } } })
    expect(JSON.stringify(event)).not.toMatch(/aHVzaA|hush|password/)
  })

  test('says how large the object is that it has no room for, counting bytes and not letters', () => {
    const fits = pod('a', { spec: { text: 'x'.repeat(MOST_DETAIL_BYTES - 1000) } })
    expect(eventOf('c', fits).detail.object).toBeDefined()
    const large = pod('a', { spec: { text: 'é'.repeat(MOST_DETAIL_BYTES / 2) } })
    const { detail } = eventOf('c', large)
    expect(detail.object).toBeUndefined()
    expect(detail.objectOmitted).toBe(Buffer.byteLength(JSON.stringify(large.object)))
    expect(detail.name).toBe('a')
  })
})

describe('the dispatch function', () => {
  let started: Started
  let clock: ManualClock
  let sqs: SQSClient
  let events: EventBridgeClient
  let urls: Record<'seen' | 'work' | 'delay', string>
  /** Refused: how many of the next PutEvents calls fail as a whole ("call"), or in their first entry. */
  let refuse: ('call' | 'first')[]
  let calls: number[]

  beforeEach(async () => {
    clock = new ManualClock()
    started = await start({ clock })
    // Deliveries begin when functions could be invoked.
    await started.aws.attach(async () => {})
    sqs = new SQSClient(started.client)
    events = new EventBridgeClient(started.client)
    refuse = []
    calls = []
    const queue = async (QueueName: string, Attributes = {}) =>
      (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl!
    urls = { seen: await queue('seen'), work: await queue('work.fifo', { FifoQueue: 'true' }), delay: await queue('delay') }
    await events.send(new CreateEventBusCommand({ Name: 'changes' }))
    await events.send(
      new PutRuleCommand({
        Name: 'r',
        EventBusName: 'changes',
        EventPattern: JSON.stringify({ source: ['zeroplane'], detail: { change: ['created'] } }),
      }),
    )
    await events.send(
      new PutTargetsCommand({ Rule: 'r', EventBusName: 'changes', Targets: [{ Id: 't', Arn: started.aws.sqs.arnOf('seen') }] }),
    )
    // The refusals of a busy bus, which the local one is not: put between the client and its answer.
    events.middlewareStack.add(
      next => async args => {
        const how = refuse.shift()
        const input = args.input as { Entries: object[] }
        calls.push(input.Entries.length)
        if (how === 'call') throw new Error('ThrottlingException')
        if (how === undefined) return next(args)
        const rest = input.Entries.slice(1)
        if (rest.length > 0) await next({ ...args, input: { ...input, Entries: rest } } as typeof args)
        const Entries = [{ ErrorCode: 'ThrottlingException' }, ...rest.map((_, i) => ({ EventId: String(i) }))]
        return { output: { $metadata: {}, FailedEntryCount: 1, Entries }, response: {} } as never
      },
      { step: 'initialize' },
    )
  })
  afterEach(async () => {
    events.destroy()
    sqs.destroy()
    await started.close()
  })

  /** Waits are over at once. */
  const hurried: Clock = {
    now: () => 0,
    at(_, run) {
      queueMicrotask(run)
      return () => {}
    },
  }

  const dispatch = (changes: readonly Change[]) =>
    createDispatchFunction({
      controllers: [{ name: 'c', watches: [{ resource: { group: '', resource: 'pods' }, keys: ({ key }) => [key] }] }],
      changeOf: async image => ({ cluster: 'east', change: changes[Number((image.n as { N: string }).N)]! }),
      queueOf: cluster => new SqsWorkQueue({ client: sqs, cluster, workQueueUrl: urls.work, delayQueueUrl: urls.delay }),
      bus: new EventBridgeBus({ client: events, sqs, bus: 'changes', delayQueueUrl: urls.delay, log: silent, clock: hurried }),
      log: silent,
    })
  const stream = (count: number) =>
    ({
      Records: Array.from({ length: count }, (_, i) => ({
        eventSource: 'aws:dynamodb',
        dynamodb: { SequenceNumber: String(i), NewImage: { n: { N: String(i) } } as Record<string, AttributeValue> },
      })),
    }) as unknown as DynamoDBStreamEvent
  const run = (changes: readonly Change[]) => dispatch(changes)(stream(changes.length))

  async function take(queue: keyof typeof urls): Promise<string[]> {
    await clock.advance(0)
    const bodies: string[] = []
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: urls[queue], MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }),
      )
      if (Messages.length === 0) return bodies
      for (const { Body, ReceiptHandle } of Messages) {
        bodies.push(Body!)
        await sqs.send(new DeleteMessageCommand({ QueueUrl: urls[queue], ReceiptHandle }))
      }
    }
  }
  const seen = async () => (await take('seen')).map(body => JSON.parse(body) as { 'detail-type': string; detail: ChangeEvent['detail'] })
  const names = async () => (await seen()).map(({ detail }) => detail.name).sort()
  const due = (body: string) => ({ Records: [{ eventSource: 'aws:sqs', messageId: 'm', body }] }) as unknown as SQSEvent

  test('publishes each change, in requests of ten, beside sending the work', async () => {
    const pods = Array.from({ length: 23 }, (_, i) => pod(`p${String(i).padStart(2, '0')}`))
    await run([...pods, change({ metadata: metadata('gone') }, 'pods', 'deleted')])
    const got = await seen()
    expect(got.map(({ detail }) => detail.name).sort()).toEqual(pods.map(({ object }) => object.metadata.name))
    expect(got[0]).toMatchObject({ 'detail-type': 'Pod Created', detail: { cluster: 'east', kind: 'Pod' } })
    expect(calls).toEqual([10, 10, 4])
    expect(await take('work')).toHaveLength(1)
  })

  test('puts fewer large ones into a request', async () => {
    await run(['a', 'b', 'c'].map(name => pod(name, { spec: { text: 'x'.repeat(100 * 1024) } })))
    expect(calls).toEqual([2, 1])
    expect(await names()).toEqual(['a', 'b', 'c'])
  })

  test('offers again what was refused, and that alone', async () => {
    refuse = ['first', 'call']
    await run([pod('a'), pod('b'), pod('c')])
    expect(calls).toEqual([3, 1, 1])
    expect(await names()).toEqual(['a', 'b', 'c'])
  })

  test('postpones what is refused again and again: work goes on, and the event comes later', async () => {
    refuse = ['call', 'call', 'call']
    expect(await run([pod('a')])).toEqual({ batchItemFailures: [] })
    expect(await take('work')).toHaveLength(1)
    expect(await seen()).toEqual([])
    expect(await take('delay')).toEqual([])
    await clock.advance(60_000)
    const [waiting] = await take('delay')
    expect(parseEvent(waiting!)).toMatchObject({ detailType: 'Pod Created', detail: { name: 'a' } })

    refuse = ['call', 'call', 'call']
    const again = (await dispatch([])(due(waiting!))) as SQSBatchResponse
    expect(again.batchItemFailures).toEqual([{ itemIdentifier: 'm' }])
    await dispatch([])(due(waiting!))
    expect(await names()).toEqual(['a'])
  })

  test('postpones even the largest event', async () => {
    refuse = ['call', 'call', 'call']
    await run([pod('a', { spec: { text: '"'.repeat(MOST_DETAIL_BYTES / 2 - 1000) } })])
    await clock.advance(60_000)
    expect(parseEvent((await take('delay'))[0]!)?.detail.object).toBeDefined()
  })
})
