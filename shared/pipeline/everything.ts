// A resync: what would have to be done if every object had just been created.
import type { Registry } from '../apimachinery/registry.ts'
import type { GroupResource } from '../apimachinery/types.ts'
import type { Controller } from '../controllers/types.ts'
import { collectionName } from '../store/revisions.ts'
import type { Change, Store } from '../store/types.ts'
import { createDispatch } from './dispatch.ts'
import type { Log } from './log.ts'
import { mergeWork, type WorkItem, workId } from './work.ts'

export interface EverythingOptions {
  readonly store: Store
  readonly registry: Registry
  readonly controllers: readonly Controller[]
  readonly log: Log
}

/** Every piece of work once. It runs even if it was done before: nothing says which change asked for it. */
export async function everything({ store, registry, controllers, log }: EverythingOptions): Promise<WorkItem[]> {
  const dispatch = createDispatch(controllers, (error, controller, { collection, key }) =>
    log.error({ error, controller, collection, key }, 'mapping an object to keys failed'),
  )
  await registry.refresh()
  const work = new Map<string, WorkItem>()
  for (const collection of watched(controllers, registry)) {
    const { items } = await store.list(collection)
    const changes = items.map((item): Change => ({ ...item, type: 'created', collection }))
    for (const { controller, key } of dispatch(changes)) {
      const item: WorkItem = { controller, key }
      const known = work.get(workId(item))
      work.set(workId(item), known === undefined ? item : mergeWork(known, item))
    }
  }
  return [...work.values()]
}

function watched(controllers: readonly Controller[], registry: Registry): GroupResource[] {
  const collections = new Map<string, GroupResource>()
  for (const { watches } of controllers) {
    for (const { resource } of watches) {
      const all = resource === '*' ? registry.definitions.map(({ group, resource }) => ({ group, resource })) : [resource]
      for (const collection of all) collections.set(collectionName(collection), collection)
    }
  }
  return [...collections.values()]
}
