// Horizontal pod autoscaling: every 15 s while there is an autoscaler, and never otherwise.
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../api/autoscaling/v2.ts'
import { parseLabelSelector } from '../apimachinery/label-selector.ts'
import type { Endpoint } from '../apimachinery/registry.ts'
import type { KubeObject, LabelSelector } from '../apimachinery/types.ts'
import { HORIZONTAL_POD_AUTOSCALERS } from './collections.ts'
import { withCondition } from './conditions.ts'
import { equal } from './equality.ts'
import { limit, type Memory, newMemory } from './hpa/behavior.ts'
import type { MetricsSource } from './hpa/metrics.ts'
import { MetricError, type Proposal, proposals } from './hpa/propose.ts'
import { messageOf } from './replicas.ts'
import { writeStatus } from './status.ts'
import { timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'

const PERIOD_S = 15

/** What this environment remembers of each autoscaler. Forgetting lets it scale down sooner than its window says. */
const memories = new Map<string, Memory>()

export function horizontalPodAutoscaling(metrics: MetricsSource): Controller {
  return {
    name: 'horizontalpodautoscaler',
    component: 'horizontal-pod-autoscaler',
    watches: [
      {
        // Not its own status: it comes back by itself.
        resource: HORIZONTAL_POD_AUTOSCALERS,
        keys({ type, key, object, previous }) {
          const [now, before] = [object as HorizontalPodAutoscaler, previous as HorizontalPodAutoscaler | undefined]
          return type === 'deleted' || (before !== undefined && equal(before.spec, now.spec)) ? [] : [key]
        },
      },
    ],
    async reconcile(key, context): Promise<Outcome | undefined> {
      const autoscaler = (await context.informer(HORIZONTAL_POD_AUTOSCALERS)).get(key)?.object as HorizontalPodAutoscaler | undefined
      if (autoscaler?.spec === undefined) return undefined
      await new Sync(autoscaler, context, metrics).run()
      return { requeueAfter: PERIOD_S }
    },
  }
}

interface Scale extends KubeObject {
  spec?: { replicas?: number }
  status?: { replicas: number; selector?: string }
}

class Sync {
  readonly #autoscaler: HorizontalPodAutoscaler
  readonly #context: ControllerContext
  readonly #metrics: MetricsSource
  #status: HorizontalPodAutoscalerStatus

  constructor(autoscaler: HorizontalPodAutoscaler, context: ControllerContext, metrics: MetricsSource) {
    this.#autoscaler = autoscaler
    this.#context = context
    this.#metrics = metrics
    this.#status = {
      ...autoscaler.status!,
      observedGeneration: autoscaler.metadata.generation,
      desiredReplicas: autoscaler.status?.desiredReplicas ?? 0,
    }
  }

  async run(): Promise<void> {
    const target = await this.#target()
    if (target !== undefined) await this.#follow(target.scale, target.endpoint)
    await writeStatus(this.#context, HORIZONTAL_POD_AUTOSCALERS, this.#autoscaler, this.#status)
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    void this.#context.events.event(this.#autoscaler, type, reason, message)
  }

  #condition(type: string, status: string, reason: string, message: string): void {
    const condition: HorizontalPodAutoscalerCondition = {
      type,
      status,
      reason,
      message,
      lastTransitionTime: timestamp(this.#context.now()),
    }
    const conditions = withCondition(this.#status.conditions, condition)
    this.#status = { ...this.#status, conditions: conditions.map(current => (current.type === type ? { ...current, message } : current)) }
  }

  async #target(): Promise<{ readonly scale: Scale; readonly endpoint: Endpoint } | undefined> {
    const { apiVersion = 'v1', kind, name } = this.#autoscaler.spec!.scaleTargetRef
    const { namespace } = this.#autoscaler.metadata
    const endpoint = this.#context.registry.findKind(apiVersion, kind)
    try {
      if (endpoint === undefined)
        throw new Error(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(apiVersion.split('/')[0])}`)
      if (endpoint.definition.scale === undefined) throw new Error('the server could not find the requested resource')
      const scale = await this.#context.client.getPart<Scale>(endpoint.collection, namespace, name, 'scale')
      this.#condition('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale")
      return { scale, endpoint }
    } catch (error) {
      this.#say('Warning', 'FailedGetScale', messageOf(error))
      const message = `the HPA controller was unable to get the target's current scale: ${messageOf(error)}`
      this.#condition('AbleToScale', 'False', 'FailedGetScale', message)
      return undefined
    }
  }

  async #follow(scale: Scale, endpoint: Endpoint): Promise<void> {
    const { minReplicas = 1, maxReplicas } = this.#autoscaler.spec!
    const current = scale.spec?.replicas ?? 0
    const now = this.#context.now()
    this.#status.currentReplicas = scale.status?.replicas ?? current
    let desired = current
    let reason = ''
    if (current === 0 && minReplicas !== 0) {
      desired = 0
      this.#condition('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero')
    } else if (current > maxReplicas) {
      desired = maxReplicas
      reason = 'Current number of replicas above Spec.MaxReplicas'
    } else if (current < minReplicas) {
      desired = minReplicas
      reason = 'Current number of replicas below Spec.MinReplicas'
    } else {
      const proposal = await this.#propose(scale, current)
      if (proposal === undefined) return
      const uid = this.#autoscaler.metadata.uid!
      const memory = memories.get(uid) ?? newMemory()
      memories.set(uid, memory)
      const { replicas, able, limited } = limit(this.#autoscaler, current, proposal.replicas, memory, now)
      this.#condition('AbleToScale', 'True', able.reason, able.message)
      this.#condition('ScalingLimited', limited.status, limited.reason, limited.message)
      desired = replicas
      reason = desired > current ? `${proposal.metric} above target` : 'All metrics below target'
      if (desired > current) memory.ups.push({ at: now, replicas: desired - current })
      if (desired < current) memory.downs.push({ at: now, replicas: current - desired })
    }
    if (desired !== current) await this.#rescale(scale, endpoint, desired, reason)
    this.#status.desiredReplicas = desired
  }

  async #rescale(scale: Scale, endpoint: Endpoint, desired: number, reason: string): Promise<void> {
    try {
      await this.#context.client.updatePart(endpoint.collection, 'scale', {
        ...scale,
        spec: { ...scale.spec, replicas: desired },
      } as KubeObject)
    } catch (error) {
      this.#say('Warning', 'FailedRescale', `New size: ${desired}; reason: ${reason}; error: ${messageOf(error)}`)
      this.#condition(
        'AbleToScale',
        'False',
        'FailedUpdateScale',
        `the HPA controller was unable to update the target scale: ${messageOf(error)}`,
      )
      return
    }
    this.#condition('AbleToScale', 'True', 'SucceededRescale', `the HPA controller was able to update the target scale to ${desired}`)
    this.#say('Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${reason}`)
    this.#status.lastScaleTime = timestamp(this.#context.now())
  }

  /** The largest of what the metrics ask for. A metric that fails keeps the others from scaling down. */
  async #propose(scale: Scale, current: number): Promise<Proposal | undefined> {
    const selector = scale.status?.selector ? selectorOf(scale.status.selector) : undefined
    if (selector === undefined) {
      this.#say('Warning', 'SelectorRequired', 'selector is required')
      this.#condition('ScalingActive', 'False', 'InvalidSelector', "the HPA target's scale is missing a selector")
      return undefined
    }
    const specs = this.#autoscaler.spec!.metrics ?? []
    const errors: MetricError[] = []
    const statuses: MetricStatus[] = []
    let best: Proposal | undefined
    const propose = proposals(this.#autoscaler, this.#context, this.#metrics)
    for (const spec of specs) {
      try {
        const proposal = await propose(spec, current, selector)
        statuses.push(proposal.status)
        if (best === undefined || proposal.replicas > best.replicas) best = proposal
      } catch (error) {
        if (!(error instanceof MetricError)) throw error
        errors.push(error)
        this.#say('Warning', error.reason, error.plain)
      }
    }
    this.#status.currentMetrics = statuses.length === 0 ? undefined : statuses
    const [first] = errors
    if (first !== undefined && (best === undefined || best.replicas < current)) {
      this.#condition('ScalingActive', 'False', first.reason, `the HPA was unable to compute the replica count: ${first.plain}`)
      const message = `invalid metrics (${errors.length} invalid out of ${specs.length}), first error is: ${first.message}`
      this.#say('Warning', 'FailedComputeMetricsReplicas', message)
      return undefined
    }
    if (best === undefined) return undefined
    this.#condition(
      'ScalingActive',
      'True',
      'ValidMetricFound',
      `the HPA was able to successfully calculate a replica count from ${best.metric}`,
    )
    return best
  }
}

const OPERATORS: Readonly<Record<string, string>> = { in: 'In', notin: 'NotIn', exists: 'Exists', '!': 'DoesNotExist' }

/** A scale's selector is text. */
function selectorOf(text: string): LabelSelector {
  const matchExpressions = parseLabelSelector(text).map(({ key, operator, values }) => ({
    key,
    operator: OPERATORS[operator] ?? '',
    values: [...values],
  }))
  return { matchExpressions }
}
