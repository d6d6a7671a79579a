// The deployed pipeline in one process: the functions as they are, triggered as Lambda, SQS, EventBridge and Scheduler trigger them, with
// the event shapes of theirs, each reconcile environment with a memory of its own; over the in-memory store and simulated tasks, in
// time that runs fast. With places to do harm.
import { randomUUID } from 'node:crypto'
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { DynamoDBRecord, SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { agentRoute } from '../../functions/api/agents.ts'
import { createApi } from '../../functions/api/app.ts'
import { createDispatchFunction } from '../../functions/dispatch/dispatch.ts'
import { watched } from '../../functions/dispatch/watched.ts'
import { createClusterWork } from '../../functions/reconcile/cluster-work.ts'
import { createReconcileFunction } from '../../functions/reconcile/reconcile.ts'
import { createTasksFunction, type TasksFunction } from '../../functions/tasks/tasks.ts'
import { createTickFunction, type TickEvent } from '../../functions/tick/tick.ts'
import { type LocalAws, startAws } from '../../localstack/aws/index.ts'
import type { Queue } from '../../localstack/aws/sqs/queue.ts'
import type { EcsOptions } from '../../localstack/ecs/index.ts'
import { type Mapping, mapQueue } from '../../localstack/host/mappings/queue-mapping.ts'
import { NAMES, provisionPipeline } from '../../localstack/host/provision.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import type { ExtraRoute } from '../../shared/apimachinery/server/server.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { ecsClient, schedulerClient, sqsClient } from '../../shared/aws/clients.ts'
import { awsEcs } from '../../shared/aws/ecs.ts'
import { scheduleUnlessScheduled } from '../../shared/aws/schedules.ts'
import { SqsWorkQueue } from '../../shared/aws/work-queue.ts'
import type { Clock } from '../../shared/clock.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { EventLog } from '../../shared/pipeline/event-recorder.ts'
import { everything } from '../../shared/pipeline/everything.ts'
import { type Log, silent } from '../../shared/pipeline/log.ts'
import { SYNC_PATH } from '../../shared/pods/agent-protocol.ts'
import { podControllers } from '../../shared/pods/controllers.ts'
import type { Ecs, Task } from '../../shared/pods/ecs.ts'
import { ImageLookup } from '../../shared/pods/images/lookup.ts'
import { Registry } from '../../shared/pods/images/registry.ts'
import { parseSubnets } from '../../shared/pods/settings.ts'
import { changeReader } from '../../shared/store/dynamodb/stream.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { eventually } from '../tools/wait.ts'
import { AccessPointsModel } from '../volumes/access-points-model.ts'
import { Environment, Environments, type TimeOut } from './environments.ts'
import { fastClock } from './fast-clock.ts'
import { Stream } from './stream.ts'

export interface PipelineOptions {
  /** Seconds of the cluster's time in one of the wall's. */
  readonly speed?: number
  readonly ecs?: Partial<EcsOptions>
  /** Each node is a container instance; otherwise nodes stand for Fargate capacity. */
  readonly containerInstances?: boolean
  /** Which records of the stream the next batch has, and in which order. */
  readonly take?: (waiting: DynamoDBRecord[]) => DynamoDBRecord[]
  /** Between EventBridge and the tasks function: what arrives, how often and when. */
  readonly deliver?: (event: unknown, invoke: (event: unknown) => Promise<void>) => Promise<void>
  /** The rule lets all states of tasks through, not the last one alone. */
  readonly everyEvent?: boolean
  /** When the time of a reconcile environment is over. */
  readonly timeOut?: TimeOut
  /** Before each call of ECS; what it throws is ECS's answer. */
  readonly refuse?: (operation: string, clock: Clock) => void
}

const CLUSTER = 'default'
const CONCURRENCY = 4
const REMAINING_MS = 90_000
const WORKLOADS = { group: 'apps', resource: 'deployments' }

export class PipelineCluster {
  readonly clock: Clock
  readonly store: MemoryStore
  readonly aws: LocalAws
  readonly ecs: Ecs
  readonly client: Client
  readonly stream: Stream
  readonly sqs: SQSClient
  readonly workQueueUrl: string
  /** Stream records that Lambda gave up on. */
  readonly discarded: DynamoDBRecord[] = []
  /** Tasks by launch of a pod ("<uid>/<launch>" as the task's group has it), from every event there ever was. */
  readonly launches = new Map<string, Set<string>>()
  readonly #undo: AsyncDisposableStack

  private constructor(parts: Parts, undo: AsyncDisposableStack) {
    this.clock = parts.clock
    this.store = parts.store
    this.aws = parts.aws
    this.ecs = parts.ecs
    this.client = parts.client
    this.stream = parts.stream
    this.sqs = parts.sqs
    this.workQueueUrl = parts.workQueueUrl
    this.#undo = undo
  }

  static async start(options: PipelineOptions = {}): Promise<PipelineCluster> {
    const { containerInstances = false, deliver = (event, invoke) => invoke(event), timeOut = () => false } = options
    const undo = new AsyncDisposableStack()
    const clock = fastClock(options.speed ?? 60)
    const { now } = clock
    const store = new MemoryStore({ now })
    const handle = Promise.withResolvers<(request: Request) => Promise<Response>>()
    const simulation = { agentSync: async (request: Request) => (await handle.promise)(request), ...options.ecs?.simulation }
    const nodeCapacity = { cpu: 1024 * 64, memory: 1024 * 512 }
    const nodes = containerInstances ? 3 : 0
    const ecsOptions: EcsOptions = { engine: 'simulated', cluster: NAMES.cluster, nodes, nodeCapacity, ...options.ecs, simulation }
    const aws = await startAws({ port: 0, clock, log: () => {}, ecs: ecsOptions })
    undo.defer(() => aws.close())
    const { workQueueUrl, delayQueueUrl } = await provisionPipeline(aws, false)

    // The product's own clients: how they retry is part of what is tried.
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_REGION: aws.identity.region,
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
    })
    const sqs = sqsClient()
    const scheduler = schedulerClient()
    const ecsSdk = ecsClient()
    ecsSdk.middlewareStack.add(
      (next, context) => async args => {
        options.refuse?.((context.commandName ?? '').replace(/Command$/, ''), clock)
        return next(args)
      },
      { step: 'finalizeRequest', name: 'harm', priority: 'low' },
    )
    undo.defer(() => {
      for (const client of [sqs, scheduler, ecsSdk]) client.destroy()
    })
    const ecs = awsEcs({ cluster: NAMES.cluster, client: ecsSdk })
    const schedules = { client: scheduler, group: NAMES.schedules, roleArn: 'arn:aws:iam::000000000000:role/x', targetArn: arnOf('tick') }
    const queueOf = () => new SqsWorkQueue({ client: sqs, cluster: CLUSTER, workQueueUrl, delayQueueUrl, schedules, now })

    const agents: { route?: ExtraRoute } = {}
    const api = await createApi({
      store,
      now,
      extraRoutes: [{ prefix: SYNC_PATH, handle: (...parameters) => agents.route!.handle(...parameters) }],
    })
    agents.route = agentRoute({ machinery: api.machinery, ecs: () => ecs, holdSeconds: 0, log: quiet })
    handle.resolve(api.handle)

    const dispatch = createDispatchFunction({
      controllers: [...watched],
      changeOf: changeReader(undefined as never, NAMES.table),
      queueOf,
      log: silent,
    })
    const stream = new Stream({
      cluster: CLUSTER,
      invoke: dispatch,
      take: options.take,
      discard: records => cluster.discarded.push(...records),
    })
    const client = clientFor(api.machinery, SYSTEM, 'test')
    const cluster = new PipelineCluster({ clock, store, aws, ecs, client, stream, sqs, workQueueUrl }, undo)

    const images = new ImageLookup({ registry: new Registry({ mirror: aws.endpoint, architecture: 'amd64' }), now })
    const settings = podSettings(containerInstances)
    const reconcile = new Environments<SQSEvent, SQSBatchResponse>(() => {
      const environment = new Environment(timeOut)
      const queue = environment.guard('queue', queueOf())
      const pods = podControllers(() => ({
        ecs: environment.guard('ecs', ecs),
        images,
        accessPoints: async () => new AccessPointsModel([]),
        version: 'v1.36.0',
        settings,
      }))
      const work = createClusterWork({
        store: environment.store(store),
        queue,
        controllers: [...controllers, ...pods],
        log: silent,
        clock: environment.clock(clock),
      })
      const handler = createReconcileFunction({
        workOf: () => work,
        scheduleResync: (name, due) => scheduleUnlessScheduled(schedules, `${name} resync`, due, { cluster: name, resync: true }),
        now,
        log: silent,
      })
      return {
        environment,
        handler: event => {
          const begin = now()
          return handler(event, { getRemainingTimeInMillis: () => begin + REMAINING_MS - now() })
        },
      }
    })
    const map = (name: string, functionName: string, maxConcurrency: number, invoke: Invoke): Mapping => {
      const queue = aws.sqs.queue(name)!
      const deliver = visibleWhenFailed(queue, invoke)
      return mapQueue({
        queue,
        queueArn: aws.sqs.arnOf(name),
        region: aws.identity.region,
        functionName,
        batchSize: 10,
        maxConcurrency,
        invoke: (_, event) => deliver(event as SQSEvent),
        log: () => {},
      })
    }
    const mappings = [
      map(NAMES.work, 'reconcile', CONCURRENCY, event => reconcile.invoke(event)),
      map(NAMES.delay, 'dispatch', 2, event => dispatch(event) as Promise<SQSBatchResponse>),
    ]
    // An environment that died is not waited for.
    undo.defer(() => void Promise.allSettled(mappings.map(mapping => mapping.stop())))
    undo.defer(() => stream.close())

    const kubelet = clientFor(api.machinery, SYSTEM, 'kubelet')
    const recorder = new EventLog({ client: kubelet, now, log: quiet }).recorder('kubelet')
    const tasks: TasksFunction = createTasksFunction({ contextOf: () => ({ client: kubelet, events: recorder, now }) })
    const tick = createTickFunction({
      queueOf,
      everything: () => everything({ store, registry: api.machinery.registry, controllers: watched as never, log: silent }),
      log: silent,
    })
    cluster.#recordLaunches()
    store.feed(change => stream.write(change))
    await aws.attach(async (name, event) => {
      if (name === 'tick') return tick(event as TickEvent)
      if (name === 'record') cluster.#launched(event as TaskEvent)
      if ((name === 'record') === (options.everyEvent ?? false)) await deliver(event, one => tasks(one as Parameters<TasksFunction>[0]))
    })
    // What was made before the stream was read: as a table's stream has it from its beginning.
    await tick({ cluster: CLUSTER, resync: true })
    return cluster
  }

  /** Beside the product's own rule: every change of every task. */
  #recordLaunches(): void {
    const { operations } = this.aws.events
    operations.PutRule({
      Name: 'record',
      EventPattern: JSON.stringify({ source: ['aws.ecs'], 'detail-type': ['ECS Task State Change'] }),
    })
    operations.PutTargets({ Rule: 'record', Targets: [{ Id: 'record', Arn: arnOf('record') }] })
  }

  #launched({ detail: { startedBy, group, taskArn } }: TaskEvent): void {
    const launch = `${startedBy} ${group}`
    this.launches.set(launch, (this.launches.get(launch) ?? new Set()).add(taskArn))
  }

  /** Each distinct `template` is a task definition of its own. */
  async deploy(name: string, replicas: number, container: object = {}): Promise<void> {
    await this.client.create(WORKLOADS, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'default' },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { containers: [{ name: 'app', image: 'example.com/app:1', ...container }] },
        },
      },
    } as never)
  }

  async scale(name: string, replicas: number): Promise<void> {
    const body = { spec: { replicas } }
    await this.client.patch(WORKLOADS, 'default', name, { type: 'application/merge-patch+json', body } as never)
  }

  /** Tasks that are not stopped. */
  async tasks(): Promise<readonly Task[]> {
    return (await this.ecs.describeTasks(await this.ecs.listTasks({}))).filter(({ lastStatus }) => lastStatus !== 'STOPPED')
  }

  interrupt(task: Task, stopCode: string, reason: string): void {
    this.aws.ecs!.interrupt(task.taskArn, stopCode, reason)
  }

  /** A message on the work queue as somebody else might put it there. */
  async sendRaw(body: string, group: string): Promise<void> {
    await this.sqs.send(
      new SendMessageCommand({
        QueueUrl: this.workQueueUrl,
        MessageBody: body,
        MessageGroupId: group,
        MessageDeduplicationId: randomUUID(),
      }),
    )
  }

  /** Reasons of all events of pods. */
  async eventReasons(): Promise<string[]> {
    const { items } = await this.store.list({ group: '', resource: 'events' })
    return items.map(({ object }) => (object as { reason?: string }).reason ?? '')
  }

  until(what: string, ask: () => Promise<boolean>): Promise<unknown> {
    return eventually(what, ask)
  }

  queued(name: keyof typeof NAMES): number {
    const { visible, inFlight } = this.aws.sqs.queue(NAMES[name])!.count()
    return visible + inFlight
  }

  async close(): Promise<void> {
    await this.#undo.disposeAsync()
  }
}

type Parts = Pick<PipelineCluster, 'clock' | 'store' | 'aws' | 'ecs' | 'client' | 'stream' | 'sqs' | 'workQueueUrl'>

interface TaskEvent {
  readonly detail: { readonly startedBy?: string; readonly group?: string; readonly taskArn: string }
}

type Invoke = (event: SQSEvent) => Promise<SQSBatchResponse>

/** No message is tried for so long: an invocation on a slow machine must not outlive the visibility of what it works on. */
const HIDDEN_MS = 12 * 3600_000

const VISIBILITY_MS = 120_000

/** As cdk/pipeline.ts has it, but counted from the end of an invocation that failed. */
function visibleWhenFailed(queue: Queue, invoke: Invoke): Invoke {
  queue.settings = { ...queue.settings, visibilityTimeout: HIDDEN_MS }
  return async event => {
    const again = (failed: (id: string) => boolean) => {
      for (const { messageId, receiptHandle } of event.Records) if (failed(messageId)) queue.changeVisibility(receiptHandle, VISIBILITY_MS)
    }
    try {
      const answer = await invoke(event)
      again(id => answer.batchItemFailures.some(({ itemIdentifier }) => itemIdentifier === id))
      return answer
    } catch (error) {
      again(() => true)
      throw error
    }
  }
}

const quiet: Log = { ...silent, error: (fields, message) => console.error(message, fields) }
const arnOf = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`

const podSettings = (containerInstances: boolean) => ({
  cluster: CLUSTER,
  agentImage: 'agent',
  apiUrl: 'https://127.0.0.1:1',
  apiCa: undefined,
  logGroup: NAMES.logGroup,
  region: 'us-east-1',
  executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
  taskRoleArn: undefined,
  subnets: parseSubnets('subnet-1@us-east-1a'),
  securityGroups: ['sg-local'],
  containerInstances,
  fargate: { providers: ['FARGATE', 'FARGATE_SPOT'], architecture: 'amd64' as const },
  imagesPresent: true,
})
