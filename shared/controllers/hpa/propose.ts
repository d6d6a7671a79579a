// What each metric of an autoscaler asks for.
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../../api/autoscaling/v2.ts'
import type { Pod } from '../../api/core/v1.ts'
import type { LabelSelector } from '../../apimachinery/types.ts'
import { amount } from '../../scheduling/resources.ts'
import { PODS } from '../collections.ts'
import { isReady, podsMatching } from '../pods.ts'
import { messageOf } from '../replicas.ts'
import type { ControllerContext } from '../types.ts'
import { byAverage, byUtilization, byValue, byValuePerPod, groupPods, requestOf, TOLERANCE } from './calculate.ts'
import type { MetricsSource } from './metrics.ts'

export interface Proposal {
  readonly replicas: number
  /** What made it. */
  readonly metric: string
  readonly status: MetricStatus
}

/** A metric has no value: why, for the condition and the event. */
export class MetricError extends Error {
  readonly reason: string
  readonly plain: string
  constructor(reason: string, plain: string, what: string) {
    super(`failed to get ${what}: ${plain}`)
    this.reason = reason
    this.plain = plain
  }
}

/** @returns a function that throws MetricError when a metric has no value */
export function proposals(autoscaler: HorizontalPodAutoscaler, context: ControllerContext, metrics: MetricsSource) {
  const proposer = new Proposer(autoscaler, context, metrics)
  return (spec: MetricSpec, current: number, selector: LabelSelector): Promise<Proposal> => proposer.for(spec, current, selector)
}

class Proposer {
  readonly #autoscaler: HorizontalPodAutoscaler
  readonly #context: ControllerContext
  readonly #metrics: MetricsSource

  constructor(autoscaler: HorizontalPodAutoscaler, context: ControllerContext, metrics: MetricsSource) {
    this.#autoscaler = autoscaler
    this.#context = context
    this.#metrics = metrics
  }

  async #pods(selector: LabelSelector): Promise<Pod[]> {
    return podsMatching(await this.#context.informer(PODS), this.#autoscaler.metadata.namespace ?? '', selector)
  }

  #tolerances(): { up: number; down: number } {
    const { scaleUp, scaleDown } = this.#autoscaler.spec?.behavior ?? {}
    const part = (text: string | undefined) => (text === undefined ? TOLERANCE : amount('cpu', text) / 1000)
    return { up: part(scaleUp?.tolerance), down: part(scaleDown?.tolerance) }
  }

  async for(spec: MetricSpec, current: number, selector: LabelSelector): Promise<Proposal> {
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
