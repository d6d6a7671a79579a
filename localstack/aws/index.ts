// The embedded AWS: one port that speaks AWS's protocols for what the product calls. docs/local-aws.md lists services and limits.
import { mkdirSync } from 'node:fs'
import { type EcsOptions, type StartedEcs, startEcs } from '../ecs/index.ts'
import { type Clock, systemClock } from './clock.ts'
import { type DynamoProxy, dynamoProxy, noDynamo } from './dynamodb.ts'
import { Efs, efsRoute } from './efs.ts'
import { Events } from './events/service.ts'
import type { Identity } from './identity.ts'
import { Logs } from './logs/service.ts'
import { Scheduler, schedulerRoute } from './scheduler/service.ts'
import { listen } from './server.ts'
import type { World } from './service.ts'
import { Sqs } from './sqs/service.ts'
import { stsService } from './sts.ts'
import { type Invoke, targets } from './targets.ts'

export interface StartAwsOptions {
  /** 0: any free port. */
  readonly port: number
  /** Interface to listen on; loopback unless told otherwise. */
  readonly host?: string
  /** Queues, schedules, rules, tasks and logs are kept here. Undefined: nothing outlives the process. */
  readonly dataDir?: string
  /** Where DynamoDB Local listens. Undefined: DynamoDB requests are refused. */
  readonly dynamodb?: { readonly host?: string; readonly port: number }
  readonly ecs?: EcsOptions
  readonly clock?: Clock
  readonly identity?: Identity
  /** One line about something that a person should know. */
  readonly log?: (line: string) => void
}

export interface LocalAws {
  /** "http://127.0.0.1:4566", for AWS_ENDPOINT_URL. */
  readonly endpoint: string
  readonly port: number
  readonly identity: Identity
  readonly sqs: Sqs
  readonly logs: Logs
  readonly events: Events
  readonly scheduler: Scheduler
  readonly efs: Efs
  readonly ecs: StartedEcs | undefined
  /**
   * Gives EventBridge and Scheduler something to invoke (function name, event), and starts delivering, including what an earlier life
   * accepted and did not deliver, and what ECS tasks did meanwhile. Before this, deliveries wait.
   */
  attach(invoke: Invoke): Promise<void>
  /** Called after each accepted write to DynamoDB through this endpoint. Returns the way to stop. */
  onWrite(listener: () => void): () => void
  close(): Promise<void>
}

const LOOPBACK = '127.0.0.1'

/** @throws when the port is taken (Node's EADDRINUSE), the data folder cannot be used, or Docker does not answer (EcsUnavailableError). */
export async function startAws(options: StartAwsOptions): Promise<LocalAws> {
  const identity = options.identity ?? { account: '000000000000', region: 'us-east-1' }
  const log = options.log ?? (line => console.error(line))
  const world: World = { clock: options.clock ?? systemClock, identity, dataDir: options.dataDir, log }
  if (options.dataDir) mkdirSync(options.dataDir, { recursive: true })

  let invoke: Invoke | undefined
  const sqs = new Sqs(world)
  const logs = new Logs(world)
  const router = targets({
    invoke: () => invoke,
    sendMessage: (queueArn, body, group) => sqs.sendTo(queueArn, body, group),
    putLog: (group, message) => logs.write(group, 'events', [{ timestamp: world.clock.now(), message }]),
    putEvent: (bus, event) => events.forward(bus, event),
  })
  const events = new Events(world, router)
  const scheduler = new Scheduler(world, router)
  const efs = new Efs(world)

  const writeListeners = new Set<() => void>()
  const proxy: DynamoProxy | undefined =
    options.dynamodb &&
    dynamoProxy({ host: '127.0.0.1', ...options.dynamodb }, () => {
      for (const listener of writeListeners) listener()
    })
  const ecs = options.ecs && (await startEcs(options.ecs, world, { logs, events, efs }))

  const sts = stsService(identity)
  const host = options.host ?? LOOPBACK
  const inPods = { AmazonSQS: { service: sqs, version: '1.0' } } as const
  const listening = await listen(
    {
      targets: {
        ...inPods,
        AWSEvents: { service: events, version: '1.1' },
        Logs_20140328: { service: logs, version: '1.1' },
        ...(ecs && { AmazonEC2ContainerServiceV20141113: { service: ecs.service, version: '1.1' } }),
      },
      query: { '2011-06-15': { service: sts, namespace: 'https://sts.amazonaws.com/doc/2011-06-15/' } },
      rest: [
        { service: scheduler, route: schedulerRoute },
        { service: efs, route: efsRoute },
      ],
      doors: [proxy?.door ?? noDynamo, ...(ecs ? [ecs.registry] : [])],
    },
    options.port,
    host,
    log,
  ).catch(async error => {
    await ecs?.close()
    throw error
  })
  // Where containers find this machine, they get what the workers of WorkQueues need and no more: nothing here asks who calls.
  const podSide =
    host === LOOPBACK && ecs?.gatewayIsHere && ecs.gateway !== host
      ? await listen({ targets: inPods, query: {}, rest: [], doors: [] }, listening.port, ecs.gateway, log).catch(async error => {
          await Promise.all([listening.close(), ecs.close()])
          throw error
        })
      : undefined

  return {
    endpoint: `http://127.0.0.1:${listening.port}`,
    port: listening.port,
    identity,
    sqs,
    logs,
    events,
    scheduler,
    efs,
    ecs,
    async attach(invoker) {
      invoke = invoker
      events.resume()
      scheduler.resume()
      await ecs?.resume()
    },
    onWrite(listener) {
      writeListeners.add(listener)
      return () => writeListeners.delete(listener)
    },
    async close() {
      await Promise.all([listening.close(), podSide?.close()])
      await ecs?.close()
      scheduler.close()
      efs.close()
      events.close()
      sqs.close()
      logs.close()
      proxy?.close()
    },
  }
}
