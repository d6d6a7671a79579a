// What each metric of an autoscaler asks for.
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../../api/autoscaling/v2.ts'
import type { Pod } from '../../api/core/v1.ts'
import { formatQuantity, parseQuantity, quantityInUnits, quantityMilliValue } from '../../apimachinery/quantity.ts'
import { messageOf } from '../replicas.ts'
import { printedSelector } from '../selectors.ts'
import { byAverage, byUtilization, byValue, byValuePerPod, groupPods, requestOf, TOLERANCE, type Tolerances } from './calculate.ts'
import type { MetricsSource, PodsOfScale } from './metrics.ts'

export interface Proposal {
  readonly replicas: number
  /** What made it. */
  readonly metric: string
  readonly status: MetricStatus
}

/** A metric has no value: why, for the condition and the event; its message is for the summary. */
export class MetricError extends Error {
  readonly reason: string
  readonly plain: string
  constructor(reason: string, plain: string, what: string, within = plain) {
    super(`failed to get ${what}: ${within}`)
    this.reason = reason
    this.plain = plain
  }
}

export interface Situation {
  /** Replicas that the scale asks for, and that there are. */
  readonly wanted: number
  readonly there: number
  readonly pods: PodsOfScale
  readonly now: number
}

/** @throws MetricError when the metric has no value */
export async function propose(
  autoscaler: HorizontalPodAutoscaler,
  spec: MetricSpec,
  situation: Situation,
  source: MetricsSource,
): Promise<Proposal> {
  const tolerances = tolerancesOf(autoscaler)
  /** `within`: what the summary says besides. */
  const failing = (reason: string, what: string, within?: string) => (error: unknown) => {
    const plain = messageOf(error)
    throw new MetricError(reason, plain, what, within === undefined ? plain : `${within}: ${plain}`)
  }
  switch (spec.type) {
    case 'Resource': {
      const { name, target } = spec.resource!
      const what = `${name} resource metric value`
      return byResource(name, undefined, target, situation, source, tolerances).catch(failing('FailedGetResourceMetric', what))
    }
    case 'ContainerResource': {
      const { name, container, target } = spec.containerResource!
      const what = `${container} container metric value`
      return byResource(name, container, target, situation, source, tolerances).catch(failing('FailedGetContainerResourceMetric', what))
    }
    case 'Pods': {
      const { metric, target } = spec.pods!
      return byPods(metric, target, situation, source, tolerances).catch(failing('FailedGetPodsMetric', 'pods metric value'))
    }
    case 'Object': {
      const { metric, target, describedObject } = spec.object!
      const found = byObject(metric, target, describedObject, situation, source, tolerances)
      const within = target.averageValue === undefined ? undefined : `failed to get ${metric.name} object metric`
      return found.catch(failing('FailedGetObjectMetric', 'object metric value', within))
    }
    default: {
      const { metric, target } = spec.external!
      const what = `${metric.name} external metric value`
      const within =
        target.averageValue === undefined ? `failed to get external metric ${metric.name}` : `failed to get ${metric.name} external metric`
      return byExternal(metric, target, situation, source, tolerances).catch(failing('FailedGetExternalMetric', what, within))
    }
  }
}

function tolerancesOf({ spec }: HorizontalPodAutoscaler): Tolerances {
  const part = (text: string | undefined) => (text === undefined ? TOLERANCE : quantityInUnits(text, -9) / 1e9)
  return { up: part(spec?.behavior?.scaleUp?.tolerance), down: part(spec?.behavior?.scaleDown?.tolerance) }
}

/** Thousandths as a quantity: 1500 is "1500m", 2000 is "2". */
const milli = (value: number): string => formatQuantity(parseQuantity(`${value}m`))

async function byResource(
  name: string,
  container: string | undefined,
  target: MetricTarget,
  { wanted, pods, now }: Situation,
  source: MetricsSource,
  tolerances: Tolerances,
): Promise<Proposal> {
  const status = (current: MetricValueStatus): MetricStatus =>
    container === undefined
      ? { type: 'Resource', resource: { name, current } }
      : { type: 'ContainerResource', containerResource: { name, container, current } }
  const { averageUtilization, averageValue } = target
  try {
    const metrics = await explained(`unable to get metrics for resource ${name}`, source.resource(name, pods, container))
    const groups = groupPods(pods.pods, metrics, name, now)
    if (averageValue !== undefined) {
      const { replicas, average } = byAverage(wanted, quantityMilliValue(averageValue), groups, metrics, tolerances)
      return { replicas, metric: `${name} resource`, status: status({ averageValue: milli(average) }) }
    }
    const request = (pod: Pod) => requestOf(pod, name, container)
    const { replicas, average, utilization } = byUtilization(wanted, averageUtilization ?? 0, groups, metrics, request, tolerances)
    return {
      replicas,
      metric: `${name} resource utilization (percentage of request)`,
      status: status({ averageValue: milli(average), averageUtilization: utilization }),
    }
  } catch (error) {
    throw new Error(`failed to get ${name} ${averageValue === undefined ? 'utilization' : 'usage'}: ${messageOf(error)}`)
  }
}

async function byPods(
  metric: MetricIdentifier,
  target: MetricTarget,
  { wanted, pods, now }: Situation,
  source: MetricsSource,
  tolerances: Tolerances,
): Promise<Proposal> {
  const metrics = await explained(`unable to get metric ${metric.name}`, source.pods(metric.name, pods, metric.selector))
  const groups = groupPods(pods.pods, metrics, undefined, now)
  const { replicas, average } = byAverage(wanted, quantityMilliValue(target.averageValue ?? '0'), groups, metrics, tolerances)
  return {
    replicas,
    metric: `pods metric ${metric.name}`,
    status: { type: 'Pods', pods: { metric, current: { averageValue: milli(average) } } },
  }
}

async function byObject(
  metric: MetricIdentifier,
  target: MetricTarget,
  describedObject: CrossVersionObjectReference,
  situation: Situation,
  source: MetricsSource,
  tolerances: Tolerances,
): Promise<Proposal> {
  const { namespace } = situation.pods
  const { kind, name } = describedObject
  let value: number
  try {
    value = await source.object(metric.name, namespace, describedObject, metric.selector)
  } catch (error) {
    throw new Error(`unable to get metric ${metric.name}: ${kind} on ${namespace} ${name}/${messageOf(error)}`)
  }
  const { replicas, current } = byTarget(value, target, situation, tolerances)
  if (target.averageValue === undefined)
    return { replicas, metric: `${kind} metric ${metric.name}`, status: { type: 'Object', object: { metric, describedObject, current } } }
  // Upstream names an average like an external metric, and leaves out whose it is.
  const nobody = { kind: '', name: '' }
  return {
    replicas,
    metric: `external metric ${metric.name}(${printedSelector(metric.selector)})`,
    status: { type: 'Object', object: { metric, describedObject: nobody, current } },
  }
}

async function byExternal(
  metric: MetricIdentifier,
  target: MetricTarget,
  situation: Situation,
  source: MetricsSource,
  tolerances: Tolerances,
): Promise<Proposal> {
  const { namespace } = situation.pods
  const selector = printedSelector(metric.selector)
  const values = await explained(
    `unable to get external metric ${namespace}/${metric.name}/${selector}`,
    source.external(metric.name, namespace, metric.selector),
  )
  const sum = values.reduce((total, value) => total + value, 0)
  const { replicas, current } = byTarget(sum, target, situation, tolerances)
  return { replicas, metric: `external metric ${metric.name}(${selector})`, status: { type: 'External', external: { metric, current } } }
}

function byTarget(
  value: number,
  target: MetricTarget,
  { wanted, there, pods }: Situation,
  tolerances: Tolerances,
): { readonly replicas: number; readonly current: MetricValueStatus } {
  if (target.averageValue !== undefined) {
    const { replicas, average } = byValuePerPod(there, value, quantityMilliValue(target.averageValue), tolerances)
    return { replicas, current: { averageValue: milli(average) } }
  }
  const replicas = byValue(wanted, pods.pods, value, quantityMilliValue(target.value ?? '0'), tolerances)
  return { replicas, current: { value: milli(value) } }
}

async function explained<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw new Error(`${what}: ${messageOf(error)}`)
  }
}
