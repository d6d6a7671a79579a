// Horizontal pod autoscaling: every 15 s while there is an autoscaler, and never otherwise.
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
  MetricStatus,
} from '../api/autoscaling/v2.ts'
import type { Pod } from '../api/core/v1.ts'
import { parseLabelSelector } from '../apimachinery/label-selector.ts'
import type { Endpoint } from '../apimachinery/registry.ts'
import type { KubeObject, LabelSelector } from '../apimachinery/types.ts'
import { amount } from '../scheduling/resources.ts'
import { HORIZONTAL_POD_AUTOSCALERS, PODS } from './collections.ts'
import { withCondition } from './conditions.ts'
import { equal } from './equality.ts'
import { limit, type Memory, newMemory } from './hpa/behavior.ts'
import { byAverage, byUtilization, byValue, byValuePerPod, groupPods, requestOf, TOLERANCE } from './hpa/calculate.ts'
import type { MetricsSource } from './hpa/metrics.ts'
import { isReady, podsMatching } from './pods.ts'
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

interface Proposal {
  readonly replicas: number
  /** What made it. */
  readonly metric: string
  readonly status: MetricStatus
}

/** A metric has no value: why, for the condition and the event. */
class MetricError extends Error {
  readonly reason: string
  readonly plain: string
  constructor(reason: string, plain: string, what: string) {
    super(`failed to get ${what}: ${plain}`)
    this.reason = reason
    this.plain = plain
  }
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
    for (const spec of specs) {
      try {
        const proposal = await this.#replicasFor(spec, current, selector)
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

  async #pods(selector: LabelSelector): Promise<Pod[]> {
    return podsMatching(await this.#context.informer(PODS), this.#autoscaler.metadata.namespace ?? '', selector)
  }

  #tolerances(): { up: number; down: number } {
    const { scaleUp, scaleDown } = this.#autoscaler.spec?.behavior ?? {}
    const part = (text: string | undefined) => (text === undefined ? TOLERANCE : amount('cpu', text) / 1000)
    return { up: part(scaleUp?.tolerance), down: part(scaleDown?.tolerance) }
  }

  async #replicasFor(spec: MetricSpec, current: number, selector: LabelSelector): Promise<Proposal> {
    switch (spec.type) {
      case 'Resource':
        return this.#resource(spec.resource!.name, undefined, spec.resource!.target, current, selector)
      case 'ContainerResource':
        return this.#resource(
          spec.containerResource!.name,
          spec.containerResource!.container,
          spec.containerResource!.target,
          current,
          selector,
        )
      case 'Pods':
        return this.#perPod(spec, current, selector)
      case 'Object':
        return this.#object(spec, current, selector)
      default:
        return this.#external(spec, current, selector)
    }
  }

  async #resource(
    name: string,
    container: string | undefined,
    target: { readonly averageUtilization?: number; readonly averageValue?: string },
    current: number,
    selector: LabelSelector,
  ): Promise<Proposal> {
    const now = this.#context.now()
    const { namespace = '' } = this.#autoscaler.metadata
    const kind = container === undefined ? 'resource' : 'container resource'
    const reason = container === undefined ? 'FailedGetResourceMetric' : 'FailedGetContainerResourceMetric'
    const what = `${name} ${kind} metric value`
    try {
      const metrics = await this.#metrics.resource(name, namespace, selector, container)
      const groups = groupPods(await this.#pods(selector), metrics, name, now)
      const unit = (value: number) => (name === 'cpu' ? `${value}m` : String(value))
      const status = (average: number, utilization?: number): MetricStatus => {
        const now = { averageValue: unit(average), ...(utilization === undefined ? {} : { averageUtilization: utilization }) }
        return container === undefined
          ? { type: 'Resource', resource: { name, current: now } }
          : { type: 'ContainerResource', containerResource: { name, container, current: now } }
      }
      if (target.averageUtilization !== undefined) {
        const request = (pod: Pod) => requestOf(pod, name, container)
        const { replicas, average, utilization } = byUtilization(
          current,
          target.averageUtilization,
          groups,
          metrics,
          request,
          this.#tolerances(),
        )
        return { replicas, metric: `${name} ${kind} utilization (percentage of request)`, status: status(average, utilization) }
      }
      const { replicas, average } = byAverage(current, amount(name, target.averageValue ?? '0'), groups, metrics, this.#tolerances())
      return { replicas, metric: `${name} ${kind}`, status: status(average) }
    } catch (error) {
      const plain =
        target.averageUtilization === undefined
          ? `failed to get ${name} usage: ${messageOf(error)}`
          : `failed to get ${name} utilization: ${messageOf(error)}`
      throw new MetricError(reason, plain, what)
    }
  }

  async #perPod({ pods }: MetricSpec, current: number, selector: LabelSelector): Promise<Proposal> {
    const { metric, target } = pods!
    try {
      const metrics = await this.#metrics.pods(metric.name, this.#autoscaler.metadata.namespace ?? '', selector)
      const groups = groupPods(await this.#pods(selector), metrics, undefined, this.#context.now())
      const { replicas, average } = byAverage(current, amount('cpu', target.averageValue ?? '0'), groups, metrics, this.#tolerances())
      return {
        replicas,
        metric: `pods metric ${metric.name}`,
        status: { type: 'Pods', pods: { metric, current: { averageValue: `${average}m` } } },
      }
    } catch (error) {
      throw new MetricError('FailedGetPodsMetric', messageOf(error), 'pods metric value')
    }
  }

  async #object({ object }: MetricSpec, current: number, selector: LabelSelector): Promise<Proposal> {
    const { metric, target, describedObject } = object!
    try {
      const value = await this.#metrics.object(metric.name, this.#autoscaler.metadata.namespace ?? '', describedObject)
      const replicas = await this.#byTarget(value, target, current, selector)
      const name = `${describedObject.kind} metric ${metric.name}`
      return { replicas, metric: name, status: { type: 'Object', object: { metric, describedObject, current: { value: `${value}m` } } } }
    } catch (error) {
      throw new MetricError('FailedGetObjectMetric', messageOf(error), 'object metric value')
    }
  }

  async #external({ external }: MetricSpec, current: number, selector: LabelSelector): Promise<Proposal> {
    const { metric, target } = external!
    try {
      const values = await this.#metrics.external(metric.name, this.#autoscaler.metadata.namespace ?? '', metric.selector)
      const value = values.reduce((sum, part) => sum + part, 0)
      const replicas = await this.#byTarget(value, target, current, selector)
      const name = `external metric ${metric.name}(${JSON.stringify(metric.selector ?? null)})`
      return { replicas, metric: name, status: { type: 'External', external: { metric, current: { value: `${value}m` } } } }
    } catch (error) {
      throw new MetricError('FailedGetExternalMetric', messageOf(error), `${metric.name} external metric value`)
    }
  }

  async #byTarget(
    value: number,
    target: { readonly value?: string; readonly averageValue?: string },
    current: number,
    selector: LabelSelector,
  ): Promise<number> {
    if (target.averageValue !== undefined) return byValuePerPod(current, value, amount('cpu', target.averageValue), this.#tolerances())
    const ready = (await this.#pods(selector)).filter(isReady).length
    return byValue(current, ready, value, amount('cpu', target.value ?? '0'), this.#tolerances())
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
