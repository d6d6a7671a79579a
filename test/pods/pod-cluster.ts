// The pods' controllers and the scheduler on a store in memory, over the model of ECS, with a clock that is turned by hand.
import type { Pod } from '../../shared/api/core/v1.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { ManualClock } from '../../shared/clock.ts'
import { openCluster } from '../../shared/cluster.ts'
import { PODS } from '../../shared/controllers/collections.ts'
import { nodeLifecycleController } from '../../shared/controllers/nodelifecycle.ts'
import { scheduler } from '../../shared/controllers/scheduler.ts'
import { serviceAccountController } from '../../shared/controllers/serviceaccount.ts'
import { EventLog } from '../../shared/pipeline/event-recorder.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { type Manager, startManager } from '../../shared/pipeline/manager.ts'
import type { Orders, Report } from '../../shared/pods/agent-protocol.ts'
import { agentKey, issueToken } from '../../shared/pods/agent-token.ts'
import { podControllers } from '../../shared/pods/controllers.ts'
import type { ResolvedImage } from '../../shared/pods/images/lookup.ts'
import { InvalidImageName, parseImage } from '../../shared/pods/images/reference.ts'
import { ImageError } from '../../shared/pods/images/registry.ts'
import { taskRecord } from '../../shared/pods/record.ts'
import type { PodSettings } from '../../shared/pods/settings.ts'
import { createAgentSync } from '../../shared/pods/sync.ts'
import { type TaskStateChange, taskChanged } from '../../shared/pods/task-event.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import type { Change } from '../../shared/store/types.ts'
import { AccessPointsModel } from '../volumes/access-points-model.ts'
import { EcsModel } from './ecs-model.ts'

export const settings: PodSettings = {
  cluster: 'test',
  agentImage: 'zeroplane/agent:1',
  apiUrl: 'https://api.example.com',
  logGroup: '/zeroplane/pods',
  region: 'here',
  subnets: [{ id: 'subnet-a', zone: 'here-a' }],
  securityGroups: ['sg'],
  containerInstances: true,
  fargate: { providers: ['FARGATE', 'FARGATE_SPOT'], architecture: 'amd64' as const },
}

export class PodCluster {
  readonly clock = new ManualClock()
  readonly ecs = new EcsModel(this.clock.now)
  readonly store = new MemoryStore()
  readonly #machinery = openCluster({ store: this.store, now: this.clock.now })
  readonly client = clientFor(this.#machinery, SYSTEM, 'test')
  readonly accessPoints = new AccessPointsModel(['fs-1'])
  /** Names of images that cannot be had. */
  readonly missing = new Set<string>()
  readonly podWrites: Change[] = []
  /** Whether another cluster of the deployment is there. */
  isThere: (id: string) => Promise<boolean> = async () => true
  readonly #events = new EventLog({ client: this.client, now: this.clock.now, log: silent }).recorder('kubelet')
  readonly #sync = createAgentSync({
    client: this.client,
    read: createReader(this.store),
    store: this.store,
    key: () => agentKey(this.client),
    events: this.#events,
    now: this.clock.now,
    holdSeconds: 0,
    findTask: async uid => (await this.ecs.listTasks({ startedBy: uid }))[0],
  })
  #manager!: Manager

  static async start(settingsOver: Partial<PodSettings> = {}): Promise<PodCluster> {
    const cluster = new PodCluster()
    for (const name of ['default', 'kube-system']) {
      await cluster.client.create({ group: '', resource: 'namespaces' }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    }
    cluster.store.feed(change => {
      if (change.collection.resource === 'pods') cluster.podWrites.push(change)
    })
    await cluster.boot(settingsOver)
    return cluster
  }

  /** New controllers with empty memories, as after a crash. */
  async boot(over: Partial<PodSettings> = {}) {
    this.#manager?.stop()
    const services = {
      ecs: this.ecs,
      images: { find: (image: string) => this.#find(image) },
      accessPoints: async () => this.accessPoints,
      settings: { ...settings, ...over },
      isThere: (id: string) => this.isThere(id),
      version: 'v1.36.3',
    }
    this.#manager = await startManager({
      store: this.store,
      client: clientFor(this.#machinery, SYSTEM),
      registry: this.#machinery.registry,
      controllers: [nodeLifecycleController, scheduler, serviceAccountController, ...podControllers(() => services)],
      clock: this.clock,
      log: silent,
    })
    await this.calm()
  }

  async calm() {
    for (let i = 0; i < 100; i++) {
      await this.#manager.idle()
      const next = this.clock.next
      if (next === undefined || next > this.clock.now() + 1000) return
      this.clock.advance(next - this.clock.now())
    }
    throw new Error('the controllers do not come to rest')
  }

  async pass(seconds: number) {
    const end = this.clock.now() + seconds * 1000
    for (;;) {
      await this.#manager.idle()
      const next = this.clock.next
      if (next === undefined || next > end) break
      this.clock.advance(Math.max(0, next - this.clock.now()))
    }
    this.clock.advance(end - this.clock.now())
    await this.calm()
  }

  async create(name: string, spec: object = {}): Promise<void> {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { containers: [{ name: 'app', image: 'nginx' }], ...spec },
    }
    await this.client.create(PODS, pod as unknown as Pod)
    await this.calm()
  }

  pod(name: string): Promise<Pod | undefined> {
    return this.client.get<Pod>(PODS, 'default', name)
  }

  async delete(name: string, gracePeriodSeconds?: number) {
    await this.client.delete(PODS, 'default', name, { gracePeriodSeconds })
    await this.calm()
  }

  /** What the agent of the pod's present launch would say. */
  async report(name: string, report: Partial<Report>, launch?: number): Promise<{ status: number; orders: Orders }> {
    const pod = (await this.pod(name))!
    const claims = { namespace: 'default', name, uid: pod.metadata.uid!, launch: launch ?? taskRecord(pod)!.launch }
    const token = issueToken(await agentKey(this.client), claims)
    const body = { sequence: 1, podIPs: ['10.0.0.7'], containers: [], events: [], wantsPlan: false, finished: false, ...report }
    return this.call(token, body)
  }

  async call(token: string, body: unknown): Promise<{ status: number; orders: Orders }> {
    const headers = { authorization: `Bearer ${token}` }
    const response = await this.#sync(
      new Request('https://api/zeroplane/agent/v1/sync', { method: 'POST', headers, body: JSON.stringify(body) }),
    )
    const answer = { status: response.status, orders: (await response.json()) as Orders }
    await this.calm()
    return answer
  }

  /** EventBridge delivers. */
  async event(detail: TaskStateChange) {
    await taskChanged(detail, () => ({ client: this.client, events: this.#events, now: this.clock.now }))
    await this.calm()
  }

  async eventsOf(name: string): Promise<string[]> {
    const { items } = await this.store.list({ group: '', resource: 'events' })
    return items
      .map(({ object }) => object as unknown as { involvedObject: { name: string }; reason: string; message: string })
      .filter(event => event.involvedObject.name === name)
      .map(({ reason, message }) => `${reason}: ${message}`)
  }

  async #find(image: string): Promise<ResolvedImage> {
    if (image === '') throw new InvalidImageName(image)
    parseImage(image)
    if (this.missing.has(image)) throw new ImageError(`${image}: not found`)
    return {
      digest: 'sha256:1',
      pinned: `${image}@sha256:1`,
      imageID: `docker.io/library/${image}@sha256:1`,
      config: { Cmd: ['serve'] },
      size: 1,
    }
  }
}
