// --store memory: the functions as they are, on the in-memory reference store in DynamoDB's place. There is no stream then, so what
// the stream and dispatch do together is done here: changes become work on the queue. Nothing outlives the process.
import { watched } from '../../functions/dispatch/watched.ts'
import { provideStores, queueOf } from '../../shared/aws/providers.ts'
import { createDispatch } from '../../shared/pipeline/dispatch.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { MemoryNotes } from '../../shared/store/notes.ts'
import type { Change } from '../../shared/store/types.ts'
import { reasonOf } from './host-error.ts'
import { CLUSTER } from './provision.ts'

export interface MemoryFeed {
  stop(): Promise<void>
}

/** Must run before the functions are loaded. */
export function useMemoryStore(): MemoryStore {
  const store = new MemoryStore()
  const notes = new MemoryNotes()
  provideStores(
    () => store,
    () => notes,
  )
  return store
}

/**
 * Puts the work that every change asks for on the queue, a turn's changes at a time and in order. From the first change on: what a new
 * cluster begins with is work, too.
 */
export function feedQueue(store: MemoryStore, log: (line: string) => void): MemoryFeed {
  const dispatch = createDispatch(watched, (error, controller) => log(`dispatch for ${controller}: ${reasonOf(error)}`))
  let waiting: Change[] = []
  let sending = Promise.resolve()
  const send = async () => {
    const items = dispatch(waiting)
    waiting = []
    if (items.length > 0) await queueOf(CLUSTER).send(items)
  }
  const stopFeed = store.feed(change => {
    waiting.push(change)
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
