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
import type { LabelSelector } from '../../apimachinery/types.ts'
import { messageOf } from '../replicas.ts'
import { byAverage, byUtilization, byValue, byValuePerPod, groupPods, requestOf, TOLERANCE, type Tolerances } from './calculate.ts'
import type { MetricsSource, PodsOfScale } from './metrics.ts'

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
  const failing = (reason: string, what: string) => (error: unknown) => {
    throw new MetricError(reason, messageOf(error), what)
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
      return found.catch(failing('FailedGetObjectMetric', 'object metric value'))
    }
    default: {
      const { metric, target } = spec.external!
      const what = `${metric.name} external metric value`
      return byExternal(metric, target, situation, source, tolerances).catch(failing('FailedGetExternalMetric', what))
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
  return { replicas, metric: `${kind} metric ${metric.name}`, status: { type: 'Object', object: { metric, describedObject, current } } }
}

async function byExternal(
  metric: MetricIdentifier,
  target: MetricTarget,
  situation: Situation,
  source: MetricsSource,
  tolerances: Tolerances,
): Promise<Proposal> {
  const { namespace } = situation.pods
  const selector = goSelector(metric.selector)
  try {
    const values = await explained(
      `unable to get external metric ${namespace}/${metric.name}/${selector}`,
      source.external(metric.name, namespace, metric.selector),
    )
    const sum = values.reduce((total, value) => total + value, 0)
    const { replicas, current } = byTarget(sum, target, situation, tolerances)
    return { replicas, metric: `external metric ${metric.name}(${selector})`, status: { type: 'External', external: { metric, current } } }
  } catch (error) {
    throw new Error(`failed to get ${metric.name} external metric: ${messageOf(error)}`)
  }
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

/** As Go prints a pointer to a selector, which is in upstream's messages. */
function goSelector(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil'
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  )
  const map = labels.map(([key, value]) => `${key}: ${value},`).join('')
  return `&LabelSelector{MatchLabels:map[string]string{${map}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`
}
