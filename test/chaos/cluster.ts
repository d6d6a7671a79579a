// The whole chain in one process (API, controllers, launcher, ECS's protocol, task events, agents' calls) over the in-memory store and
// simulated tasks, with places to do harm.
import { ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs'
import { agentRoute } from '../../functions/api/agents.ts'
import { createApi } from '../../functions/api/app.ts'
import { createTasksFunction, type TasksFunction } from '../../functions/tasks/tasks.ts'
import { type LocalAws, startAws } from '../../localstack/aws/index.ts'
import type { EcsOptions } from '../../localstack/ecs/index.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import type { ExtraRoute } from '../../shared/apimachinery/server/server.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { awsEcs } from '../../shared/aws/ecs.ts'
import { type ManualClock, systemClock } from '../../shared/clock.ts'
import { PODS } from '../../shared/controllers/collections.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { EventLog } from '../../shared/pipeline/event-recorder.ts'
import type { Log } from '../../shared/pipeline/log.ts'
import { type Manager, startManager } from '../../shared/pipeline/manager.ts'
import { SYNC_PATH } from '../../shared/pods/agent-protocol.ts'
import { podControllers } from '../../shared/pods/controllers.ts'
import type { Ecs, Task } from '../../shared/pods/ecs.ts'
import { ImageLookup } from '../../shared/pods/images/lookup.ts'
import { Registry } from '../../shared/pods/images/registry.ts'
import { parseSubnets } from '../../shared/pods/settings.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { eventually } from '../tools/wait.ts'

export interface ChaosOptions {
  readonly ecs?: Partial<EcsOptions>
  /** Each node is a container instance; otherwise nodes stand for Fargate capacity. */
  readonly containerInstances?: boolean
  /** Between EventBridge and the tasks function: what arrives, how often and when. */
  readonly deliver?: (event: unknown, invoke: (event: unknown) => Promise<void>) => Promise<void>
  /** A clock of its own for the control plane, to let minutes pass; the simulation runs on the system's. */
  readonly clock?: ManualClock
}

const CLUSTER = 'zeroplane'
const DEPLOYMENTS = { group: 'apps', resource: 'deployments' }
const quiet: Log = { debug() {}, warn() {}, error: (fields, message) => console.error(message, fields) }

export class ChaosCluster {
  readonly aws: LocalAws
  readonly ecs: Ecs
  readonly client: Client
  readonly #manager: Manager
  readonly #ecsClient: ECSClient
  /** Every task that was ever launched for a pod: UID -> ARNs. */
  readonly #launched = new Map<string, Set<string>>()

  private constructor(aws: LocalAws, ecs: Ecs, client: Client, manager: Manager, ecsClient: ECSClient) {
    this.aws = aws
    this.ecs = ecs
    this.client = client
    this.#manager = manager
    this.#ecsClient = ecsClient
  }

  static async start({ ecs: options, containerInstances = true, deliver, clock }: ChaosOptions = {}): Promise<ChaosCluster> {
    const now = () => (clock ?? systemClock).now()
    const store = new MemoryStore({ now })
    const handle = Promise.withResolvers<(request: Request) => Promise<Response>>()
    const nodeCapacity = { cpu: 1024 * 64, memory: 1024 * 512 }
    const simulation = { agentSync: async (request: Request) => (await handle.promise)(request), ...options?.simulation }
    const aws = await startAws({
      port: 0,
      log: () => {},
      ecs: { engine: 'simulated', cluster: CLUSTER, nodes: 3, nodeCapacity, ...options, simulation },
    })
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
    const ecsClient = new ECSClient({ endpoint: aws.endpoint, region: aws.identity.region, credentials, maxAttempts: 5 })
    const ecs = awsEcs({ cluster: CLUSTER, client: ecsClient })
    const agents: { route?: ExtraRoute } = {}
    const api = await createApi({
      store,
      extraRoutes: [{ prefix: SYNC_PATH, handle: (...parameters) => agents.route!.handle(...parameters) }],
    })
    const { machinery } = api
    agents.route = agentRoute({ machinery, ecs: () => ecs, holdSeconds: 60, log: quiet })
    handle.resolve(api.handle)
    const kubelet = clientFor(machinery, SYSTEM, 'kubelet')
    const recorder = new EventLog({ client: kubelet, now, log: quiet }).recorder('kubelet')
    const tasks: TasksFunction = createTasksFunction({ contextOf: () => ({ client: kubelet, events: recorder, now }) })
    const invoke = (event: unknown) => tasks(event as Parameters<TasksFunction>[0])
    aws.events.operations.PutRule({
      Name: 'tasks',
      EventPattern: JSON.stringify({ source: ['aws.ecs'], 'detail-type': ['ECS Task State Change'] }),
    })
    aws.events.operations.PutTargets({ Rule: 'tasks', Targets: [{ Id: 'f', Arn: 'arn:aws:lambda:us-east-1:000000000000:function:tasks' }] })
    const images = new ImageLookup({ registry: new Registry({ mirror: aws.endpoint, architecture: 'amd64' }), now })
    const settings = {
      cluster: 'default',
      agentImage: 'agent',
      apiUrl: 'https://127.0.0.1:1',
      apiCa: undefined,
      logGroup: 'pods',
      region: 'us-east-1',
      executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
      taskRoleArn: undefined,
      subnets: parseSubnets('subnet-local'),
      securityGroups: ['sg-local'],
      containerInstances,
      fargate: { providers: ['FARGATE', 'FARGATE_SPOT'], architecture: 'amd64' as const },
      imagesPresent: true,
    }
    const pods = podControllers(() => ({ ecs, images, version: 'v1.36.0', settings }))
    const client = clientFor(machinery, SYSTEM, 'kube-controller-manager')
    const manager = await startManager({
      store,
      client,
      registry: machinery.registry,
      controllers: [...controllers, ...pods],
      clock: clock ?? systemClock,
      log: quiet,
    })
    const cluster = new ChaosCluster(aws, ecs, client, manager, ecsClient)
    await aws.attach(async (_, event) => {
      const { startedBy, taskArn } = (event as { detail: { startedBy?: string; taskArn: string } }).detail
      if (startedBy) cluster.#launched.set(startedBy, (cluster.#launched.get(startedBy) ?? new Set()).add(taskArn))
      await (deliver ? deliver(event, invoke) : invoke(event))
    })
    await eventually('nodes', async () => (await store.list({ group: '', resource: 'nodes' })).items.length > 0)
    await manager.idle()
    cluster.#list = async () => (await store.list(PODS)).items.map(({ object }) => object as Pod)
    return cluster
  }

  #list: () => Promise<Pod[]> = async () => []

  pods(): Promise<Pod[]> {
    return this.#list()
  }

  async running(): Promise<Pod[]> {
    return (await this.pods()).filter(({ status, metadata }) => status?.phase === 'Running' && !metadata.deletionTimestamp)
  }

  /** Each distinct `template` is a task definition of its own. */
  async deploy(name: string, replicas: number, template: object = {}): Promise<void> {
    await this.client.create(DEPLOYMENTS, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'default' },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: 'example.com/app:1', ...template }] } },
      },
    } as never)
  }

  async scale(name: string, replicas: number): Promise<void> {
    const body = { spec: { replicas } }
    await this.client.patch(DEPLOYMENTS, 'default', name, { type: 'application/merge-patch+json', body } as never)
  }

  /** Tasks that are not stopped. */
  async tasks(): Promise<readonly Task[]> {
    return (await this.ecs.describeTasks(await this.ecs.listTasks({}))).filter(({ lastStatus }) => lastStatus !== 'STOPPED')
  }

  /** Never more than one task for a launch of a pod. */
  get launchedTwice(): string[] {
    return [...this.#launched].filter(([, tasks]) => tasks.size > 1).map(([uid]) => uid)
  }

  /** So many pods run; every task belongs to one of them, and each of them has one. */
  async converged(replicas: number): Promise<void> {
    await eventually(`${replicas} pods, each with one task`, async () => {
      const running = await this.running()
      const all = await this.pods()
      const owners = (await this.tasks()).map(({ startedBy }) => startedBy)
      const uids = running.map(({ metadata }) => metadata.uid)
      if (running.length !== replicas || all.filter(({ status }) => status?.phase === 'Pending').length > 0) {
        throw new Error(`${running.length} of ${all.length} pods run: ${all.map(({ status }) => status?.phase)}`)
      }
      if (owners.length !== replicas || uids.some(uid => owners.filter(owner => owner === uid).length !== 1)) {
        throw new Error(`${owners.length} tasks for ${replicas} pods`)
      }
      return true
    })
  }

  interrupt(task: Task, stopCode: string, reason: string): void {
    this.aws.ecs!.interrupt(task.taskArn, stopCode, reason)
  }

  async stoppedTasks(): Promise<number> {
    const { taskArns } = await this.#ecsClient.send(new ListTasksCommand({ cluster: CLUSTER, desiredStatus: 'STOPPED' }))
    return taskArns?.length ?? 0
  }

  idle(): Promise<void> {
    return this.#manager.idle()
  }

  async close(): Promise<void> {
    this.#manager.stop()
    this.#ecsClient.destroy()
    await this.aws.close()
  }
}
