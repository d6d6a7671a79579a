// The pod as a whole: which container's turn it is, when the pod is over, and its orderly end.
import type { ContainerReport, Deletion, PodPlan } from '../shared/pods/agent-protocol.ts'
import { after, type Clock } from './clock.ts'
import { Container } from './container.ts'
import type { ContainerContext } from './container-context.ts'

/** Below this the grace is the container's alone. */
const LEAST_DRAINING_GRACE_MS = 10_000

export class PodRunner {
  readonly #context: ContainerContext
  readonly #clock: Clock
  #plan: PodPlan | undefined
  #containers: Container[] = []
  #stopping = false
  #killAt = Number.POSITIVE_INFINITY
  #cancelKill = () => {}
  #finished = false
  #ending = false

  constructor(context: ContainerContext) {
    this.#context = context
    this.#clock = context.clock
  }

  get containers(): readonly Container[] {
    return this.#containers
  }

  /** Every container has ended for good. */
  get finished() {
    return this.#finished
  }

  get planned() {
    return this.#plan !== undefined
  }

  report(): ContainerReport[] {
    return this.#containers.map(container => container.report())
  }

  /** The first plan makes the containers; of later ones each container takes its part when it starts. */
  adopt(plan: PodPlan) {
    if (!this.#plan) this.#containers = plan.containers.map(container => new Container(container, plan, this.#context))
    this.#plan = plan
    this.step()
  }

  /** Looks whose turn it is. Called after everything that happens; does nothing when nothing is to be done. */
  step() {
    if (!this.#plan || this.#stopping || this.#context.mounted?.() === false) return
    for (const container of this.#containers) {
      const { role } = container.plan
      if (container.idle) void container.start()
      if (role === 'init' && !container.succeeded) {
        // An init container that failed for good fails the pod.
        if (container.ended) this.#conclude()
        return
      }
      if (role === 'sidecar' && !container.started) return
    }
    if (this.#apps.every(({ ended }) => ended)) this.#conclude()
  }

  /** Ends everything within the grace; asked again with less, it hurries. */
  stop({ secondsLeft }: Pick<Deletion, 'secondsLeft'>, message = (name: string) => `Stopping container ${name}`) {
    const graceMs = Math.max(0, secondsLeft * 1000)
    const killAt = this.#clock.now() + graceMs
    // A second of difference is only the time that orders took to come.
    if (killAt < this.#killAt - 1000) {
      this.#killAt = killAt
      this.#cancelKill()
      this.#cancelKill = after(this.#clock, graceMs, () => {
        for (const container of this.#containers) container.kill()
      })
    }
    if (this.#stopping) return
    this.#stopping = true
    for (const container of this.#containers) container.retire()
    void this.#stopInOrder(killAt, graceMs, message)
  }

  /** The apps at once, then the sidecars, last one first. */
  async #stopInOrder(killAt: number, graceMs: number, message: (name: string) => string) {
    // A process that is told to end takes no more work, so no more should come. Who has little time has no time for that, and who ends by
    // itself has ended already.
    if (graceMs >= LEAST_DRAINING_GRACE_MS && !this.#ending) await this.#context.drained?.()
    const left = () => Math.max(0, killAt - this.#clock.now())
    const sidecars = this.#containers.filter(({ plan }) => plan.role === 'sidecar')
    const others = this.#containers.filter(({ plan }) => plan.role !== 'sidecar')
    await Promise.all(others.map(container => container.stop(left(), message(container.name))))
    for (const container of sidecars.reverse()) await container.stop(left(), message(container.name))
    this.#cancelKill()
    this.#finished = true
    this.#context.changed()
  }

  /** The apps are done, so the sidecars end. */
  #conclude() {
    if (this.#ending) return
    this.#ending = true
    this.stop({ secondsLeft: this.#plan?.terminationGracePeriodSeconds ?? 30 })
  }

  get #apps() {
    return this.#containers.filter(({ plan }) => plan.role === 'app')
  }
}
