// One look at one autoscaler: what its metrics ask for, what its rules let through, and what is said of it.
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus, MetricStatus } from '../../api/autoscaling/v2.ts'
import { isStatus } from '../../apimachinery/status-error.ts'
import { HORIZONTAL_POD_AUTOSCALERS } from '../collections.ts'
import { messageOf } from '../replicas.ts'
import { writeStatus } from '../status.ts'
import { timestamp } from '../time.ts'
import type { ControllerContext } from '../types.ts'
import { limit } from './behavior.ts'
import { reachOf, withChange, withRecommendation } from './history.ts'
import type { HistoryBook } from './history-book.ts'
import type { MetricsSource, PodsOfScale } from './metrics.ts'
import { MetricError, type Proposal, propose } from './propose.ts'
import { podsOfScale, SelectorProblem } from './selectors.ts'
import { StatusDraft } from './status.ts'
import { type ScaleTarget, targetOf } from './target.ts'

export { historyBook } from './history-book.ts'

export class Look {
  readonly #autoscaler: HorizontalPodAutoscaler
  readonly #context: ControllerContext
  readonly #metrics: MetricsSource
  readonly #book: HistoryBook
  readonly #draft: StatusDraft
  readonly #now: number

  constructor(autoscaler: HorizontalPodAutoscaler, context: ControllerContext, metrics: MetricsSource, book: HistoryBook) {
    this.#autoscaler = autoscaler
    this.#context = context
    this.#metrics = metrics
    this.#book = book
    this.#now = context.now()
    this.#draft = new StatusDraft(autoscaler, this.#now)
  }

  async run(): Promise<void> {
    const status = await this.#decide()
    try {
      await writeStatus(this.#context, HORIZONTAL_POD_AUTOSCALERS, this.#autoscaler, status)
    } catch (error) {
      // Changed or deleted meanwhile: that is a change of its own, and what was decided is done.
      if (!isStatus(error, 'Conflict') && !isStatus(error, 'NotFound')) throw error
    }
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    void this.#context.events.event(this.#autoscaler, type, reason, message)
  }

  async #decide(): Promise<HorizontalPodAutoscalerStatus> {
    let target: ScaleTarget
    try {
      target = await targetOf(this.#autoscaler, this.#context)
    } catch (error) {
      this.#say('Warning', 'FailedGetScale', messageOf(error))
      const message = `the HPA controller was unable to get the target's current scale: ${messageOf(error)}`
      this.#draft.condition('AbleToScale', 'False', 'FailedGetScale', message)
      return this.#draft.unchanged()
    }
    this.#draft.condition('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale")
    return this.#follow(target)
  }

  async #follow(target: ScaleTarget): Promise<HorizontalPodAutoscalerStatus> {
    const { minReplicas = 1, maxReplicas } = this.#autoscaler.spec!
    const current = target.scale.spec?.replicas ?? 0
    const before = await this.#book.open(this.#autoscaler, current, this.#now)
    if (current === 0 && minReplicas !== 0) {
      const message = 'scaling is disabled since the replica count of the target is zero'
      this.#draft.condition('ScalingActive', 'False', 'ScalingDisabled', message)
      return this.#draft.settled(current, 0, undefined)
    }
    if (current > maxReplicas) return this.#rescale(target, current, maxReplicas, 'Current number of replicas above Spec.MaxReplicas')
    if (current < minReplicas) return this.#rescale(target, current, minReplicas, 'Current number of replicas below Spec.MinReplicas')

    const { best, statuses } = await this.#propose(target, current)
    if (best === undefined) return this.#draft.measured(current, statuses)
    const { replicas, able, limited } = limit(this.#autoscaler, current, best.replicas, before, this.#now)
    this.#draft.condition('AbleToScale', 'True', able.reason, able.message)
    this.#draft.condition('ScalingLimited', limited.status, limited.reason, limited.message)
    const history = withRecommendation(before, best.replicas, this.#now, reachOf(this.#autoscaler))
    // Rates are of rules: without them nobody asks what was changed lately.
    const changed = this.#autoscaler.spec?.behavior === undefined ? history : withChange(history, current, replicas, this.#now)
    // Noted before it is done: what was done and not noted could be done again sooner than a rate allows.
    await this.#book.keep(this.#autoscaler, changed, this.#now)
    if (replicas === current) return this.#draft.settled(current, current, statuses)
    const reason = best.replicas > current ? `${best.metric} above target` : best.replicas < current ? 'All metrics below target' : ''
    const status = await this.#rescale(target, current, replicas, reason, statuses)
    if (status.desiredReplicas !== replicas) await this.#book.keep(this.#autoscaler, history, this.#now)
    return status
  }

  async #rescale(
    target: ScaleTarget,
    current: number,
    desired: number,
    reason: string,
    statuses?: MetricStatus[],
  ): Promise<HorizontalPodAutoscalerStatus> {
    try {
      await target.resize(desired)
    } catch (error) {
      this.#say('Warning', 'FailedRescale', `New size: ${desired}; reason: ${reason}; error: ${messageOf(error)}`)
      const message = `the HPA controller was unable to update the target scale: ${messageOf(error)}`
      this.#draft.condition('AbleToScale', 'False', 'FailedUpdateScale', message)
      return this.#draft.measured(current, statuses)
    }
    const message = `the HPA controller was able to update the target scale to ${desired}`
    this.#draft.condition('AbleToScale', 'True', 'SucceededRescale', message)
    this.#say('Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${reason}`)
    return { ...this.#draft.settled(current, desired, statuses), lastScaleTime: timestamp(this.#now) }
  }

  /** The largest of what the metrics ask for. A metric that fails keeps the others from scaling down. */
  async #propose(target: ScaleTarget, current: number): Promise<{ readonly best?: Proposal; readonly statuses?: MetricStatus[] }> {
    const specs = this.#autoscaler.spec!.metrics ?? []
    let pods: PodsOfScale
    try {
      pods = await podsOfScale(this.#autoscaler, target, this.#context)
    } catch (error) {
      if (!(error instanceof SelectorProblem)) throw error
      this.#say('Warning', error.event, error.message)
      this.#draft.condition('ScalingActive', 'False', error.reason, error.condition)
      this.#say('Warning', 'FailedComputeMetricsReplicas', error.message)
      return {}
    }
    const situation = { wanted: current, there: target.scale.status?.replicas ?? 0, pods, now: this.#now }
    const errors: MetricError[] = []
    const statuses: MetricStatus[] = []
    let best: Proposal | undefined
    for (const spec of specs) {
      try {
        const proposal = await propose(this.#autoscaler, spec, situation, this.#metrics)
        statuses.push(proposal.status)
        if (best === undefined || proposal.replicas > best.replicas) best = proposal
      } catch (error) {
        if (!(error instanceof MetricError)) throw error
        errors.push(error)
        // Clients find a metric's status by its place.
        statuses.push({ type: '' })
        this.#say('Warning', error.reason, error.plain)
      }
    }
    const [first] = errors
    if (first !== undefined && (best === undefined || best.replicas < current)) {
      const message = `the HPA was unable to compute the replica count: ${first.plain}`
      this.#draft.condition('ScalingActive', 'False', first.reason, message)
      const summary = `invalid metrics (${errors.length} invalid out of ${specs.length}), first error is: ${first.message}`
      this.#say('Warning', 'FailedComputeMetricsReplicas', summary)
      return { statuses }
    }
    if (best === undefined) return { statuses }
    const message = `the HPA was able to successfully calculate a replica count from ${best.metric}`
    this.#draft.condition('ScalingActive', 'True', 'ValidMetricFound', message)
    return { best, statuses }
  }
}
