// What the conditions of a node say about it, as taints, and what silence says. Pure.
import type { Node, NodeCondition, Taint } from '../api/core/v1.ts'
import { findCondition } from './conditions.ts'
import { parseTime, timestamp } from './time.ts'

export const NOT_READY = 'node.kubernetes.io/not-ready'
export const UNREACHABLE = 'node.kubernetes.io/unreachable'
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable'

/** Without a sign of life for so long a node's state is not known. */
export const GRACE_MS = 50_000
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

/** The taint that a node's Ready condition asks for. */
function readyTaint(node: Node): string | undefined {
  const status = readiness(node)
  return status === 'False' ? NOT_READY : status === 'Unknown' ? UNREACHABLE : undefined
}

/** The taints that the node should have, others than ours untouched, and when they should be looked at again (ms since the epoch). */
export function wantedTaints(node: Node, now: number): { readonly taints: readonly Taint[]; readonly next?: number } {
  const current = node.spec?.taints ?? []
  const wanted: Taint[] = []
  const want = (key: string, effect: string): Taint => {
    const there = current.find(taint => taint.key === key && taint.effect === effect)
    const taint = there ?? { key, effect, timeAdded: timestamp(now) }
    wanted.push(taint)
    return taint
  }
  let next: number | undefined
  const bad = readyTaint(node)
  if (bad !== undefined) {
    const since = parseTime(want(bad, 'NoSchedule').timeAdded ?? '') || 0
    const due = since + EVICTION_DELAY_MS
    if (due <= now) want(bad, 'NoExecute')
    else next = due
  }
  for (const [taint, condition] of PRESSURES) {
    if (findCondition(node.status?.conditions, condition)?.status === 'True') want(taint, 'NoSchedule')
  }
  if (node.spec?.unschedulable) want(UNSCHEDULABLE, 'NoSchedule')
  const isOurs = ({ key, effect }: Taint) =>
    OURS.has(key) && (effect === 'NoSchedule' || (effect === 'NoExecute' && (key === NOT_READY || key === UNREACHABLE)))
  const kept = current.filter(taint => !isOurs(taint) || wanted.includes(taint))
  return { taints: [...kept, ...wanted.filter(taint => !kept.includes(taint))], next }
}

/** The node's last sign of life (ms since the epoch): a heartbeat in its conditions, its lease, or its creation. */
export function lastSeen(node: Node, renewTime: string | undefined): number {
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
