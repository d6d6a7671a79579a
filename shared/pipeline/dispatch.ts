// From changes to work: pure, so that the stream's function, the worker's cascade and the in-process manager share it.
import type { Controller, Watch } from '../controllers/types.ts'
import { collectionName } from '../store/revisions.ts'
import type { Change } from '../store/types.ts'
import { mergeWork, type WorkItem, workId } from './work.ts'

export type Dispatch = (changes: readonly Change[]) => WorkItem[]

/** A controller's keys function that threw: its work for that change is lost until the next change or resync, that of others is not. */
export type OnDispatchError = (error: unknown, controller: string, change: Change) => void

interface Watcher {
  readonly controller: string
  readonly watch: Watch
}

/** Maps changes to the keys of the controllers that watch them; each piece of work comes once, in the order of first need. */
export function createDispatch(controllers: readonly Pick<Controller, 'name' | 'watches'>[], onError: OnDispatchError): Dispatch {
  const watchers = new Map<string, Watcher[]>()
  const ofAll: Watcher[] = []
  for (const controller of controllers) {
    for (const watch of controller.watches) {
      const watcher = { controller: controller.name, watch }
      if (watch.resource === '*') {
        ofAll.push(watcher)
        continue
      }
      const name = collectionName(watch.resource)
      watchers.set(name, [...(watchers.get(name) ?? []), watcher])
    }
  }
  const watchersOf = (collection: string) => [...(watchers.get(collection) ?? []), ...ofAll]

  return changes => {
    const work = new Map<string, WorkItem>()
    for (const change of changes) {
      const collection = collectionName(change.collection)
      for (const { controller, watch } of watchersOf(collection)) {
        try {
          for (const key of watch.keys(change)) {
            const item: WorkItem = { controller, key, seen: { [collection]: change.revision } }
            const id = workId(item)
            const known = work.get(id)
            work.set(id, known === undefined ? item : mergeWork(known, item))
          }
        } catch (error) {
          onError(error, controller, change)
        }
      }
    }
    return [...work.values()]
  }
}
