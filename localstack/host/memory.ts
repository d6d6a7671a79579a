// --store memory: the functions as they are, on the in-memory reference store in DynamoDB's place. There is no stream then, so what
// the stream and dispatch do together is done here: changes become work on the queue. Nothing outlives the process.
import { watched } from '../../functions/dispatch/watched.ts'
import { feed, forgetCluster, provideStores, queueOf } from '../../shared/aws/providers.ts'
import { createDispatch } from '../../shared/pipeline/dispatch.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { MemoryNotes } from '../../shared/store/notes.ts'
import type { Change } from '../../shared/store/types.ts'
import { reasonOf } from './host-error.ts'

export interface MemoryFeed {
  stop(): Promise<void>
}

/** Must run before the functions are loaded. */
export function useMemoryStores(): void {
  const kept = new Map<string, MemoryStore>()
  provideStores({
    store(cluster) {
      const store = kept.get(cluster) ?? new MemoryStore()
      kept.set(cluster, store)
      return store
    },
    notes: () => new MemoryNotes(),
    async purge(cluster) {
      const isKept = kept.delete(cluster)
      forgetCluster(cluster)
      return isKept ? 1 : 0
    },
  })
}

/**
 * Puts the work that every change asks for on the queue, a turn's changes at a time and in order. From the first change on: what a new
 * cluster begins with is work, too.
 */
export function feedQueue(log: (line: string) => void): MemoryFeed {
  const dispatch = createDispatch(watched, (error, controller) => log(`dispatch for ${controller}: ${reasonOf(error)}`))
  let waiting: { readonly cluster: string; readonly change: Change }[] = []
  let sending = Promise.resolve()
  const send = async () => {
    const byCluster = Map.groupBy(waiting, ({ cluster }) => cluster)
    waiting = []
    for (const [cluster, changes] of byCluster) {
      const items = dispatch(changes.map(({ change }) => change))
      if (items.length > 0) await queueOf(cluster).send(items)
    }
  }
  const stopFeed = feed((cluster, change) => {
    waiting.push({ cluster, change })
    if (waiting.length > 1) return
    setImmediate(() => {
      sending = sending.then(send).catch(error => log(`work could not be queued: ${reasonOf(error)}`))
    })
  })
  return {
    async stop() {
      stopFeed()
      await sending
    },
  }
}
