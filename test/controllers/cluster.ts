// A cluster in this process: the real API machinery on a store in memory, every controller, a clock that is turned by hand, and a
// kubelet that says what it is told to.
import type { Pod } from '../../shared/api/core/v1.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { ManualClock } from '../../shared/clock.ts'
import { openCluster } from '../../shared/cluster.ts'
import { PODS } from '../../shared/controllers/collections.ts'
import { controllers as all } from '../../shared/controllers/index.ts'
import { unlessGone } from '../../shared/controllers/owners.ts'
import { isActive, isReady } from '../../shared/controllers/pods.ts'
import { timestamp } from '../../shared/controllers/time.ts'
import type { Controller } from '../../shared/controllers/types.ts'
import type { Log } from '../../shared/pipeline/log.ts'
import { type Manager, startManager } from '../../shared/pipeline/manager.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

export interface TestClusterOptions {
  readonly controllers?: readonly Controller[]
  /** Wraps the client that controllers write with, e.g. to fail some writes. */
  readonly wrap?: (client: Client) => Client
  readonly log?: Log
  /** Two processes do all the work, each key twice at once: as if every message came a second time, late. */
  readonly twins?: boolean
}

export class TestCluster {
  readonly clock = new ManualClock()
  readonly store = new MemoryStore()
  readonly client: Client
  readonly namespace = 'default'
  readonly #machinery = openCluster({ store: this.store, now: this.clock.now })
  readonly #controllers: readonly Controller[]
  readonly #log: Log | undefined
  readonly #twins: boolean
  #managers: readonly Manager[] = []
  #life = new Life()

  private constructor({ controllers = all, log, twins = false }: TestClusterOptions) {
    this.#twins = twins
    this.#controllers = controllers
    this.#log = log
    this.client = clientFor(this.#machinery, SYSTEM, 'test')
  }

  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster(options)
    const metadata = { name: cluster.namespace }
    await cluster.client.create({ group: '', resource: 'namespaces' }, { apiVersion: 'v1', kind: 'Namespace', metadata })
    await cluster.#begin(options.wrap)
    return cluster
  }

  async #begin(wrap: (client: Client) => Client = client => client): Promise<void> {
    const life = new Life()
    this.#life = life
    const client = life.client(wrap(clientFor(this.#machinery, SYSTEM)))
    const { registry } = this.#machinery
    const { store, clock } = this
    const one = () => startManager({ store, client, registry, controllers: this.#controllers, clock, log: this.#log })
    this.#managers = await Promise.all(this.#twins ? [one(), one()] : [one()])
  }

  /** The controllers' process ends, whatever it was doing, and another begins: only what was written is left. */
  async restart(wrap?: (client: Client) => Client): Promise<void> {
    this.stop()
    await this.#life.end()
    await this.#begin(wrap)
  }

  /** A late duplicate: the key is reconciled once more, perhaps while it already is. */
  enqueue(controller: string, key: string): void {
    for (const manager of this.#managers) manager.enqueue(controller, key)
  }

  /** Until nothing is left to do at this moment, short back-offs included. */
  async calm(): Promise<void> {
    for (let i = 0; i < 200; i++) {
      for (const manager of [...this.#managers, ...this.#managers]) await manager.idle()
      const next = this.clock.next
      if (next === undefined || next > this.clock.now() + 1000) return
      this.clock.advance(next - this.clock.now())
    }
    throw new Error('the controllers do not come to rest')
  }

  /** Lets time pass, and what is due happen. */
  async pass(seconds: number): Promise<void> {
    const end = this.clock.now() + seconds * 1000
    for (;;) {
      await this.calm()
      const next = this.clock.next
      if (next === undefined || next > end) break
      this.clock.advance(next - this.clock.now())
    }
    this.clock.advance(Math.max(0, end - this.clock.now()))
    await this.calm()
  }

  async create<T extends KubeObject>(resource: GroupResource, object: unknown): Promise<T> {
    const own = object as KubeObject
    return this.client.create<T>(resource, { ...own, metadata: { namespace: this.namespace, ...own.metadata } } as T)
  }

  async get<T extends KubeObject>(resource: GroupResource, name: string): Promise<T> {
    const object = await this.client.get<T>(resource, this.namespace, name)
    if (object === undefined) throw new Error(`${resource.resource} ${name} is not there`)
    return object
  }

  patch(resource: GroupResource, name: string, body: unknown, subresource?: string): Promise<KubeObject> {
    return this.client.patch(resource, this.namespace, name, { type: 'merge', body, subresource })
  }

  async list<T extends KubeObject>(resource: GroupResource): Promise<T[]> {
    return (await this.store.list(resource, { prefix: `${this.namespace}/` })).items.map(({ object }) => object as T)
  }

  pods(): Promise<Pod[]> {
    return this.list<Pod>(PODS)
  }

  async activePods(): Promise<Pod[]> {
    return (await this.pods()).filter(isActive)
  }

  async report(pod: Pod, phase: string, ready: boolean, more: object = {}): Promise<void> {
    const lastTransitionTime = timestamp(this.clock.now())
    const condition = (type: string) => ({ type, status: ready ? 'True' : 'False', lastTransitionTime })
    const conditions = [condition('Ready'), condition('ContainersReady')]
    await this.patch(PODS, pod.metadata.name, { status: { phase, conditions, startTime: lastTransitionTime, ...more } }, 'status')
  }

  ready(pod: Pod): Promise<void> {
    return this.report(pod, 'Running', true)
  }

  /** Readies every pod that is not. Answers how many. */
  async readyAll(): Promise<number> {
    const waiting = (await this.activePods()).filter(pod => !isReady(pod))
    for (const pod of waiting) await unlessGone(() => this.ready(pod))
    return waiting.length
  }

  /** What the kubelet does when the containers of pods that are going have ended. */
  async reap(): Promise<number> {
    const going = (await this.pods()).filter(pod => pod.metadata.deletionTimestamp !== undefined)
    for (const pod of going) await unlessGone(() => this.client.delete(PODS, this.namespace, pod.metadata.name, { gracePeriodSeconds: 0 }))
    return going.length
  }

  stop(): void {
    for (const manager of this.#managers) manager.stop()
  }
}

/**
 * A process whose end is near: what it asks for afterwards is not done. A call that is on its way when it ends arrives, but before another
 * process is given its work, for a message stays hidden for minutes.
 */
class Life {
  over = false
  readonly #calls = new Set<Promise<unknown>>()

  async end(): Promise<void> {
    this.over = true
    while (this.#calls.size > 0) await Promise.allSettled(this.#calls)
  }

  client(client: Client): Client {
    return new Proxy(client, {
      get: (target, name: keyof Client) => {
        const method = target[name] as (...args: unknown[]) => Promise<unknown>
        return async (...args: unknown[]) => {
          if (this.over) throw new Error('this process has ended')
          const call = method.apply(target, args)
          this.#calls.add(call)
          try {
            return await call
          } finally {
            this.#calls.delete(call)
          }
        }
      },
    })
  }
}
