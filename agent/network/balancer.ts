// Which endpoint a connection goes to: each in turn, the same one for a client that shall stay (session affinity), and never first one that
// has just refused. Pure but for the clock.

export interface Target {
  readonly host: string
  readonly port: number
}

/** An endpoint that refused is tried last for so long. */
const AVOIDED_MS = 5_000

const keyOf = ({ host, port }: Target) => `${host} ${port}`

export class Balancer {
  readonly #now: () => number
  readonly #turns = new Map<string, number>()
  readonly #avoided = new Map<string, number>()
  readonly #affinity = new Map<string, { readonly target: string; readonly until: number }>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** All targets, in the order in which to try them. `service`: whose turns are counted. Everybody here is one client: this pod. */
  order(service: string, targets: readonly Target[], affinitySeconds?: number): Target[] {
    if (targets.length === 0) return []
    const turn = this.#turns.get(service) ?? Math.floor(Math.random() * targets.length)
    this.#turns.set(service, (turn + 1) % 0x40000000)
    const begin = turn % targets.length
    const inTurn = [...targets.slice(begin), ...targets.slice(0, begin)]
    const now = this.#now()
    const avoided = (target: Target) => (this.#avoided.get(keyOf(target)) ?? 0) > now
    const ordered = [...inTurn.filter(target => !avoided(target)), ...inTurn.filter(avoided)]
    const stay = affinitySeconds === undefined ? undefined : this.#affinity.get(service)
    if (!stay || stay.until <= now) return ordered
    const same = ordered.find(target => keyOf(target) === stay.target)
    return same === undefined || avoided(same) ? ordered : [same, ...ordered.filter(target => target !== same)]
  }

  reached(service: string, target: Target, affinitySeconds?: number) {
    this.#avoided.delete(keyOf(target))
    if (affinitySeconds === undefined) this.#affinity.delete(service)
    else this.#affinity.set(service, { target: keyOf(target), until: this.#now() + affinitySeconds * 1000 })
  }

  refused(target: Target) {
    const now = this.#now()
    for (const [key, until] of this.#avoided) if (until <= now) this.#avoided.delete(key)
    this.#avoided.set(keyOf(target), now + AVOIDED_MS)
  }

  forget(service: string) {
    this.#turns.delete(service)
    this.#affinity.delete(service)
  }
}
