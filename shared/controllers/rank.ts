// Which pods go first when there are too many: those whose loss costs least (k8s.io/kubernetes pkg/controller, ActivePodsWithRanks).
import type { ContainerStatus, Pod } from '../api/core/v1.ts'
import { isReady, podCondition } from './pods.ts'
import { parseTime } from './time.ts'

export const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'

const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }

/**
 * The pods in the order in which they should be deleted.
 * @param related pods of the same owner's owner: of two pods, the one with more of these on its node goes first
 * @param now milliseconds since the epoch; how long a pod has been ready counts in powers of two
 */
export function deletionOrder(pods: readonly Pod[], related: readonly Pod[], now: number): Pod[] {
  const perNode = new Map<string, number>()
  for (const { spec } of related) {
    if (spec.nodeName !== undefined) perNode.set(spec.nodeName, (perNode.get(spec.nodeName) ?? 0) + 1)
  }
  const ranked = pods.map(pod => factsOf(pod, perNode))
  ranked.sort((a, b) => compare(a, b, now))
  return ranked.map(({ pod }) => pod)
}

interface Facts {
  readonly pod: Pod
  /** Compared one after another; smaller goes first. */
  readonly ranks: readonly number[]
  readonly readySince: number | undefined
  /** Most restarts of a container, and of a sidecar: the second decides between equals of the first. */
  readonly restarts: number
  readonly sidecarRestarts: number
  readonly created: number
}

function factsOf(pod: Pod, perNode: ReadonlyMap<string, number>): Facts {
  const ready = isReady(pod)
  const node = pod.spec.nodeName
  const sidecars = new Set(pod.spec.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name))
  return {
    pod,
    ranks: [
      node === undefined ? 0 : 1,
      PHASES[pod.status?.phase ?? 'Pending'] ?? 0,
      ready ? 1 : 0,
      deletionCost(pod),
      -(node === undefined ? 0 : (perNode.get(node) ?? 0)),
    ],
    readySince: ready ? readyTime(podCondition(pod, 'Ready')?.lastTransitionTime) : undefined,
    restarts: mostRestarts(pod.status?.containerStatuses),
    sidecarRestarts: mostRestarts(pod.status?.initContainerStatuses?.filter(({ name }) => sidecars.has(name))),
    created: parseTime(pod.metadata.creationTimestamp ?? '1970-01-01T00:00:00Z'),
  }
}

/** Ready since nobody knows when is younger than anything. */
const readyTime = (time: string | undefined): number => (time === undefined ? Number.POSITIVE_INFINITY : parseTime(time))

const mostRestarts = (statuses: readonly ContainerStatus[] = []): number =>
  Math.max(0, ...statuses.map(({ restartCount }) => restartCount ?? 0))

function compare(a: Facts, b: Facts, now: number): number {
  for (let i = 0; i < a.ranks.length; i++) {
    const difference = a.ranks[i]! - b.ranks[i]!
    if (difference !== 0) return difference
  }
  if (a.readySince !== undefined && b.readySince !== undefined && a.readySince !== b.readySince) {
    return younger(a, b, a.readySince, b.readySince, now)
  }
  if (a.restarts !== b.restarts) return b.restarts - a.restarts
  if (a.sidecarRestarts !== b.sidecarRestarts) return b.sidecarRestarts - a.sidecarRestarts
  return a.created === b.created ? 0 : younger(a, b, a.created, b.created, now)
}

/** The younger first; ages that are alike (same power of two) leave it to chance, which the UID stands for. */
function younger(a: Facts, b: Facts, timeA: number, timeB: number, now: number): number {
  const difference = magnitude(now - timeA) - magnitude(now - timeB)
  return difference !== 0 ? difference : a.pod.metadata.uid! < b.pod.metadata.uid! ? -1 : 1
}

/** Upstream takes the logarithm of nanoseconds. */
const magnitude = (milliseconds: number) => (milliseconds > 0 ? Math.floor(Math.log2(milliseconds * 1e6)) : -1)

export function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[DELETION_COST]
  const cost = text !== undefined && /^(-\d+|0|[1-9]\d*)$/.test(text) ? Number(text) : 0
  return Math.abs(cost) < 2 ** 31 ? cost : 0
}
