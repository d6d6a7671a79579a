// How many replicas a metric asks for. Pure (k8s.io/kubernetes pkg/controller/podautoscaler/replica_calculator.go).
import type { Pod } from '../../api/core/v1.ts'
import { amount } from '../../scheduling/resources.ts'
import { podCondition } from '../pods.ts'
import { parseTime } from '../time.ts'
import type { PodMetric } from './metrics.ts'

/** Ratios nearer to one than this change nothing. */
export const TOLERANCE = 0.1
const CPU_INITIALIZATION_MS = 300_000
const INITIAL_READINESS_MS = 30_000

export interface Tolerances {
  readonly up: number
  readonly down: number
}

const isWithin = (ratio: number, { up, down }: Tolerances): boolean => ratio >= 1 - down && ratio <= 1 + up

interface Groups {
  /** Pods whose use counts. */
  readonly ready: readonly Pod[]
  /** Not ready, or so young that what they use says nothing. */
  readonly unready: readonly Pod[]
  readonly missing: readonly Pod[]
}

export function groupPods(
  pods: readonly Pod[],
  metrics: ReadonlyMap<string, PodMetric>,
  resource: string | undefined,
  now: number,
): Groups {
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
  /** Percent of what is asked for, or the value (per pod, in thousandths). */
  readonly utilization?: number
  readonly average: number
}

/** Sum of the requests of the pod's containers (or of one). @throws when one asks for nothing */
export function requestOf({ spec, metadata }: Pod, resource: string, container?: string): number {
  const containers = [...spec.containers, ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')]
  let sum = 0
  for (const { name, resources } of containers) {
    if (container !== undefined && name !== container) continue
    const request = resources?.requests?.[resource]
    if (request === undefined) throw new Error(`missing request for ${resource} in container ${name} of Pod ${metadata.name}`)
    sum += amount(resource, request)
  }
  return sum
}

/** Use against a percentage of the requests. @throws when no pod has a metric */
export function byUtilization(
  current: number,
  target: number,
  groups: Groups,
  metrics: ReadonlyMap<string, PodMetric>,
  requestFor: (pod: Pod) => number,
  tolerances: Tolerances,
): Recommendation {
  const requests = new Map([...groups.ready, ...groups.unready, ...groups.missing].map(pod => [pod.metadata.name, requestFor(pod)]))
  const values = new Map(groups.ready.map(pod => [pod.metadata.name, metrics.get(pod.metadata.name)!.value]))
  const ratioOf = (used: ReadonlyMap<string, number>) => {
    let total = 0
    let requested = 0
    for (const [name, value] of used) {
      total += value
      requested += requests.get(name) ?? 0
    }
    if (requested === 0) throw new Error('no metrics returned matched known pods')
    return { ratio: (total * 100) / requested / target, utilization: Math.trunc((total * 100) / requested), total }
  }
  const { ratio, utilization, total } = ratioOf(values)
  const average = Math.trunc(total / values.size)
  const replicas = adjust(
    current,
    ratio,
    groups,
    values,
    name => (requests.get(name)! * Math.max(100, target)) / 100,
    used => ratioOf(used).ratio,
    tolerances,
  )
  return { replicas, utilization, average }
}

/** Use against an average for each pod. @throws when no pod has a metric */
export function byAverage(
  current: number,
  target: number,
  groups: Groups,
  metrics: ReadonlyMap<string, PodMetric>,
  tolerances: Tolerances,
): Recommendation {
  const values = new Map(groups.ready.map(pod => [pod.metadata.name, metrics.get(pod.metadata.name)!.value]))
  if (values.size === 0) throw new Error('no metrics returned matched known pods')
  const ratioOf = (used: ReadonlyMap<string, number>) => [...used.values()].reduce((sum, value) => sum + value, 0) / used.size / target
  const ratio = ratioOf(values)
  const average = Math.trunc([...values.values()].reduce((sum, value) => sum + value, 0) / values.size)
  return { replicas: adjust(current, ratio, groups, values, () => target, ratioOf, tolerances), average }
}

/** Pods without a number are guessed against the direction of the change; if that undoes it, nothing changes. */
function adjust(
  current: number,
  ratio: number,
  { unready, missing, ready }: Groups,
  values: ReadonlyMap<string, number>,
  full: (name: string) => number,
  ratioOf: (used: ReadonlyMap<string, number>) => number,
  tolerances: Tolerances,
): number {
  const rebalance = unready.length > 0 && ratio > 1
  if (!rebalance && missing.length === 0) {
    return isWithin(ratio, tolerances) ? current : Math.ceil(ratio * ready.length)
  }
  const guessed = new Map(values)
  for (const { metadata } of missing) guessed.set(metadata.name, ratio < 1 ? full(metadata.name) : 0)
  if (rebalance) for (const { metadata } of unready) guessed.set(metadata.name, 0)
  const next = ratioOf(guessed)
  if (isWithin(next, tolerances) || (ratio < 1 && next > 1) || (ratio > 1 && next < 1)) return current
  const replicas = Math.ceil(next * guessed.size)
  if ((next < 1 && replicas > current) || (next > 1 && replicas < current)) return current
  return replicas
}

/** A value of the whole against one for the whole: the pods that are ready are scaled by the ratio. */
export function byValue(current: number, ready: number, value: number, target: number, tolerances: Tolerances): number {
  const ratio = value / target
  if (current === 0) return Math.ceil(ratio)
  return isWithin(ratio, tolerances) ? current : Math.ceil(ratio * ready)
}

/** A value of the whole against one for each pod. */
export function byValuePerPod(current: number, value: number, target: number, tolerances: Tolerances): number {
  if (current > 0 && isWithin(value / (target * current), tolerances)) return current
  return Math.ceil(value / target)
}
