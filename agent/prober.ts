// One probe of one running container: when to ask, and what the answers of a row mean (kubelet's prober, for one pod).
import type { Probe } from '../shared/api/core/v1.ts'
import { after, type Clock } from './clock.ts'
import type { Failure } from './dial.ts'

/**
 * A probe without an initial delay first asks after this long. Asked at once, nearly every process would still be starting, and the
 * pod would wait a whole period for the next time.
 */
const FIRST_PROBE_MS = 300

export interface ProberEvents {
  /** Enough answers of one kind in a row. Called on every further one too. */
  result(healthy: boolean): void
  /** Every failure. */
  failure(message: string): void
}

export class Prober {
  readonly #probe: Probe
  readonly #ask: (timeoutMs: number) => Promise<Failure>
  readonly #events: ProberEvents
  readonly #clock: Clock
  #cancel: () => void
  #row = 0
  #last: boolean | undefined
  #stopped = false

  constructor(probe: Probe, ask: (timeoutMs: number) => Promise<Failure>, clock: Clock, events: ProberEvents) {
    this.#probe = probe
    this.#ask = ask
    this.#events = events
    this.#clock = clock
    this.#cancel = after(clock, (probe.initialDelaySeconds ?? 0) * 1000 || FIRST_PROBE_MS, () => void this.#turn())
  }

  stop() {
    this.#stopped = true
    this.#cancel()
  }

  async #turn() {
    const period = (this.#probe.periodSeconds ?? 10) * 1000
    const began = this.#clock.now()
    const failure = await this.#ask((this.#probe.timeoutSeconds ?? 1) * 1000)
    if (this.#stopped) return
    // The next turn is a period after this one began, as with a ticker.
    this.#cancel = after(this.#clock, Math.max(0, began + period - this.#clock.now()), () => void this.#turn())
    const healthy = failure === null
    if (!healthy) this.#events.failure(failure)
    this.#row = healthy === this.#last ? this.#row + 1 : 1
    this.#last = healthy
    const threshold = healthy ? (this.#probe.successThreshold ?? 1) : (this.#probe.failureThreshold ?? 3)
    if (this.#row >= threshold) this.#events.result(healthy)
  }
}
