// The collections that an environment keeps in memory: one informer each, shared by all controllers.
import type { GroupResource } from '../apimachinery/types.ts'
import { StoreInformer } from '../store/informer.ts'
import { collectionName } from '../store/revisions.ts'
import type { Change, Informer, Store } from '../store/types.ts'

export interface View {
  informer(resource: GroupResource): Promise<Informer>
  /** To which revision each collection was seen, by name. */
  readonly seen: Readonly<Record<string, number>>
}

export interface ViewOptions {
  /** The view must show the writes of others up to this time, in ms since the epoch: from then on nobody else works on the group. Infinity: up to now. */
  readonly since: number
  /** It must show these revisions, by collection: what the work is about. */
  readonly atLeast?: Readonly<Record<string, number>>
}

/** A view that is no older than this need not look at the log again: upstream's informers lag as much. Milliseconds. */
const FRESH_FOR_MS = 1000

export class Informers {
  readonly #store: Store
  readonly #now: () => number
  readonly #informers = new Map<string, { readonly informer: StoreInformer; freshAt: number }>()
  /** The newest write of this process in each collection. */
  readonly #written = new Map<string, number>()

  constructor(store: Store, now: () => number) {
    this.#store = store
    this.#now = now
  }

  /** This process wrote something: every later view shows it. */
  wrote({ collection, revision }: Change): void {
    const name = collectionName(collection)
    this.#written.set(name, Math.max(this.#written.get(name) ?? 0, revision))
  }

  /**
   * The view of one reconcile: each collection is brought up to date when it is first asked for. It shows everything that this process wrote,
   * everything that was written before the group was taken over, and what asked for the work; of other writes it may lack the last second.
   */
  view(options: ViewOptions): View {
    const seen: Record<string, number> = {}
    const asked = new Map<string, Promise<Informer>>()
    return {
      seen,
      informer: resource => {
        const name = collectionName(resource)
        let informer = asked.get(name)
        if (informer === undefined) {
          informer = this.#upToDate(name, resource, options).then(fresh => {
            seen[name] = fresh.revision
            return fresh
          })
          asked.set(name, informer)
        }
        return informer
      },
    }
  }

  async #upToDate(name: string, resource: GroupResource, { since, atLeast }: ViewOptions): Promise<StoreInformer> {
    let known = this.#informers.get(name)
    if (known === undefined) {
      known = {
        informer: new StoreInformer(this.#store, { group: resource.group, resource: resource.resource }),
        freshAt: Number.NEGATIVE_INFINITY,
      }
      this.#informers.set(name, known)
    }
    const { informer } = known
    const now = this.#now()
    if (known.freshAt > since && now - known.freshAt < FRESH_FOR_MS) {
      const needed = Math.max(atLeast?.[name] ?? 0, this.#written.get(name) ?? 0)
      const revision = await informer.catchUpWithSeen()
      if (revision !== undefined && revision >= needed) return informer
    }
    await informer.refresh()
    known.freshAt = Math.max(known.freshAt, now)
    return informer
  }
}
