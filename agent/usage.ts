// CPU and memory of each container, from what the holders read in their cgroups.
import type { Usage } from '../shared/pods/agent-protocol.ts'
import { after, type Clock, timestamp } from './clock.ts'
import type { Container } from './container.ts'

const PERIOD_MS = 15_000

interface Sample {
  readonly at: number
  readonly cpuNanoseconds: number
}

export class UsageMeter {
  latest: Usage | undefined
  readonly #clock: Clock
  readonly #containers: () => readonly Container[]
  readonly #samples = new Map<string, Sample>()

  constructor(clock: Clock, containers: () => readonly Container[]) {
    this.#clock = clock
    this.#containers = containers
  }

  start() {
    after(this.#clock, PERIOD_MS, () => {
      this.#measure()
      this.start()
    })
  }

  #measure() {
    for (const container of this.#containers()) {
      container.usage(({ cpuNanoseconds, memoryBytes, inactiveFileBytes }) => {
        const { name } = container
        const at = this.#clock.now()
        const before = this.#samples.get(name)
        this.#samples.set(name, { at, cpuNanoseconds })
        // A rate needs two points.
        if (!before || at <= before.at) return
        const nanoCores = Math.max(0, Math.round(((cpuNanoseconds - before.cpuNanoseconds) / (at - before.at)) * 1000))
        const entry = { name, nanoCores, memoryBytes: Math.max(0, memoryBytes - inactiveFileBytes) }
        const others = this.latest?.containers.filter(other => other.name !== name) ?? []
        this.latest = { timestamp: timestamp(at), windowSeconds: Math.round((at - before.at) / 1000), containers: [...others, entry] }
      })
    }
  }
}
