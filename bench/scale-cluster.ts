// Everything that makes pods of objects, in one process: API verbs, all controllers, scheduler, launcher, the ECS protocol over HTTP,
// simulated tasks with their events and their agents' reports. What it does is counted.
import { ECSClient } from '@aws-sdk/client-ecs'
import { agentRoute } from '../functions/api/agents.ts'
import { createApi } from '../functions/api/app.ts'
import { createTasksFunction } from '../functions/tasks/tasks.ts'
import { startAws } from '../localstack/aws/index.ts'
import type { Client } from '../shared/apimachinery/client.ts'
import { clientFor } from '../shared/apimachinery/create-machinery.ts'
import type { ExtraRoute } from '../shared/apimachinery/server/server.ts'
import { SYSTEM } from '../shared/auth/types.ts'
import { awsEcs } from '../shared/aws/ecs.ts'
import { controllers } from '../shared/controllers/index.ts'
import { EventLog } from '../shared/pipeline/event-recorder.ts'
import type { Log } from '../shared/pipeline/log.ts'
import { startManager } from '../shared/pipeline/manager.ts'
import { SYNC_PATH } from '../shared/pods/agent-protocol.ts'
import { podControllers } from '../shared/pods/controllers.ts'
import { ImageLookup } from '../shared/pods/images/lookup.ts'
import { Registry } from '../shared/pods/images/registry.ts'
import { parseSubnets } from '../shared/pods/settings.ts'
import type { Change, FeedingStore } from '../shared/store/types.ts'

export const quiet: Log = { debug() {}, warn() {}, error: (fields, message) => console.error(message, fields) }

export interface BenchCluster {
  readonly client: Client
  readonly store: FeedingStore
  /** Calls to ECS since it began. */
  readonly ecsCalls: () => number
  /** Resolves when a change is such that the test says so; give it before what causes the change. */
  when(test: (change: Change) => boolean): Promise<void>
  stop(): Promise<void>
}

/** Resolves when its nodes are there and nothing is to be done. */
export async function startBenchCluster(store: FeedingStore, nodes: number, log: Log = quiet): Promise<BenchCluster> {
  const handle = Promise.withResolvers<(request: Request) => Promise<Response>>()
  const aws = await startAws({
    port: 0,
    log: () => {},
    ecs: {
      engine: 'simulated',
      cluster: 'zeroplane',
      nodes,
      nodeCapacity: { cpu: 1024 * 64, memory: 1024 * 512 },
      simulation: { agentSync: async request => (await handle.promise)(request) },
    },
  })
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const ecsClient = new ECSClient({ endpoint: aws.endpoint, region: aws.identity.region, credentials })
  let calls = 0
  ecsClient.middlewareStack.add(
    next => args => {
      calls++
      return next(args)
    },
    { step: 'initialize', name: 'count' },
  )
  const ecs = awsEcs({ cluster: 'zeroplane', client: ecsClient })
  const agents: { route?: ExtraRoute } = {}
  const api = await createApi({
    store,
    extraRoutes: [{ prefix: SYNC_PATH, handle: (...parameters) => agents.route!.handle(...parameters) }],
  })
  const { machinery } = api
  agents.route = agentRoute({ machinery, ecs: () => ecs, holdSeconds: 60, log })
  handle.resolve(api.handle)

  const kubelet = clientFor(machinery, SYSTEM, 'kubelet')
  const tasks = createTasksFunction({
    contextOf: () => ({
      client: kubelet,
      events: new EventLog({ client: kubelet, now: Date.now, log }).recorder('kubelet'),
      now: Date.now,
    }),
  })
  await aws.attach(async (_, event) => tasks(event as never))
  const images = new ImageLookup({ registry: new Registry({ mirror: aws.endpoint, architecture: 'amd64' }), now: Date.now })
  const pods = podControllers(() => ({
    accessPoints: () => Promise.reject(new Error('the pods of this bench have no volumes')),
    ecs,
    images,
    version: 'v1.36.0',
    settings: {
      cluster: 'default',
      agentImage: 'agent',
      apiUrl: 'https://127.0.0.1:1',
      apiCa: undefined,
      logGroup: 'pods',
      region: 'us-east-1',
      executionRoleArn: undefined,
      taskRoleArn: undefined,
      subnets: parseSubnets('subnet-local'),
      securityGroups: ['sg-local'],
      containerInstances: true,
      fargate: { providers: ['FARGATE', 'FARGATE_SPOT'], architecture: 'amd64' as const },
      imagesPresent: true,
    },
  }))
  const client = clientFor(machinery, SYSTEM, 'kube-controller-manager')
  const manager = await startManager({ store, client, registry: machinery.registry, controllers: [...controllers, ...pods], log })
  const cluster: BenchCluster = {
    client,
    store,
    ecsCalls: () => calls,
    when(test) {
      return new Promise(resolve => {
        const stop = store.feed(change => {
          if (!test(change)) return
          stop()
          resolve()
        })
      })
    },
    async stop() {
      manager.stop()
      ecsClient.destroy()
      await aws.close()
    },
  }
  while ((await store.list({ group: '', resource: 'nodes' })).items.length < nodes) await new Promise(resolve => setTimeout(resolve, 50))
  await manager.idle()
  return cluster
}
