// How many replicas a metric asks for. Pure (k8s.io/kubernetes pkg/controller/podautoscaler/replica_calculator.go). Values are thousandths,
// and cut to whole numbers where upstream cuts them.
import type { Pod } from '../../api/core/v1.ts'
import { quantityMilliValue } from '../../apimachinery/quantity.ts'
import { isReady, podCondition } from '../pods.ts'
import { parseTime } from '../time.ts'
import type { PodMetric } from './metrics.ts'

/** Ratios nearer to one than this change nothing. */
export const TOLERANCE = 0.1
const CPU_INITIALIZATION_MS = 300_000
const INITIAL_READINESS_MS = 30_000
const MOST = 2 ** 31 - 1

export interface Tolerances {
  readonly up: number
  readonly down: number
}

const isWithin = (ratio: number, { up, down }: Tolerances): boolean => ratio >= 1 - down && ratio <= 1 + up
const whole = (replicas: number): number => Math.min(Math.ceil(replicas), MOST)

export interface Groups {
  /** Pods whose use counts. */
  readonly ready: readonly Pod[]
  /** Not ready, or so young that what they use says nothing. */
  readonly unready: readonly Pod[]
  readonly missing: readonly Pod[]
}

/** @throws when there is no pod at all */
export function groupPods(
  pods: readonly Pod[],
  metrics: ReadonlyMap<string, PodMetric>,
  resource: string | undefined,
  now: number,
): Groups {
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count')
  const ready: Pod[] = []
  const unready: Pod[] = []
  const missing: Pod[] = []
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === 'Failed') continue
    const metric = metrics.get(pod.metadata.name)
    if (pod.status?.phase === 'Pending') unready.push(pod)
    else if (metric === undefined) missing.push(pod)
    else if (resource === 'cpu' && isUnready(pod, metric, now)) unready.push(pod)
    else ready.push(pod)
  }
  return { ready, unready, missing }
}

function isUnready(pod: Pod, metric: PodMetric, now: number): boolean {
  const condition = podCondition(pod, 'Ready')
  if (condition === undefined || pod.status?.startTime === undefined) return true
  const start = parseTime(pod.status.startTime)
  const changed = parseTime(condition.lastTransitionTime ?? '') || 0
  // While it starts, a pod is busy with itself; after that only one that never was ready is left out.
  if (start + CPU_INITIALIZATION_MS > now) return condition.status === 'False' || metric.at < changed + metric.window
  return condition.status === 'False' && start + INITIAL_READINESS_MS > changed
}

export interface Recommendation {
  readonly replicas: number
  /** Percent of what is asked for. */
  readonly utilization?: number
  /** Per pod. */
  readonly average: number
}

/** What the pod asks for: its containers together, one of them, or what the pod itself says. @throws when one asks for nothing */
export function requestOf({ spec, metadata }: Pod, resource: string, container?: string): number {
  const own = container === undefined ? spec.resources?.requests?.[resource] : undefined
  if (own !== undefined) return quantityMilliValue(own)
  const containers = [...spec.containers, ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')]
  let sum = 0
  for (const { name, resources } of containers) {
    if (container !== undefined && name !== container) continue
    const request = resources?.requests?.[resource]
    if (request === undefined) throw new Error(`missing request for ${resource} in container ${name} of Pod ${metadata.name}`)
    sum += quantityMilliValue(request)
  }
  return sum
}

type Values = ReadonlyMap<string, number>

/** @throws when no pod counts */
function valuesOf({ ready }: Groups, metrics: ReadonlyMap<string, PodMetric>): Map<string, number> {
  if (ready.length === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)')
  return new Map(ready.map(({ metadata }) => [metadata.name, metrics.get(metadata.name)!.value]))
}

const sumOf = (values: Values): number => [...values.values()].reduce((sum, value) => sum + value, 0)

/** Use against a percentage of the requests. @throws when that cannot be told */
export function byUtilization(
  current: number,
  target: number,
  groups: Groups,
  metrics: ReadonlyMap<string, PodMetric>,
  requestFor: (pod: Pod) => number,
  tolerances: Tolerances,
): Recommendation {
  const values = valuesOf(groups, metrics)
  const requests = new Map([...groups.ready, ...groups.unready, ...groups.missing].map(pod => [pod.metadata.name, requestFor(pod)]))
  const utilizationOf = (used: Values): number => {
    const requested = [...used.keys()].reduce((sum, name) => sum + requests.get(name)!, 0)
    if (requested === 0) throw new Error('no metrics returned matched known pods')
    return Math.trunc((sumOf(used) * 100) / requested)
  }
  const utilization = utilizationOf(values)
  const guess = (ratio: number, name: string) => {
    if (ratio === 1) return undefined
    return ratio < 1 ? Math.trunc((requests.get(name)! * Math.max(100, target)) / 100) : 0
  }
  const replicas = adjust(current, groups, values, used => utilizationOf(used) / target, guess, tolerances)
  return { replicas, utilization, average: Math.trunc(sumOf(values) / values.size) }
}

/** Use against an average for each pod. @throws when that cannot be told */
export function byAverage(
  current: number,
  target: number,
  groups: Groups,
  metrics: ReadonlyMap<string, PodMetric>,
  tolerances: Tolerances,
): Recommendation {
  const values = valuesOf(groups, metrics)
  const averageOf = (used: Values): number => Math.trunc(sumOf(used) / used.size)
  const guess = (ratio: number) => (ratio < 1 ? target : 0)
  const replicas = adjust(current, groups, values, used => averageOf(used) / target, guess, tolerances)
  return { replicas, average: averageOf(values) }
}

/** Pods without a number are guessed against the direction of the change; if that undoes it, nothing changes. */
function adjust(
  current: number,
  { unready, missing, ready }: Groups,
  values: Values,
  ratioOf: (used: Values) => number,
  guess: (ratio: number, name: string) => number | undefined,
  tolerances: Tolerances,
): number {
  const ratio = ratioOf(values)
  const rebalance = unready.length > 0 && ratio > 1
  if (!rebalance && missing.length === 0) {
    return isWithin(ratio, tolerances) ? current : whole(ratio * ready.length)
  }
  const guessed = new Map(values)
  for (const { metadata } of missing) {
    const use = guess(ratio, metadata.name)
    if (use !== undefined) guessed.set(metadata.name, use)
  }
  if (rebalance) for (const { metadata } of unready) guessed.set(metadata.name, 0)
  const next = ratioOf(guessed)
  if (isWithin(next, tolerances) || (ratio < 1 && next > 1) || (ratio > 1 && next < 1)) return current
  const replicas = whole(next * guessed.size)
  if ((next < 1 && replicas > current) || (next > 1 && replicas < current)) return current
  return replicas
}

/** A value of the whole against one for the whole: the pods that are ready are scaled by the ratio. @throws when there is no pod */
export function byValue(current: number, pods: readonly Pod[], value: number, target: number, tolerances: Tolerances): number {
  const ratio = value / target
  if (current === 0) return whole(ratio)
  if (isWithin(ratio, tolerances)) return current
  if (pods.length === 0) throw new Error('unable to calculate ready pods: no pods returned by selector while calculating replica count')
  return whole(ratio * pods.filter(pod => pod.status?.phase === 'Running' && isReady(pod)).length)
}

/** A value of the whole against one for each pod. `current` is how many there are. */
export function byValuePerPod(current: number, value: number, target: number, tolerances: Tolerances): Recommendation {
  const replicas = current > 0 && isWithin(value / (target * current), tolerances) ? current : whole(value / target)
  return { replicas, average: current === 0 ? value : Math.ceil(value / current) }
}
