// Apply of a Deployment to all its Pods Running: the whole chain (API verbs, controllers, scheduler, launcher, ECS protocol over HTTP,
// task events, agents' reports) on the in-memory store and simulated ECS, in one process.
import { ECSClient } from '@aws-sdk/client-ecs'
import { agentRoute } from '../functions/api/agents.ts'
import { createApi } from '../functions/api/app.ts'
import { createTasksFunction } from '../functions/tasks/tasks.ts'
import { startAws } from '../localstack/aws/index.ts'
import type { Pod } from '../shared/api/core/v1.ts'
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
import { MemoryStore } from '../shared/store/memory.ts'
import type { Figure } from './report.ts'

/** A node takes 110 pods. */
const PODS_PER_NODE = 100
const DEPLOYMENTS = { group: 'apps', resource: 'deployments' }

export interface ScaleOptions {
  readonly replicas: number
  readonly log?: Log
}

export interface ScaleResult {
  readonly seconds: number
  readonly cpuSeconds: number
  /** Object writes by collection, from apply until all are Running. */
  readonly writes: Readonly<Record<string, number>>
}

const quiet: Log = { debug() {}, warn() {}, error: (fields, message) => console.error(message, fields) }

export async function runScale({ replicas, log = quiet }: ScaleOptions): Promise<ScaleResult> {
  const nodes = Math.ceil(replicas / PODS_PER_NODE)
  const store = new MemoryStore()
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
  const ecs = awsEcs({
    cluster: 'zeroplane',
    client: new ECSClient({
      endpoint: aws.endpoint,
      region: aws.identity.region,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    }),
  })
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
  try {
    for (;;) {
      if ((await store.list({ group: '', resource: 'nodes' })).items.length === nodes) break
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    await manager.idle()
    const writes: Record<string, number> = {}
    let running = 0
    const all = Promise.withResolvers<void>()
    const stop = store.feed(change => {
      const name = change.collection.resource
      writes[name] = (writes[name] ?? 0) + 1
      if (name !== 'pods') return
      if ((change.object as Pod).status?.phase === 'Running' && (change.previous as Pod | undefined)?.status?.phase !== 'Running') running++
      if (running === replicas) all.resolve()
    })
    const cpu = process.cpuUsage()
    const begin = performance.now()
    await client.create(DEPLOYMENTS, deployment(replicas))
    const progress = setInterval(() => log.debug({ running, ...writes, cpu: process.cpuUsage(cpu).user / 1e6 }, 'progress'), 1000)
    await all.promise
    clearInterval(progress)
    stop()
    const seconds = (performance.now() - begin) / 1000
    const { user, system } = process.cpuUsage(cpu)
    return { seconds, cpuSeconds: (user + system) / 1e6, writes }
  } finally {
    manager.stop()
    await aws.close()
  }
}

function deployment(replicas: number) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'scale', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'scale' } },
      template: { metadata: { labels: { app: 'scale' } }, spec: { containers: [{ name: 'app', image: 'example.com/app:1' }] } },
    },
  }
}

export async function benchScale(replicas = 1000): Promise<Figure[]> {
  const { seconds, cpuSeconds, writes } = await runScale({ replicas })
  return [
    {
      name: `${replicas} replicas from apply to Running`,
      value: `${seconds.toFixed(1)} s, ${(replicas / seconds).toFixed(0)}/s`,
      beside: 'aim: 170/s',
    },
    { name: 'CPU', value: `${cpuSeconds.toFixed(1)} s` },
    { name: 'object writes of a pod', value: ((writes.pods ?? 0) / replicas).toFixed(2), beside: 'aim: 4' },
  ]
}
