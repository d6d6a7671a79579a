// The collections that an environment keeps in memory: one informer each, shared by all controllers.
import type { GroupResource } from '../apimachinery/types.ts'
import { StoreInformer } from '../store/informer.ts'
import { collectionName } from '../store/revisions.ts'
import type { Informer, Store } from '../store/types.ts'

export class Informers {
  readonly #store: Store
  readonly #informers = new Map<string, StoreInformer>()

  constructor(store: Store) {
    this.#store = store
  }

  of(resource: GroupResource): StoreInformer {
    const name = collectionName(resource)
    let informer = this.#informers.get(name)
    if (informer === undefined) {
      informer = new StoreInformer(this.#store, { group: resource.group, resource: resource.resource })
      this.#informers.set(name, informer)
    }
    return informer
  }

  /** The view of one reconcile: each collection is brought up to date when it is first asked for, and `seen` notes to which revision. */
  view(): { informer(resource: GroupResource): Promise<Informer>; readonly seen: Readonly<Record<string, number>> } {
    const seen: Record<string, number> = {}
    const fresh = new Map<string, Promise<Informer>>()
    return {
      seen,
      informer: resource => {
        const name = collectionName(resource)
        let informer = fresh.get(name)
        if (informer === undefined) {
          informer = this.of(resource)
            .refresh()
            .then(revision => {
              seen[name] = revision
              return this.of(resource)
            })
          fresh.set(name, informer)
        }
        return informer
      },
    }
  }
}
