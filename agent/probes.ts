// The probes of one attempt: the startup probe first, and the others when that has been well once.
import type { ContainerPlan } from '../shared/pods/agent-protocol.ts'
import type { Clock } from './clock.ts'
import { perform } from './hooks.ts'
import { Prober } from './prober.ts'

export interface ProbesContext {
  readonly clock: Clock
  target(): Parameters<typeof perform>[1]
  /** "Liveness probe failed: ..." */
  failed(message: string): void
  /** The startup or liveness probe has failed so often that the container is to be restarted. */
  unhealthy(kind: 'startup' | 'liveness', graceSeconds: number | undefined): void
  /** What the readiness probe says has changed. */
  ready(ready: boolean): void
}

export class Probes {
  readonly #context: ProbesContext
  #probers: Prober[] = []

  constructor(context: ProbesContext) {
    this.#context = context
  }

  /** Calls `started` when the startup probe is well. False: there is no such probe. */
  startup({ startupProbe }: ContainerPlan, started: () => void): boolean {
    if (!startupProbe) return false
    this.#probe('Startup', startupProbe, healthy => {
      if (healthy) started()
      else this.#context.unhealthy('startup', startupProbe.terminationGracePeriodSeconds)
    })
    return true
  }

  /** The container has started: liveness and readiness from here on. */
  up({ livenessProbe, readinessProbe }: ContainerPlan): void {
    this.stop()
    if (livenessProbe) {
      this.#probe('Liveness', livenessProbe, healthy => {
        if (!healthy) this.#context.unhealthy('liveness', livenessProbe.terminationGracePeriodSeconds)
      })
    }
    if (readinessProbe) this.#probe('Readiness', readinessProbe, healthy => this.#context.ready(healthy))
  }

  stop(): void {
    for (const prober of this.#probers.splice(0)) prober.stop()
  }

  #probe(kind: string, probe: NonNullable<ContainerPlan['livenessProbe']>, result: (healthy: boolean) => void) {
    const ask = (timeoutMs: number) => perform(probe, this.#context.target(), timeoutMs)
    const failure = (message: string) => this.#context.failed(`${kind} probe failed: ${message}`)
    this.#probers.push(new Prober(probe, ask, this.#context.clock, { result, failure }))
  }
}
