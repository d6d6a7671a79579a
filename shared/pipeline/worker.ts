// Runs reconcile(key): never twice at once for one key, with controller-runtime's four outcomes (done, come back later, failed,
// failed for good), and goes on with what the reconciles themselves cause (the cascade) while it holds the group of that work.
import type { Client } from '../apimachinery/client.ts'
import type { Registry } from '../apimachinery/registry.ts'
import type { Clock } from '../clock.ts'
import type { Controller, ControllerContext, Outcome } from '../controllers/types.ts'
import { TerminalError, told } from '../controllers/types.ts'
import type { Change, Store } from '../store/types.ts'
import type { Telemetry } from '../telemetry.ts'
import { backoff } from './backoff.ts'
import { createDispatch, type Dispatch } from './dispatch.ts'
import { EventLog } from './event-recorder.ts'
import { Groups } from './groups.ts'
import { Informers } from './informers.ts'
import { KeyMemory } from './key-memory.ts'
import type { Log } from './log.ts'
import { componentOf, tellFailure } from './tell.ts'
import { mergeWork, type WorkItem, type WorkQueue, workGroup, workId } from './work.ts'

export interface WorkerOptions {
  readonly controllers: readonly Controller[]
  readonly store: Store
  readonly client: Client
  readonly registry: Registry
  /** Takes what is to be done later, or by whoever holds its group. */
  readonly queue: WorkQueue
  readonly clock: Clock
  readonly log: Log
  readonly telemetry?: Telemetry
  /** How many keys are worked on at once. */
  readonly concurrency?: number
  /** True for a worker that is alone: it holds every group, always. */
  readonly alone?: boolean
}

/** Waits shorter than this are not worth a way through the queue, which counts in seconds. */
const SHORT_MS = 1000
/** From this failure in a row on (after about a second of trying) people are told. */
const TELL_FROM_FAILURES = 10

export class Worker {
  readonly #options: WorkerOptions
  readonly #controllers: ReadonlyMap<string, Controller>
  readonly #dispatch: Dispatch
  readonly #informers: Informers
  readonly #events: EventLog
  readonly #memory = new KeyMemory()

  /** What is to be done, in order; what runs; and what came for a key while it ran. */
  readonly #ready = new Map<string, WorkItem>()
  readonly #running = new Map<string, WorkItem>()
  readonly #again = new Map<string, WorkItem>()
  /** Short waits that are slept through here. */
  readonly #sleeping = new Map<string, WorkItem>()

  readonly #groups: Groups
  #idle: (() => void)[] = []
  /** Caused by our own writes, but for groups that somebody else may hold. */
  #foreign = new Map<string, WorkItem>()

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#controllers = new Map(options.controllers.map(controller => [controller.name, controller]))
    this.#dispatch = createDispatch(options.controllers, (error, controller, { collection, key }) =>
      options.log.error({ error, controller, collection, key }, 'mapping a change to keys failed'),
    )
    this.#groups = new Groups(options.clock.now)
    this.#informers = new Informers(options.store, options.clock.now)
    this.#events = new EventLog({ client: options.client, now: options.clock.now, log: options.log })
  }

  /**
   * Works on the items and on what follows from them, until nothing of their groups is left or the time (ms since the epoch) is over;
   * then what has not begun goes back to the queue, and what has begun is waited for.
   * @throws when the queue could not take work back: the items must then be delivered again.
   */
  async work(items: readonly WorkItem[], { until }: { readonly until: number }): Promise<void> {
    const groups = new Set(items.map(workGroup))
    this.#groups.hold(groups)
    for (const item of items) this.#add(item)
    this.#pump()

    let over = false
    const cancel = this.#options.clock.at(until, () => {
      over = true
      this.#wake()
    })
    while (this.#groups.isOpen(groups) && !over) await this.#changed()
    cancel()

    // From here on nothing of these groups begins any more, unless somebody else in this process holds them too.
    this.#groups.release(groups)
    const isRunning = () => [...this.#running.values()].some(item => groups.has(workGroup(item)))
    while (isRunning()) await this.#changed()
    await this.#giveBack()
  }

  /** For a worker that is alone: takes work at any time. */
  add(items: readonly WorkItem[]): void {
    for (const item of items) this.#add(item)
    this.#pump()
  }

  /** Resolves when there is nothing to do now; work that was put off, if only for milliseconds, may still be waiting for its time. */
  async idle(): Promise<void> {
    while (this.#ready.size + this.#running.size > 0) await this.#changed()
  }

  /** Tells the worker of a change that this process wrote, before the stream does. */
  cascade(change: Change): void {
    this.#informers.wrote(change)
    for (const item of this.#dispatch([change])) this.#offer(item)
    this.#pump()
  }

  #offer(item: WorkItem): void {
    if (this.#holds(workGroup(item))) {
      this.#add(item)
      return
    }
    const id = workId(item)
    const known = this.#foreign.get(id)
    this.#foreign.set(id, known === undefined ? item : mergeWork(known, item))
  }

  #holds(group: string): boolean {
    return this.#options.alone === true || this.#groups.holds(group)
  }

  /** From when on the work of others must be seen. A failure was perhaps for want of that: its retry sees everything. */
  #needsViewSince(item: WorkItem): number {
    if (item.failures !== undefined) return Number.POSITIVE_INFINITY
    return this.#groups.since(workGroup(item)) ?? Number.POSITIVE_INFINITY
  }

  #add(item: WorkItem): void {
    const id = workId(item)
    if (this.#running.has(id)) {
      const known = this.#again.get(id)
      this.#again.set(id, known === undefined ? item : mergeWork(known, item))
      return
    }
    if (this.#memory.isDone(item)) return
    const known = this.#ready.get(id)
    if (known === undefined) this.#groups.count(workGroup(item), 1)
    this.#ready.set(id, known === undefined ? item : mergeWork(known, item))
  }

  #pump(): void {
    const most = this.#options.concurrency ?? 16
    for (const [id, item] of this.#ready) {
      if (this.#running.size >= most) return
      if (!this.#holds(workGroup(item))) continue
      this.#ready.delete(id)
      this.#running.set(id, item)
      // Not in this call: whoever wrote what caused it shall have its answer first.
      queueMicrotask(() => void this.#run(id, item))
    }
  }

  async #run(id: string, item: WorkItem): Promise<void> {
    try {
      await this.#reconcile(item)
      await this.#sendForeign()
    } catch (error) {
      this.#options.log.error({ error, ...item }, 'worker failed to put work off; the next change or resync brings it back')
    }
    this.#running.delete(id)
    this.#groups.count(workGroup(item), -1)
    const again = this.#again.get(id)
    if (again !== undefined) {
      this.#again.delete(id)
      this.#add(again)
    }
    this.#pump()
    this.#wake()
  }

  async #reconcile(item: WorkItem): Promise<void> {
    const controller = this.#controllers.get(item.controller)
    if (controller === undefined) {
      this.#options.log.warn({ ...item }, 'work for a controller that does not exist')
      return
    }
    const { client, registry, clock, log } = this.#options
    const view = this.#informers.view({ since: this.#needsViewSince(item), atLeast: item.seen })
    const events = this.#events.session(componentOf(controller))
    const context: ControllerContext = { client, registry, informer: view.informer, events: events.recorder, now: clock.now }
    let outcome: Outcome | undefined
    try {
      outcome = await controller.reconcile(item.key, context)
    } catch (error) {
      this.#count(controller, error instanceof TerminalError ? 'terminal' : 'error')
      await events.written()
      return this.#failed(controller, item, error)
    }
    this.#count(controller, outcome?.requeueAfter === undefined ? 'success' : 'requeue')
    await events.written()
    this.#memory.succeeded(item, view.seen)
    for (const key of outcome?.also ?? []) this.#offer({ controller: item.controller, key })
    if (outcome?.requeueAfter !== undefined) await this.#later(item, outcome.requeueAfter * 1000)
    log.debug({ controller: controller.name, key: item.key }, 'reconciled')
  }

  /** As controller-runtime tells results apart. */
  #count({ name }: Controller, Result: 'success' | 'requeue' | 'error' | 'terminal'): void {
    this.#options.telemetry?.add({ name: 'Reconciles', unit: 'Count', value: 1, by: { Controller: name, Result } })
  }

  async #failed(controller: Controller, item: WorkItem, error: unknown): Promise<void> {
    const { client, log } = this.#options
    const where = { error, controller: controller.name, key: item.key }
    if (error instanceof TerminalError) {
      log.error(where, 'reconcile failed for good')
      await tellFailure(client, this.#events, controller, item.key, `${error.message}; it is tried again when something changes`)
      return
    }
    const failures = this.#memory.failed(item)
    const wait = backoff(failures)
    // The first failure is mostly a lost race, and over at once.
    if (failures === 1) log.debug(where, 'reconcile failed, trying again')
    else log.warn({ ...where, failures, wait }, 'reconcile failed')
    if (failures >= TELL_FROM_FAILURES && !told.has(error as object)) {
      const message = error instanceof Error ? error.message : String(error)
      await tellFailure(
        client,
        this.#events,
        controller,
        item.key,
        `${message}; tried ${failures} times, next try in ${Math.ceil(wait / 1000)} s`,
      )
    }
    await this.#later({ controller: item.controller, key: item.key, failures }, wait)
  }

  async #later(item: WorkItem, wait: number): Promise<void> {
    const { clock, queue } = this.#options
    const due = clock.now() + wait
    const later: WorkItem = { controller: item.controller, key: item.key, failures: item.failures, due }
    if (wait <= 0) {
      this.#add({ controller: item.controller, key: item.key, failures: item.failures })
      return
    }
    if (!this.#memory.needsWakeUp(later, due, clock.now())) return
    if (wait < SHORT_MS) {
      this.#sleep(later, due)
      return
    }
    try {
      await queue.sendLater(later, due)
    } catch (error) {
      this.#memory.forgetWakeUp(later)
      throw error
    }
  }

  #sleep(item: WorkItem, due: number): void {
    const id = workId(item)
    if (!this.#sleeping.has(id)) this.#groups.count(workGroup(item), 1)
    this.#sleeping.set(id, item)
    this.#options.clock.at(due, () => {
      // A later call put another in its place, or it was given back to the queue.
      if (this.#sleeping.get(id) !== item) return
      this.#sleeping.delete(id)
      this.#groups.count(workGroup(item), -1)
      this.#add(item)
      this.#pump()
      this.#wake()
    })
  }

  async #sendForeign(): Promise<void> {
    if (this.#foreign.size === 0) return
    const items = [...this.#foreign.values()]
    this.#foreign = new Map()
    try {
      await this.#options.queue.send(items)
    } catch (error) {
      // Only a short cut was lost: the stream brings the same work.
      this.#options.log.warn({ error, count: items.length }, 'work for others could not be sent ahead of the stream')
    }
  }

  /** Sends what nobody here holds any more back to the queue. */
  async #giveBack(): Promise<void> {
    const back: WorkItem[] = []
    for (const waiting of [this.#ready, this.#sleeping]) {
      for (const [id, item] of waiting) {
        if (this.#holds(workGroup(item))) continue
        waiting.delete(id)
        this.#groups.count(workGroup(item), -1)
        back.push(item)
      }
    }
    for (const [id, item] of this.#foreign) {
      this.#foreign.delete(id)
      back.push(item)
    }
    if (back.length > 0) await this.#options.queue.send(back)
  }

  #changed(): Promise<void> {
    return new Promise(resolve => this.#idle.push(resolve))
  }

  #wake(): void {
    const waiting = this.#idle
    this.#idle = []
    for (const resolve of waiting) resolve()
  }
}
