// The Services that this pod knows of: what its report asks for, and what the orders brought. Level-based, as the sync call is.
import { ABSENT, type KnownServices, type ServiceNews, type ServiceView, UNKNOWN } from '../../shared/pods/services/protocol.ts'
import { after, type Clock } from '../clock.ts'

/** Of names that were asked for so many are kept: the control plane answers for a few more. */
const MOST_ASKED = 200
/** How long a client waits for what has to be fetched first. */
const PATIENCE_MS = 3_000
/** Where changes are not pushed: how long "there is none" may be believed. */
const BELIEVED_MS = 10_000

interface Entry {
  view: ServiceView | undefined
  version: string
  /** By this pod, with its name; otherwise the control plane told us unasked. */
  asked: boolean
  /** When the control plane last agreed. */
  confirmedAt: number
}

export interface ServiceBookOptions {
  readonly clock: Clock
  /** The next report says something new. */
  ask(): void
  /** Changes come by themselves and at once. */
  pushed(): boolean
  changed(): void
}

export class ServiceBook {
  readonly #options: ServiceBookOptions
  /** In the order of their use. */
  readonly #entries = new Map<string, Entry>()
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>()

  constructor(options: ServiceBookOptions) {
    this.#options = options
  }

  known(): KnownServices {
    return Object.fromEntries([...this.#entries].map(([name, { version }]) => [name, version]))
  }

  get(name: string): ServiceView | undefined {
    return this.#entries.get(name)?.view
  }

  /** What is there, with whether this pod asked for it. */
  *all(): Iterable<{ readonly name: string; readonly view: ServiceView; readonly asked: boolean }> {
    for (const [name, { view, asked }] of this.#entries) if (view) yield { name, view, asked }
  }

  /** Every order means that the rest is as the report said. */
  apply(news: ServiceNews | undefined, reported: KnownServices) {
    const now = this.#options.clock.now()
    for (const [name, version] of Object.entries(reported)) {
      const entry = this.#entries.get(name)
      if (entry && version !== UNKNOWN && entry.version === version) entry.confirmedAt = now
    }
    for (const [name, view] of Object.entries(news ?? {})) {
      const entry = this.#entries.get(name)
      if (!view && !entry?.asked) this.#entries.delete(name)
      else
        this.#entries.set(name, {
          view: view ?? undefined,
          version: view?.version ?? ABSENT,
          asked: entry?.asked ?? false,
          confirmedAt: now,
        })
    }
    for (const [name, wait] of [...this.#waiting]) {
      if (this.#entries.get(name)?.version === UNKNOWN) continue
      this.#waiting.delete(name)
      wait.resolve()
    }
    if (news) this.#options.changed()
  }

  /** The Service of that name, fetched when it is not known. Undefined: there is none. @throws when the control plane does not say */
  async find(name: string): Promise<ServiceView | undefined> {
    const entry = this.#entries.get(name)
    if (!entry || this.#isOld(entry)) {
      this.#use(name, { view: undefined, version: UNKNOWN, asked: true, confirmedAt: 0 })
      await this.#fetched(name)
      return this.#entries.get(name)?.view
    }
    this.#use(name, entry)
    if (entry.version === UNKNOWN) await this.#fetched(name)
    return this.#entries.get(name)?.view
  }

  /** A Service may come any time, and nobody tells us. */
  #isOld({ view, version, confirmedAt }: Entry): boolean {
    return !view && version === ABSENT && !this.#options.pushed() && this.#options.clock.now() - confirmedAt > BELIEVED_MS
  }

  #use(name: string, entry: Entry) {
    entry.asked = true
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    const asked = [...this.#entries].filter(([, other]) => other.asked)
    if (asked.length > MOST_ASKED) this.#entries.delete(asked[0]![0])
  }

  #fetched(name: string): Promise<void> {
    let wait = this.#waiting.get(name)
    if (!wait) {
      const made = Promise.withResolvers<void>()
      made.promise.catch(() => {})
      wait = made
      this.#waiting.set(name, made)
      const cancel = after(this.#options.clock, PATIENCE_MS, () => {
        this.#waiting.delete(name)
        made.reject(new Error(`the control plane does not say what ${name} is`))
      })
      made.promise.then(cancel, () => {})
      this.#options.ask()
    }
    return wait.promise
  }
}
