// What the conditions of a node say about it, as taints, and what silence says. Pure.
import type { Node, NodeCondition, Taint } from '../api/core/v1.ts'
import { findCondition } from './conditions.ts'
import { parseTime, timestamp } from './time.ts'

export const NOT_READY = 'node.kubernetes.io/not-ready'
export const UNREACHABLE = 'node.kubernetes.io/unreachable'
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable'

/** Without a sign of life for so long a node's state is not known. */
const GRACE_MS = 50_000
/** A node that never said anything gets a little more. */
const STARTUP_GRACE_MS = 60_000
/** Pods are evicted only from nodes that stay not ready: a short disturbance costs none. */
export const EVICTION_DELAY_MS = 5_000

/** Condition, and its status that is bad, by taint. */
const PRESSURES: readonly (readonly [taint: string, condition: string])[] = [
  ['node.kubernetes.io/memory-pressure', 'MemoryPressure'],
  ['node.kubernetes.io/disk-pressure', 'DiskPressure'],
  ['node.kubernetes.io/pid-pressure', 'PIDPressure'],
  ['node.kubernetes.io/network-unavailable', 'NetworkUnavailable'],
]

const OURS = new Set([NOT_READY, UNREACHABLE, UNSCHEDULABLE, ...PRESSURES.map(([taint]) => taint)])

export const readiness = (node: Node): string | undefined => findCondition(node.status?.conditions, 'Ready')?.status

/** The key of the taint that a node's Ready condition asks for. */
export function evictionTaint(node: Node): string | undefined {
  const status = readiness(node)
  return status === 'False' ? NOT_READY : status === 'Unknown' ? UNREACHABLE : undefined
}

/** One by which the pods of a node that is not ready have to leave it. */
export const isEvictionTaint = ({ key, effect }: Taint): boolean => effect === 'NoExecute' && (key === NOT_READY || key === UNREACHABLE)

export const hasEvictionTaint = ({ spec }: Node): boolean => spec?.taints?.some(isEvictionTaint) ?? false

/** When a node that stays silent is given up (ms since the epoch). */
export const silentAt = (node: Node, renewTime: string | undefined): number =>
  lastSeen(node, renewTime) + (readiness(node) === undefined ? STARTUP_GRACE_MS : GRACE_MS)

/**
 * The taints that the node should have, others than ours untouched. Whether its pods have to leave is not decided here (node-zones.ts): a
 * node that has one of those taints gets the one that says why today.
 */
export function wantedTaints(node: Node, now: number): readonly Taint[] {
  const current = node.spec?.taints ?? []
  const wanted: Taint[] = []
  const want = (key: string, effect: string) => {
    const there = current.find(taint => taint.key === key && taint.effect === effect)
    wanted.push(there ?? { key, effect, timeAdded: timestamp(now) })
  }
  const bad = evictionTaint(node)
  if (bad !== undefined) {
    want(bad, 'NoSchedule')
    if (hasEvictionTaint(node)) want(bad, 'NoExecute')
  }
  for (const [taint, condition] of PRESSURES) {
    if (findCondition(node.status?.conditions, condition)?.status === 'True') want(taint, 'NoSchedule')
  }
  if (node.spec?.unschedulable) want(UNSCHEDULABLE, 'NoSchedule')
  const isOurs = (taint: Taint) => (OURS.has(taint.key) && taint.effect === 'NoSchedule') || isEvictionTaint(taint)
  const kept = current.filter(taint => !isOurs(taint) || wanted.includes(taint))
  return [...kept, ...wanted.filter(taint => !kept.includes(taint))]
}

/** The node's last sign of life (ms since the epoch): a heartbeat in its conditions, its lease, or its creation. */
function lastSeen(node: Node, renewTime: string | undefined): number {
  const heartbeats = (node.status?.conditions ?? []).map(({ lastHeartbeatTime }) => parseTime(lastHeartbeatTime ?? '') || 0)
  return Math.max(parseTime(node.metadata.creationTimestamp ?? '') || 0, parseTime(renewTime ?? '') || 0, ...heartbeats)
}

const WATCHED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/** The conditions of a node that is silent: nobody knows. */
export function unknownConditions(node: Node, now: number): NodeCondition[] {
  const time = timestamp(now)
  const conditions = node.status?.conditions ?? []
  const changed = conditions.map(condition =>
    WATCHED.includes(condition.type) && condition.status !== 'Unknown'
      ? {
          ...condition,
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastTransitionTime: time,
        }
      : condition,
  )
  const missing = WATCHED.filter(type => findCondition(conditions, type) === undefined).map(type => ({
    type,
    status: 'Unknown',
    reason: 'NodeStatusNeverUpdated',
    message: 'Kubelet never posted node status.',
    lastHeartbeatTime: node.metadata.creationTimestamp,
    lastTransitionTime: time,
  }))
  return [...changed, ...missing]
}
