// WorkQueues through the API, with every controller, on the SQS of localstack/.
import { ReceiveMessageCommand, SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Job } from '../../shared/api/batch/v1.ts'
import type { WorkQueue } from '../../shared/api/zeroplane/v1alpha1.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { SqsQueues } from '../../shared/aws/queues.ts'
import { JOBS, WORK_QUEUES } from '../../shared/controllers/collections.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { isJobFinished } from '../../shared/controllers/job/assess.ts'
import type { Queues } from '../../shared/controllers/workqueue/queues.ts'
import { workQueueController } from '../../shared/controllers/workqueue.ts'
import { type Started, start } from '../aws/kit.ts'
import { TestCluster } from '../controllers/cluster.ts'
import { Crash } from '../controllers/crash.ts'
import { job, template } from '../controllers/objects.ts'

const PREFIX = 'test-workqueue-'
let started: Started
let sqs: SQSClient
let cluster: TestCluster

beforeEach(async () => {
  started = await start()
  sqs = new SQSClient(started.client)
})
afterEach(async () => {
  cluster.stop()
  sqs.destroy()
  await started.close()
})

const begin = async ({
  wrap,
  queues = new SqsQueues({ client: sqs, prefix: PREFIX }),
}: {
  wrap?: (client: Client) => Client
  queues?: Queues
} = {}) => {
  cluster = await TestCluster.start({ controllers: [...controllers, workQueueController(() => queues)], wrap })
}

const manifest = (name: string, spec: object = {}) => ({
  apiVersion: 'zeroplane.dev/v1alpha1',
  kind: 'WorkQueue',
  metadata: { name },
  spec: { jobTemplate: { spec: { template: template(name, 'c:1', { restartPolicy: 'Never' }) } }, max: 3, itemsPerJob: 2, ...spec },
})

const statusOf = async (name: string) => (await cluster.get<WorkQueue>(WORK_QUEUES, name)).status ?? {}
const urlOf = async (name: string) => (await statusOf(name)).queueUrl!
const jobs = () => cluster.list<Job>(JOBS)
const active = async () => (await jobs()).filter(job => isJobFinished(job) === undefined)
const queueNames = () =>
  started.aws.sqs.operations.ListQueues({}, { endpoint: 'http://h' } as never).QueueUrls.map(url => url.split('/').at(-1)!)

async function fill(name: string, count: number): Promise<void> {
  const QueueUrl = await urlOf(name)
  const Entries = Array.from({ length: count }, (_, i) => ({ Id: String(i), MessageBody: `item ${i}` }))
  await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
}

async function finish(job: Job): Promise<void> {
  const time = new Date(cluster.clock.now()).toISOString()
  for (const pod of await cluster.activePods()) {
    if (pod.metadata.ownerReferences?.[0]?.uid === job.metadata.uid) await cluster.report(pod, 'Succeeded', false, { startTime: time })
  }
}

describe('the object', () => {
  beforeEach(() => begin())

  test('is completed with defaults, and numbered by generation', async () => {
    const made = await cluster.create<WorkQueue>(WORK_QUEUES, { ...manifest('q'), spec: { jobTemplate: manifest('q').spec.jobTemplate } })
    expect(made.spec).toMatchObject({
      min: 0,
      max: 10,
      itemsPerJob: 1,
      coolDownSeconds: 10,
      maxReceiveCount: 5,
      visibilityTimeoutSeconds: 300,
      jobTemplate: { spec: { ttlSecondsAfterFinished: 3600 } },
    })
    expect(made.metadata.generation).toBe(1)
    const wider = await cluster.patch(WORK_QUEUES, 'q', { spec: { max: 20 } })
    expect(wider.metadata.generation).toBe(2)
  })

  test('is refused with every field that is wrong, in the words of the API', async () => {
    const wrong = { min: 4, itemsPerJob: 0, coolDownSeconds: -1, maxReceiveCount: 1001, visibilityTimeoutSeconds: 43_201 }
    const failure = await cluster.create(WORK_QUEUES, manifest('q', wrong)).catch((error: Error) => error.message)
    for (const part of [
      'WorkQueue.zeroplane.dev "q" is invalid',
      'spec.max: Invalid value: 3: must be greater than or equal to `min`',
      'spec.itemsPerJob: Invalid value: 0: must be greater than zero',
      'spec.coolDownSeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.maxReceiveCount: Invalid value: 1001: must be between 1 and 1000, inclusive',
      'spec.visibilityTimeoutSeconds: Invalid value: 43201: must be between 0 and 43200, inclusive',
    ])
      expect(failure).toContain(part)
    await expect(cluster.create(WORK_QUEUES, manifest('q', { jobTemplate: {} }))).rejects.toThrow(
      'spec.jobTemplate.spec.template.spec.restartPolicy: Required value',
    )
    await expect(cluster.create(WORK_QUEUES, manifest('q'.repeat(53)))).rejects.toThrow('must be no more than 52 characters')
  })
})

describe('the queue', () => {
  beforeEach(() => begin())

  test('is made with its dead-letter queue, changed with the spec, and goes with the object', async () => {
    await cluster.create(WORK_QUEUES, manifest('mail', { maxReceiveCount: 2, visibilityTimeoutSeconds: 7 }))
    await cluster.calm()
    const [main, dead] = queueNames()
    expect(main).toMatch(/^test-workqueue-default-mail-[0-9a-f]{10}$/)
    expect(dead).toBe(`${main}-dead`)
    const attributes = () => started.aws.sqs.operations.GetQueueAttributes({ QueueUrl: main, AttributeNames: ['All'] }).Attributes
    expect(attributes()).toMatchObject({ VisibilityTimeout: '7' })
    expect(JSON.parse(attributes().RedrivePolicy!)).toMatchObject({ maxReceiveCount: 2 })
    expect((await statusOf('mail')).conditions).toMatchObject([{ type: 'Ready', status: 'True', reason: 'QueueReady' }])

    await cluster.patch(WORK_QUEUES, 'mail', { spec: { visibilityTimeoutSeconds: 9 } })
    await cluster.calm()
    expect(attributes()).toMatchObject({ VisibilityTimeout: '9' })
    expect((await statusOf('mail')).observedGeneration).toBe(2)

    await cluster.client.delete(WORK_QUEUES, cluster.namespace, 'mail')
    await cluster.calm()
    expect(queueNames()).toEqual([])
    expect(await cluster.list(WORK_QUEUES)).toEqual([])
  })

  test('is made again when somebody deletes it', async () => {
    await cluster.create(WORK_QUEUES, manifest('mail'))
    await cluster.calm()
    started.aws.sqs.operations.DeleteQueue({ QueueUrl: await urlOf('mail') })
    expect(queueNames()).toHaveLength(1)
    await cluster.pass(60)
    expect(queueNames()).toHaveLength(2)
  })

  test('of an object of the same name, made after the first has gone, is another', async () => {
    await cluster.create(WORK_QUEUES, manifest('mail'))
    await cluster.calm()
    const first = await urlOf('mail')
    await cluster.client.delete(WORK_QUEUES, cluster.namespace, 'mail')
    await cluster.calm()
    await cluster.create(WORK_QUEUES, manifest('mail'))
    await cluster.calm()
    expect(await urlOf('mail')).not.toBe(first)
  })

  test('nobody looks at queues when no WorkQueue is left', async () => {
    await cluster.create(WORK_QUEUES, manifest('mail'))
    await cluster.pass(120)
    await cluster.client.delete(WORK_QUEUES, cluster.namespace, 'mail')
    // The wake-up that was under way comes, finds nothing, and asks for no other.
    await cluster.pass(61)
    expect(cluster.clock.next).toBeUndefined()
  })
})

describe('Jobs', () => {
  beforeEach(() => begin())

  test('are launched by depth, know the queue, and make room for others when they finish', async () => {
    await cluster.create(WORK_QUEUES, manifest('mail'))
    await cluster.calm()
    expect(await jobs()).toEqual([])
    await fill('mail', 9)
    await cluster.pass(60)
    const [first, ...others] = await active()
    expect([first!, ...others].map(({ metadata }) => metadata.name)).toEqual(['mail-1', 'mail-2', 'mail-3'])
    expect(first!.metadata.ownerReferences).toMatchObject([{ kind: 'WorkQueue', name: 'mail', controller: true }])
    expect(first!.spec.template.spec?.containers[0]?.env).toEqual([{ name: 'QUEUE_URL', value: await urlOf('mail') }])
    expect(await statusOf('mail')).toMatchObject({ depth: 9, inFlight: 0, activeJobs: 3, launched: 3, oldestAgeSeconds: 0 })

    // Looked at again and again, nothing more: three is the most.
    await cluster.pass(120)
    expect(await jobs()).toHaveLength(3)
    expect((await statusOf('mail')).oldestAgeSeconds).toBe(120)

    await finish(first!)
    await cluster.calm()
    expect((await active()).map(({ metadata }) => metadata.name)).toEqual(['mail-2', 'mail-3', 'mail-4'])
  })

  test('are not launched before the cool-down is over', async () => {
    await cluster.create(WORK_QUEUES, manifest('mail', { coolDownSeconds: 40 }))
    await cluster.calm()
    await fill('mail', 2)
    await cluster.pass(60)
    expect(await jobs()).toHaveLength(1)
    await fill('mail', 2)
    await cluster.pass(30)
    expect(await jobs()).toHaveLength(1)
    await cluster.pass(15)
    expect(await jobs()).toHaveLength(2)
  })

  test('count messages in flight, and tell of dead letters', async () => {
    await cluster.create(WORK_QUEUES, manifest('mail', { maxReceiveCount: 1, visibilityTimeoutSeconds: 0 }))
    await cluster.calm()
    const QueueUrl = await urlOf('mail')
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'poison' }))
    await sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0 }))
    await sqs.send(new ReceiveMessageCommand({ QueueUrl }))
    await cluster.pass(60)
    expect(await statusOf('mail')).toMatchObject({ depth: 0, inFlight: 0, deadLetters: 1 })
    expect(await jobs()).toEqual([])

    await cluster.patch(WORK_QUEUES, 'mail', { spec: { visibilityTimeoutSeconds: 600 } })
    await cluster.calm()
    await fill('mail', 4)
    await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 4 }))
    await cluster.pass(60)
    expect(await statusOf('mail')).toMatchObject({ depth: 0, inFlight: 4, activeJobs: 2 })
  })

  test('a look that finds nothing new writes nothing', async () => {
    await cluster.create(WORK_QUEUES, manifest('mail'))
    await cluster.pass(60)
    const before = (await cluster.get<WorkQueue>(WORK_QUEUES, 'mail')).metadata.resourceVersion
    await cluster.pass(600)
    expect((await cluster.get<WorkQueue>(WORK_QUEUES, 'mail')).metadata.resourceVersion).toBe(before)
  })

  test('late duplicates launch nothing twice', async () => {
    await cluster.create(WORK_QUEUES, manifest('mail'))
    await cluster.calm()
    await fill('mail', 6)
    for (let i = 0; i < 5; i++) cluster.enqueue('workqueue', 'default/mail')
    await cluster.calm()
    for (let i = 0; i < 5; i++) cluster.enqueue('workqueue', 'default/mail')
    await cluster.calm()
    expect((await jobs()).map(({ metadata }) => metadata.name)).toEqual(['mail-1', 'mail-2', 'mail-3'])
  })
})

test('where pods reach SQS elsewhere, they are told where and how, except for what they set themselves', async () => {
  await begin({ queues: new SqsQueues({ client: sqs, prefix: PREFIX, podEndpoint: 'http://172.18.0.1:4566' }) })
  const own = { env: [{ name: 'AWS_REGION', value: 'eu-west-1' }] }
  const spec = { template: template('mail', 'c:1', { restartPolicy: 'Never' }) }
  Object.assign(spec.template.spec!.containers[0]!, own)
  await cluster.create(WORK_QUEUES, manifest('mail', { jobTemplate: { spec } }))
  await cluster.calm()
  await fill('mail', 1)
  await cluster.pass(60)
  const [job] = await active()
  const url = new URL(await urlOf('mail'))
  expect(url.host).not.toBe('172.18.0.1:4566')
  expect(job!.spec.template.spec?.containers[0]?.env).toEqual([
    ...own.env,
    { name: 'QUEUE_URL', value: `http://172.18.0.1:4566${url.pathname}` },
    { name: 'AWS_ENDPOINT_URL_SQS', value: 'http://172.18.0.1:4566' },
    { name: 'AWS_ACCESS_KEY_ID', value: 'local' },
    { name: 'AWS_SECRET_ACCESS_KEY', value: 'local' },
  ])
})

describe('bad days', () => {
  test('a queue that cannot be made is told in the condition, and made when it can be', async () => {
    const real = new SqsQueues({ client: sqs, prefix: PREFIX })
    let refused = true
    const ensure: Queues['ensure'] = (...call) =>
      refused ? Promise.reject(new Error('AccessDenied: sqs:CreateQueue')) : real.ensure(...call)
    await begin({
      queues: { ensure, depth: urls => real.depth(urls), remove: name => real.remove(name), environment: url => real.environment(url) },
    })
    await cluster.create(WORK_QUEUES, manifest('mail'))
    await cluster.calm()
    const [bad] = (await statusOf('mail')).conditions ?? []
    expect(bad).toMatchObject({ type: 'Ready', status: 'False', reason: 'QueueUnavailable', message: 'AccessDenied: sqs:CreateQueue' })
    refused = false
    await cluster.pass(900)
    const [good] = (await statusOf('mail')).conditions ?? []
    expect(good).toMatchObject({ type: 'Ready', status: 'True' })
    expect(queueNames()).toHaveLength(2)
  })

  test('one who does the same beside us, and is faster, changes nothing', async () => {
    const twice = (client: Client): Client =>
      new Proxy(client, {
        get: (target, name: keyof Client) => {
          const method = target[name] as (...args: unknown[]) => Promise<unknown>
          return async (...args: unknown[]) => {
            const isJob = name === 'create' && (args[0] as { resource: string }).resource === 'jobs'
            if (isJob) await method.apply(target, structuredClone(args))
            return method.apply(target, args)
          }
        },
      })
    await begin({ wrap: twice })
    await cluster.create(WORK_QUEUES, manifest('mail', { min: 3, coolDownSeconds: 0 }))
    await cluster.pass(60)
    expect((await jobs()).map(({ metadata }) => metadata.name)).toEqual(['mail-1', 'mail-2', 'mail-3'])
    expect(await statusOf('mail')).toMatchObject({ activeJobs: 3, launched: 3 })
  })

  test("a name that is somebody else's Job is left out", async () => {
    await begin()
    await cluster.create(JOBS, job('mail-2'))
    await cluster.create(WORK_QUEUES, manifest('mail', { min: 3 }))
    await cluster.calm()
    const own = (await jobs()).filter(({ metadata }) => metadata.ownerReferences !== undefined)
    expect(own.map(({ metadata }) => metadata.name)).toEqual(['mail-1', 'mail-3', 'mail-4'])
    expect(await statusOf('mail')).toMatchObject({ activeJobs: 3, launched: 4 })
  })

  test('a namespace that goes takes queues and Jobs with it', async () => {
    await begin()
    const namespaces = { group: '', resource: 'namespaces' }
    await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
    const made = manifest('mail', { min: 1 })
    await cluster.client.create(WORK_QUEUES, { ...made, metadata: { ...made.metadata, namespace: 'shop' } } as KubeObject)
    await cluster.calm()
    expect(queueNames()).toHaveLength(2)
    await cluster.client.delete(namespaces, undefined, 'shop')
    await cluster.pass(60)
    expect(queueNames()).toEqual([])
    expect(await cluster.client.get(namespaces, undefined, 'shop')).toBeUndefined()
  })
})

describe.each(['before', 'after'] as const)('killed %s a write', when => {
  test.each([1, 2, 3, 4, 5, 6, 7])('number %i, it ends with the same Jobs and queues', async write => {
    const crash = new Crash({ write, when })
    await begin()
    await cluster.calm()
    await cluster.restart(crash.wrap)
    await cluster.calm()
    await cluster.create(WORK_QUEUES, manifest('mail', { min: 3, coolDownSeconds: 0 }))
    await cluster.calm()
    await cluster.restart()
    await cluster.calm()
    expect(crash.dead).toBe(true)
    expect((await active()).map(({ metadata }) => metadata.name)).toEqual(['mail-1', 'mail-2', 'mail-3'])
    expect(await statusOf('mail')).toMatchObject({ activeJobs: 3, launched: 3 })
    expect(queueNames()).toHaveLength(2)
  })
})
