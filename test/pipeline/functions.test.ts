// The functions of the pipeline with the event shapes that Lambda hands them, on the embedded SQS and Scheduler through the real SDK.
import { GetScheduleCommand, ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler'
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { AttributeValue, DynamoDBStreamEvent, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDispatchFunction } from '../../functions/dispatch/dispatch.ts'
import { createReconcileFunction } from '../../functions/reconcile/reconcile.ts'
import { createTickFunction } from '../../functions/tick/tick.ts'
import { type LocalAws, startAws } from '../../localstack/aws/index.ts'
import { Registry } from '../../shared/apimachinery/registry.ts'
import type { GroupResource } from '../../shared/apimachinery/types.ts'
import { deleteSchedules } from '../../shared/aws/delete-schedules.ts'
import { scheduleAt, schedulePrefix } from '../../shared/aws/schedules.ts'
import { SqsWorkQueue } from '../../shared/aws/work-queue.ts'
import { systemClock } from '../../shared/clock.ts'
import type { Controller } from '../../shared/controllers/types.ts'
import { silent } from '../../shared/pipeline/log.ts'
import type { WorkItem } from '../../shared/pipeline/work.ts'
import { Worker } from '../../shared/pipeline/worker.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import type { Change } from '../../shared/store/types.ts'
import { storeClient } from './store-client.ts'

const things: GroupResource = { group: 'example.com', resource: 'things' }
const change = (key: string, revision: number): Change => ({
  type: 'created',
  collection: things,
  key,
  revision,
  object: { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: key } },
})

describe('the functions of the pipeline', () => {
  let aws: LocalAws
  let sqs: SQSClient
  let scheduler: SchedulerClient
  let workQueueUrl: string
  let delayQueueUrl: string
  let now: number
  const queueOf = (cluster: string) =>
    new SqsWorkQueue({
      client: sqs,
      cluster,
      workQueueUrl,
      delayQueueUrl,
      schedules: { client: scheduler, group: 'default', roleArn: 'arn:aws:iam::000000000000:role/x', targetArn: tickArn },
      now: () => now,
    })
  const tickArn = 'arn:aws:lambda:us-east-1:000000000000:function:tick'

  beforeEach(async () => {
    now = Date.now()
    aws = await startAws({ port: 0, log: () => {} })
    const connection = { endpoint: aws.endpoint, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }
    sqs = new SQSClient(connection)
    scheduler = new SchedulerClient(connection)
    const create = async (QueueName: string, Attributes: Record<string, string>) => {
      return (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl!
    }
    workQueueUrl = await create('work.fifo', {
      FifoQueue: 'true',
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    })
    delayQueueUrl = await create('delay', {})
  })
  afterEach(async () => {
    sqs.destroy()
    scheduler.destroy()
    await aws.close()
  })

  /** What is on the queue, as the event that Lambda would make of it; received messages are gone. */
  async function receive(QueueUrl: string): Promise<SQSEvent> {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'], WaitTimeSeconds: 0 }),
    )
    for (const { ReceiptHandle } of Messages) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    return {
      Records: Messages.map(({ MessageId = '', ReceiptHandle = '', Body = '', Attributes }) => ({
        messageId: MessageId,
        receiptHandle: ReceiptHandle,
        body: Body,
        attributes: Attributes as never,
        messageAttributes: {},
        md5OfBody: '',
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:work.fifo',
        awsRegion: 'us-east-1',
      })),
    }
  }
  const itemsOf = ({ Records }: SQSEvent) => Records.flatMap(({ body }) => (JSON.parse(body) as { items: WorkItem[] }).items)
  const groupsOf = ({ Records }: SQSEvent) => Records.map(({ attributes }) => attributes.MessageGroupId)

  describe('dispatch', () => {
    const controllers: Pick<Controller, 'name' | 'watches'>[] = [
      { name: 'thing', watches: [{ resource: things, keys: ({ key }) => [key] }] },
      { name: 'all', watches: [{ resource: '*', keys: () => ['/'] }] },
    ]
    const streamEvent = (...images: Record<string, AttributeValue>[]): DynamoDBStreamEvent => ({
      Records: images.map((NewImage, n) => ({
        eventID: `${n}`,
        eventName: 'INSERT',
        eventSource: 'aws:dynamodb',
        dynamodb: { SequenceNumber: `s${n}`, NewImage, Keys: {} },
      })),
    })
    const dispatch = () =>
      createDispatchFunction({
        controllers,
        queueOf,
        log: silent,
        changeOf: async image => {
          if (image.key?.S === 'bad') throw new Error('no such encoding')
          return { cluster: image.cluster?.S ?? 'one', change: change(image.key?.S ?? '', Number(image.rev?.N)) }
        },
      })
    const image = (key: string, rev: number, cluster = 'one') => ({ key: { S: key }, rev: { N: `${rev}` }, cluster: { S: cluster } })

    it('sends each key once, in the group of its namespace', async () => {
      expect(await dispatch()(streamEvent(image('a/x', 2), image('a/y', 3), image('a/x', 4), image('b/x', 5)))).toEqual({
        batchItemFailures: [],
      })
      const event = await receive(workQueueUrl)
      expect(groupsOf(event)).toEqual(['one/a', 'one//all/', 'one/b'])
      expect(itemsOf(event)).toEqual([
        { controller: 'thing', key: 'a/x', seen: { 'example.com/things': 4 } },
        { controller: 'thing', key: 'a/y', seen: { 'example.com/things': 3 } },
        { controller: 'all', key: '/', seen: { 'example.com/things': 5 } },
        { controller: 'thing', key: 'b/x', seen: { 'example.com/things': 5 } },
      ])
    })

    it('keeps clusters apart', async () => {
      await dispatch()(streamEvent(image('a/x', 2, 'one'), image('a/x', 2, 'two')))
      expect(new Set(groupsOf(await receive(workQueueUrl)))).toEqual(new Set(['one/a', 'one//all/', 'two/a', 'two//all/']))
    })

    it('names the record that it cannot read, and does the work of all others', async () => {
      const answer = await dispatch()(streamEvent(image('a/x', 2), image('bad', 3), image('a/y', 4)))
      expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 's1' }] })
      expect(itemsOf(await receive(workQueueUrl)).map(({ key }) => key)).toEqual(['a/x', 'a/y', '/'])
    })

    it('hands work that has become due to the work queue', async () => {
      await queueOf('one').sendLater({ controller: 'thing', key: 'a/x' }, now)
      const due = await receive(delayQueueUrl)
      expect(itemsOf(due)).toEqual([{ controller: 'thing', key: 'a/x', due: now }])
      expect(await dispatch()(due)).toEqual({ batchItemFailures: [] })
      expect(itemsOf(await receive(workQueueUrl))).toEqual([{ controller: 'thing', key: 'a/x', due: now }])
    })

    it('packs very much work into few messages', async () => {
      await dispatch()(streamEvent(...Array.from({ length: 950 }, (_, n) => image(`a/${n}`, n + 2))))
      const events = [await receive(workQueueUrl), await receive(workQueueUrl)]
      expect(events.flatMap(itemsOf)).toHaveLength(951)
      expect(events.flatMap(({ Records }) => Records).length).toBeLessThanOrEqual(11)
    })
  })

  describe('work for later', () => {
    it('goes to the delay queue for up to 15 minutes, and to a schedule for longer', async () => {
      await queueOf('one').sendLater({ controller: 'thing', key: 'a/x' }, now + 899_000)
      await queueOf('one').sendLater({ controller: 'thing', key: 'a/y' }, now + 3600_000)
      // The same key again replaces the time.
      await queueOf('one').sendLater({ controller: 'thing', key: 'a/y' }, now + 7200_000)
      expect(itemsOf(await receive(delayQueueUrl))).toEqual([])
      const { Schedules = [] } = await scheduler.send(new ListSchedulesCommand({}))
      expect(Schedules).toHaveLength(1)
      const schedule = await scheduler.send(new GetScheduleCommand({ Name: Schedules[0]!.Name }))
      expect(schedule.ScheduleExpression).toBe(`at(${new Date(Math.ceil((now + 7200_000) / 1000) * 1000).toISOString().slice(0, 19)})`)
      expect(schedule.ActionAfterCompletion).toBe('DELETE')

      const tick = createTickFunction({ queueOf, everything: async () => [], log: silent })
      await tick(JSON.parse(schedule.Target!.Input!))
      expect(itemsOf(await receive(workQueueUrl))).toEqual([{ controller: 'thing', key: 'a/y', due: now + 7200_000 }])
    })

    it('leaves no schedule of a cluster that is deleted, and all of the others', async () => {
      const options = { client: scheduler, group: 'default', roleArn: 'arn:aws:iam::000000000000:role/x', targetArn: tickArn }
      const clusters = ['default', 'pr-1.aaaaaaaa', 'pr-1.bbbbbbbb']
      for (const cluster of clusters) {
        for (let i = 0; i < 60; i++)
          await scheduleAt({ ...options, prefix: schedulePrefix(cluster) }, `${cluster} ${i}`, now + 3600_000, {})
      }
      await deleteSchedules(options, schedulePrefix('pr-1.aaaaaaaa'))
      const left = async (cluster: string) => {
        const NamePrefix = schedulePrefix(cluster) || undefined
        return (await scheduler.send(new ListSchedulesCommand({ NamePrefix, MaxResults: 100 }))).Schedules?.length
      }
      expect([await left('pr-1.aaaaaaaa'), await left('pr-1.bbbbbbbb')]).toEqual([0, 60])
      const all = await scheduler.send(new ListSchedulesCommand({ MaxResults: 100 }))
      expect([all.Schedules?.length, all.NextToken === undefined]).toEqual([100, false])
    })

    it('resyncs a cluster when its schedule says so', async () => {
      const tick = createTickFunction({ queueOf, everything: async cluster => [{ controller: 'thing', key: `${cluster}/x` }], log: silent })
      await tick({ cluster: 'one', resync: true })
      expect(itemsOf(await receive(workQueueUrl))).toEqual([{ controller: 'thing', key: 'one/x' }])
    })
  })

  describe('reconcile', () => {
    let ran: string[]
    let resyncs: number[]
    const reconcile = (run: Controller['reconcile'], isThere?: (cluster: string) => Promise<boolean>) => {
      const store = new MemoryStore()
      const controllers: Controller[] = [{ name: 'thing', watches: [{ resource: things, keys: ({ key }) => [key] }], reconcile: run }]
      const queue = queueOf('one')
      const worker = new Worker({
        controllers,
        store,
        client: storeClient(store),
        registry: new Registry(),
        queue,
        clock: systemClock,
        log: silent,
      })
      return createReconcileFunction({
        workOf: () => ({ worker, queue }),
        isThere,
        scheduleResync: async (_, due) => void resyncs.push(due),
        now: () => now,
        log: silent,
      })
    }
    const context = { getRemainingTimeInMillis: () => 90_000 }
    const note: Controller['reconcile'] = async key => {
      ran.push(key)
      return undefined
    }
    beforeEach(() => {
      ran = []
      resyncs = []
    })

    it('works on what the queue brings', async () => {
      await queueOf('one').send([
        { controller: 'thing', key: 'a/x' },
        { controller: 'thing', key: 'b/x' },
      ])
      expect(await reconcile(note)(await receive(workQueueUrl), context)).toEqual({ batchItemFailures: [] })
      expect(ran).toEqual(['a/x', 'b/x'])
    })

    it('drops the work of a cluster that is gone, and does that of others', async () => {
      await queueOf('pr-1.aaaaaaaa').send([{ controller: 'thing', key: 'a/gone', seen: { 'example.com/things': 2 } }])
      await queueOf('one').send([{ controller: 'thing', key: 'a/x' }])
      const event = await receive(workQueueUrl)
      expect(await reconcile(note, async cluster => cluster === 'one')(event, context)).toEqual({ batchItemFailures: [] })
      expect(ran).toEqual(['a/x'])
      expect(resyncs).toEqual([])
    })

    it('has the message again when nobody can say whether its cluster is there', async () => {
      await queueOf('pr-1.aaaaaaaa').send([{ controller: 'thing', key: 'a/x' }])
      const event = await receive(workQueueUrl)
      const failing = reconcile(note, () => Promise.reject(new Error('the store does not answer')))
      expect(await failing(event, context)).toEqual({ batchItemFailures: [{ itemIdentifier: event.Records[0]!.messageId }] })
      expect(ran).toEqual([])
    })

    it('names a message that is none, and does the rest', async () => {
      await queueOf('one').send([{ controller: 'thing', key: 'a/x' }])
      const event = await receive(workQueueUrl)
      const bad = { ...event.Records[0]!, messageId: 'bad', body: '{"cluster":7}' }
      expect(await reconcile(note)({ Records: [bad, ...event.Records] }, context)).toEqual({
        batchItemFailures: [{ itemIdentifier: 'bad' }],
      })
      expect(ran).toEqual(['a/x'])
    })

    it('asks for a resync after changes, once in a while, and not after wake-ups', async () => {
      const under = reconcile(note)
      const send = async (item: WorkItem) => {
        await queueOf('one').send([item])
        await under(await receive(workQueueUrl), context)
      }
      await send({ controller: 'thing', key: 'a/x', due: now })
      expect(resyncs).toEqual([])
      await send({ controller: 'thing', key: 'a/x', seen: { 'example.com/things': 2 } })
      await send({ controller: 'thing', key: 'a/x', seen: { 'example.com/things': 3 } })
      expect(resyncs).toEqual([now + 3600_000])
    })

    it('takes apart a message that came for the third time, and lets one rest that ends the function alone', async () => {
      const again = ({ Records }: SQSEvent): SQSEvent => ({
        Records: Records.map(record => ({ ...record, attributes: { ...record.attributes, ApproximateReceiveCount: '3' } })),
      })
      const under = reconcile(note)
      await queueOf('one').send([
        { controller: 'thing', key: 'a/x' },
        { controller: 'thing', key: 'a/y' },
      ])
      const event = await receive(workQueueUrl)
      expect(event.Records).toHaveLength(1)
      expect(await under(again(event), context)).toEqual({ batchItemFailures: [] })
      expect(ran).toEqual([])
      const apart = await receive(workQueueUrl)
      expect(apart.Records.map(({ body }) => (JSON.parse(body) as { items: WorkItem[] }).items.map(({ key }) => key))).toEqual([
        ['a/x'],
        ['a/y'],
      ])

      const answer: SQSBatchResponse = await under(again({ Records: apart.Records.slice(0, 1) }), context)
      expect(answer).toEqual({ batchItemFailures: [] })
      expect(ran).toEqual([])
      // It waits its 15 minutes on the delay queue.
      expect(itemsOf(await receive(delayQueueUrl))).toEqual([])
      expect(itemsOf(await receive(workQueueUrl))).toEqual([])
    })
  })
})
