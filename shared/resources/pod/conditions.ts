// Conditions of a pod as the API itself sets them (pkg/api/pod, UpdatePodCondition).
import type { PodCondition, PodStatus } from '../../api/core/v1.ts'

/** In place; the time of the last transition stays while the status does. */
export function setCondition(status: PodStatus, condition: PodCondition, now: string): void {
  const list = [...(status.conditions ?? [])]
  const i = list.findIndex(other => other.type === condition.type)
  const old = list[i]
  const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : now
  const merged = { ...condition, lastTransitionTime }
  if (i < 0) list.push(merged)
  else list[i] = merged
  status.conditions = list
}
