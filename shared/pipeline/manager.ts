// All controllers in one process, as kube-controller-manager has them: the store's feed, dispatch, a queue in memory, one worker
// that is alone. For tests and for `--store memory`; on AWS the same worker runs in the reconcile function.
import type { Client } from '../apimachinery/client.ts'
import type { Registry } from '../apimachinery/registry.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { Controller } from '../controllers/types.ts'
import type { FeedingStore } from '../store/types.ts'
import { everything } from './everything.ts'
import { type Log, silent } from './log.ts'
import type { WorkQueue } from './work.ts'
import { Worker } from './worker.ts'

export interface ManagerOptions {
  /** One whose feed tells every write there is: MemoryStore. */
  readonly store: FeedingStore
  readonly client: Client
  readonly registry: Registry
  readonly controllers: readonly Controller[]
  readonly clock?: Clock
  readonly log?: Log
  readonly concurrency?: number
}

export interface Manager {
  /** Resolves when nothing is to be done until something changes or time passes. */
  idle(): Promise<void>
  /** Reconciles every key of every object once more. */
  resync(): Promise<void>
  /** Puts one key on the queue. */
  enqueue(controller: string, key: string): void
  /** Nothing is begun any more; what is being reconciled ends by itself and asks for no later time. */
  stop(): void
}

/** Resolves when every object that exists has been put on the queue. */
export async function startManager(options: ManagerOptions): Promise<Manager> {
  const { store, client, registry, controllers, clock = systemClock, log = silent, concurrency } = options
  const timers = new Set<() => void>()
  let stopped = false
  const queue: WorkQueue = {
    send: async items => {
      if (!stopped) worker.add(items)
    },
    sendLater: async (item, due) => {
      if (stopped) return
      const cancel = clock.at(due, () => {
        timers.delete(cancel)
        worker.add([item])
      })
      timers.add(cancel)
    },
  }
  const worker = new Worker({ controllers, store, client, registry, queue, clock, log, concurrency, alone: true })
  const stopFeed = store.feed(change => worker.cascade(change))
  const resync = async () => worker.add(await everything({ store, registry, controllers, log }))
  await resync()
  return {
    idle: () => worker.idle(),
    resync,
    enqueue: (controller, key) => worker.add([{ controller, key }]),
    stop() {
      stopped = true
      stopFeed()
      for (const cancel of timers) cancel()
    },
  }
}
