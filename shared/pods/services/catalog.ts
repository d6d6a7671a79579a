// Services and their endpoints as all agents of this environment share them: each collection is kept in memory and only what changed is
// read, so that the calls of a thousand agents cost no more reads than those of one.
import type { Node, Pod, Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import type { GroupResource } from '../../apimachinery/types.ts'
import { ENDPOINT_SLICES, NODES, SERVICES } from '../../controllers/collections.ts'
import { StoreInformer } from '../../store/informer.ts'
import type { Change, Store, Stored } from '../../store/types.ts'
import { ABSENT, type KnownServices, type ServiceNews, type ServiceView, UNKNOWN } from './protocol.ts'
import { isSharable, type Place, selects, sharedView, withOwn } from './view.ts'

const SERVICE_LABEL = 'kubernetes.io/service-name'
const ZONE_LABEL = 'topology.kubernetes.io/zone'
const BY_SERVICE = 'service'
/** A look at the log serves everybody who asks within this time. Agents that poll do so every two seconds at most. */
const FRESH_FOR_MS = 1_000
/** So many names a pod may ask for, beside those of its own namespace. */
export const MOST_ASKED = 256
/** Of its own namespace a pod is told so many: variables of thousands would not fit into its environment either. */
const MOST_OWN = 1_000

const serviceOf = (object: Change['object']) => `${object.metadata.namespace}/${object.metadata.labels?.[SERVICE_LABEL]}`

interface Waiter {
  /** By the name of a Service that changed; without, by a reason to look at everything again. */
  wake(name?: string): void
}

/** What all pods see of a Service, as of these revisions. */
interface Shared {
  readonly of: string
  readonly view: ReturnType<typeof sharedView>
}

export class ServiceCatalog {
  readonly #store: Pick<Store, 'watch' | 'get'>
  readonly #now: () => number
  readonly #services: StoreInformer
  readonly #slices: StoreInformer
  readonly #places = new Map<string, Place>()
  readonly #waiters = new Set<Waiter>()
  readonly #shared = new Map<string, Shared>()
  #freshAt = Number.NEGATIVE_INFINITY
  #watching: AbortController | undefined

  constructor(store: Store, now: () => number) {
    this.#store = store
    this.#now = now
    this.#services = new StoreInformer(store, SERVICES)
    this.#slices = new StoreInformer(store, ENDPOINT_SLICES)
    this.#slices.addIndex(BY_SERVICE, object => [serviceOf(object)])
  }

  /** What differs from what the agent of this pod has; undefined when nothing does. */
  async news(pod: Pod, known: KnownServices): Promise<ServiceNews | undefined> {
    const asksAnew = Object.values(known).includes(UNKNOWN)
    if (asksAnew || this.#now() - this.#freshAt >= FRESH_FOR_MS) await this.#refresh()
    return this.#difference(pod, known)
  }

  /** Waits until something differs, or the signal aborts: then undefined. */
  async nextNews(pod: Pod, known: KnownServices, signal: AbortSignal): Promise<ServiceNews | undefined> {
    let next = Promise.withResolvers<void>()
    const prefix = `${pod.metadata.namespace}/`
    /** What to look at; undefined: at everything. */
    let changed: Set<string> | undefined
    const waiter: Waiter = {
      wake(name) {
        if (name !== undefined && !Object.hasOwn(known, name) && !name.startsWith(prefix)) return
        if (name === undefined) changed = undefined
        else changed?.add(name)
        next.resolve()
      },
    }
    const abort = () => next.resolve()
    this.#waiters.add(waiter)
    signal.addEventListener('abort', abort)
    try {
      while (!signal.aborted) {
        // Waiting comes first and looking second: what changes in between wakes us.
        if (!this.#watching) {
          await this.#refresh()
          this.#watch()
        }
        const looked = changed
        changed = new Set()
        const news = await this.#difference(pod, known, looked)
        if (news) return news
        await next.promise
        next = Promise.withResolvers<void>()
      }
      return undefined
    } finally {
      signal.removeEventListener('abort', abort)
      this.#waiters.delete(waiter)
      if (this.#waiters.size === 0) {
        this.#watching?.abort()
        this.#watching = undefined
      }
    }
  }

  async #refresh() {
    const now = this.#now()
    await Promise.all([this.#services.refresh(), this.#slices.refresh()])
    this.#freshAt = Math.max(this.#freshAt, now)
  }

  /** One watch of each collection for all who wait. */
  #watch() {
    if (this.#watching) return
    const watching = new AbortController()
    this.#watching = watching
    void this.#follow(SERVICES, this.#services, ({ key }) => [key], watching)
    void this.#follow(
      ENDPOINT_SLICES,
      this.#slices,
      ({ object, previous }) => (previous ? [serviceOf(object), serviceOf(previous)] : [serviceOf(object)]),
      watching,
    )
  }

  async #follow(resource: GroupResource, informer: StoreInformer, namesOf: (change: Change) => string[], { signal }: AbortController) {
    try {
      for await (const item of this.#store.watch(resource, { from: informer.revision, signal })) {
        if (!('change' in item)) continue
        const seen = await informer.catchUpWithSeen()
        if (seen === undefined || seen < item.change.revision) await informer.refresh()
        for (const name of namesOf(item.change)) for (const waiter of this.#waiters) waiter.wake(name)
      }
    } catch {
      // The log no longer reaches back so far, or the store does not answer.
    }
    if (signal.aborted) return
    // Whoever waits is told to look again; the next who waits begins the watch anew.
    this.#watching?.abort()
    this.#watching = undefined
    for (const waiter of this.#waiters) waiter.wake()
  }

  async #difference(pod: Pod, known: KnownServices, among?: ReadonlySet<string>): Promise<ServiceNews | undefined> {
    const place = await this.#place(pod.spec.nodeName)
    const news: Record<string, ServiceView | null> = {}
    let differs = false
    for (const name of this.#wanted(pod, known, among)) {
      const version = Object.hasOwn(known, name) ? known[name] : UNKNOWN
      const view = this.#viewOf(name, pod, place)
      if ((view?.version ?? ABSENT) === version) continue
      news[name] = view ?? null
      differs = true
    }
    return differs ? news : undefined
  }

  #viewOf(name: string, pod: Pod, place: Place): ServiceView | undefined {
    const stored = this.#services.get(name)
    if (!stored) {
      this.#shared.delete(name)
      return undefined
    }
    const service = stored.object as Service
    const slices = this.#slices.byIndex(BY_SERVICE, name)
    const of = [stored, ...slices].map(({ key, revision }) => `${key} ${revision}`).join()
    const known = this.#shared.get(name)
    if (known?.of === of) return withOwn(known.view, service, pod)
    const objects = slices.map(({ object }: Stored) => object as unknown as EndpointSlice)
    const view = sharedView(service, objects, pod, place)
    if (isSharable(service, objects)) this.#shared.set(name, { of, view })
    return withOwn(view, service, pod)
  }

  #wanted(pod: Pod, known: KnownServices, among?: ReadonlySet<string>): ReadonlySet<string> {
    const prefix = `${pod.metadata.namespace}/`
    const links = pod.spec.enableServiceLinks !== false
    const isOwn = (service: Stored) => links || selects(service.object as Service, pod)
    if (among) {
      const told = (name: string) => {
        const service = name.startsWith(prefix) ? this.#services.get(name) : undefined
        return service !== undefined && isOwn(service)
      }
      return new Set([...among].filter(name => Object.hasOwn(known, name) || told(name)))
    }
    const own = this.#services.list(prefix).filter(isOwn).slice(0, MOST_OWN)
    const names = Object.keys(known)
    const asked = names.filter(name => !name.startsWith(prefix)).slice(0, MOST_ASKED)
    const kept = names.filter(name => name.startsWith(prefix)).slice(0, MOST_OWN + MOST_ASKED)
    return new Set([...own.map(({ key }) => key), ...kept, ...asked])
  }

  async #place(nodeName: string | undefined): Promise<Place> {
    if (nodeName === undefined) return {}
    const known = this.#places.get(nodeName)
    if (known) return known
    const node = (await this.#store.get(NODES, `/${nodeName}`))?.object as Node | undefined
    const place = { nodeName, zone: node?.metadata.labels?.[ZONE_LABEL] }
    this.#places.set(nodeName, place)
    return place
  }
}
