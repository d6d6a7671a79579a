// The status of an autoscaler while it is being made.
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../../api/autoscaling/v2.ts'
import { timestamp } from '../time.ts'

export class StatusDraft {
  readonly #before: HorizontalPodAutoscalerStatus
  readonly #now: number
  #conditions: readonly HorizontalPodAutoscalerCondition[]

  constructor({ metadata, status }: HorizontalPodAutoscaler, now: number) {
    this.#before = { ...status!, observedGeneration: metadata.generation, desiredReplicas: status?.desiredReplicas ?? 0 }
    this.#conditions = status?.conditions ?? []
    this.#now = now
  }

  /** In its place; its time moves only when its status does. */
  condition(type: string, status: string, reason: string, message: string): void {
    const current = this.#conditions.find(condition => condition.type === type)
    const lastTransitionTime = current?.status === status ? current.lastTransitionTime : timestamp(this.#now)
    const next = { type, status, lastTransitionTime, reason, message }
    this.#conditions =
      current === undefined ? [...this.#conditions, next] : this.#conditions.map(condition => (condition === current ? next : condition))
  }

  /** Nothing is known of the scale. */
  unchanged(): HorizontalPodAutoscalerStatus {
    return { ...this.#before, conditions: [...this.#conditions] }
  }

  /** The scale is known, and what to do with it is not. */
  measured(currentReplicas: number, currentMetrics: MetricStatus[] | undefined): HorizontalPodAutoscalerStatus {
    return { ...this.unchanged(), currentReplicas, currentMetrics }
  }

  settled(currentReplicas: number, desiredReplicas: number, currentMetrics: MetricStatus[] | undefined): HorizontalPodAutoscalerStatus {
    return { ...this.measured(currentReplicas, currentMetrics), desiredReplicas }
  }
}
