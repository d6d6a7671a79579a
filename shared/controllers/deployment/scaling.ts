// How large each ReplicaSet of a Deployment should be. Pure: sizes in, sizes out.
import type { Deployment, ReplicaSet } from '../../api/apps/v1.ts'
import { isRolling, maxSurge, maxUnavailable, replicasOf } from './limits.ts'
import { annotationNumber, DESIRED_REPLICAS, MAX_REPLICAS, oldestFirst } from './revisions.ts'

/** ReplicaSets and the sizes they get, one after the other; those that are not in it stay as they are. */
export type Sizes = readonly (readonly [set: ReplicaSet, size: number])[]

/**
 * What there is of a ReplicaSet's pods at this moment. Its status may be older: going by it, a pod that is about to be deleted could be
 * counted on, and the limits be broken for a while.
 */
export interface PodCounts {
  /** Pods that neither ended nor were told to. */
  active(set: ReplicaSet): number
  /** Those of them that are available. */
  available(set: ReplicaSet): number
}

export const sizeOf = (set: ReplicaSet): number => set.spec.replicas ?? 1

/** Available pods that will be left when the ReplicaSet has its size. */
const staying = (counts: PodCounts, set: ReplicaSet): number => Math.min(counts.available(set), sizeOf(set))
/** Pods that are there or will be. */
const present = (counts: PodCounts, set: ReplicaSet): number => Math.max(counts.active(set), sizeOf(set))

const sum = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number => sets.reduce((total, set) => total + of(set), 0)
export const totalSize = (sets: readonly ReplicaSet[]): number => sum(sets, sizeOf)

const active = (sets: readonly ReplicaSet[]): ReplicaSet[] => sets.filter(set => sizeOf(set) > 0)

const only = (set: ReplicaSet, size: number): Sizes => (sizeOf(set) === size ? [] : [[set, size]])

/** The size at which a new ReplicaSet may be now, given all ReplicaSets (itself included). */
export function newSetSize(deployment: Deployment, all: readonly ReplicaSet[], current: number, counts: PodCounts): number {
  const replicas = replicasOf(deployment)
  if (!isRolling(deployment)) return replicas
  const room = replicas + maxSurge(deployment) - sum(all, set => present(counts, set))
  return room <= 0 ? current : current + Math.min(room, replicas - current)
}

/** One step of a rolling update: first the new ReplicaSet, and if that stays, the old ones. Neither breaks the limits. */
export function rollingStep(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[], counts: PodCounts): Sizes {
  const replicas = replicasOf(deployment)
  const size = sizeOf(fresh)
  const grown = size > replicas ? replicas : size < replicas ? newSetSize(deployment, [...old, fresh], size, counts) : size
  return grown !== size ? only(fresh, grown) : shrinkOld(deployment, fresh, active(old), counts)
}

function shrinkOld(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[], counts: PodCounts): Sizes {
  if (totalSize(old) === 0) return []
  const all = [...old, fresh]
  const minAvailable = replicasOf(deployment) - maxUnavailable(deployment)
  const freshUnavailable = sizeOf(fresh) - staying(counts, fresh)
  const most = totalSize(all) - minAvailable - freshUnavailable
  if (most <= 0) return []

  const sizes: [ReplicaSet, number][] = []
  const take = (set: ReplicaSet, wanted: number): number => {
    const size = sizes.findLast(([before]) => before === set)?.[1] ?? sizeOf(set)
    const taken = Math.max(0, Math.min(size, wanted))
    if (taken > 0) sizes.push([set, size - taken])
    return taken
  }
  // Old pods that are not available serve nobody: they go first, and cost no availability. Each of the two steps is told in an event.
  let given = 0
  for (const set of oldestFirst(old)) given += take(set, Math.min(most - given, sizeOf(set) - staying(counts, set)))
  let spare = sum(all, set => staying(counts, set)) - minAvailable
  for (const set of oldestFirst(old)) if (spare > 0) spare -= take(set, spare)
  return sizes
}

/** The ReplicaSet that alone follows a change of scale: the only active one, or the newest when none is. */
function activeOrLatest(fresh: ReplicaSet | undefined, old: readonly ReplicaSet[]): ReplicaSet | undefined {
  const candidates = active(fresh === undefined ? old : [...old, fresh])
  if (candidates.length > 1) return undefined
  return candidates[0] ?? fresh ?? oldestFirst(old).at(-1)
}

/** Whether the new ReplicaSet is all that is wanted, and serving. */
function isSaturated(deployment: Deployment, fresh: ReplicaSet | undefined): boolean {
  if (fresh === undefined) return false
  const replicas = replicasOf(deployment)
  return (
    sizeOf(fresh) === replicas && annotationNumber(fresh, DESIRED_REPLICAS) === replicas && fresh.status?.availableReplicas === replicas
  )
}

/**
 * Sizes after the Deployment's own scale changed (or while it is paused). In the middle of a rollout the change is shared out in
 * proportion to what the ReplicaSets have, so that a rollout that goes wrong does not get all of the new pods.
 */
export function scaleSizes(deployment: Deployment, fresh: ReplicaSet | undefined, old: readonly ReplicaSet[]): Sizes {
  const replicas = replicasOf(deployment)
  const single = activeOrLatest(fresh, old)
  if (single !== undefined) return only(single, replicas)
  if (isSaturated(deployment, fresh)) return active(old).map(set => [set, 0])
  if (!isRolling(deployment)) return []
  return proportional(deployment, active(fresh === undefined ? old : [...old, fresh]))
}

function proportional(deployment: Deployment, sets: readonly ReplicaSet[]): Sizes {
  const replicas = replicasOf(deployment)
  const allowed = replicas > 0 ? replicas + maxSurge(deployment) : 0
  const difference = allowed - totalSize(sets)
  // The largest first; of equals the newest takes what is added, the oldest gives what is taken.
  const seniority = oldestFirst(sets)
  if (difference > 0) seniority.reverse()
  const ordered = seniority.sort((a, b) => sizeOf(b) - sizeOf(a))
  let shared = 0
  const shares = ordered.map(set => {
    const share = difference === 0 ? 0 : shareOf(set, deployment, difference, shared)
    shared += share
    return share
  })
  // What rounding leaves is the largest one's.
  return ordered.map((set, i) => [set, i > 0 ? sizeOf(set) + shares[i]! : Math.max(0, sizeOf(set) + shares[i]! + difference - shared)])
}

function shareOf(set: ReplicaSet, deployment: Deployment, difference: number, shared: number): number {
  const size = sizeOf(set)
  if (size === 0 || difference === shared) return 0
  const left = difference - shared
  const fraction = fractionOf(set, deployment)
  return difference > 0 ? Math.min(fraction, left) : Math.max(fraction, left)
}

function fractionOf(set: ReplicaSet, deployment: Deployment): number {
  const replicas = replicasOf(deployment)
  const size = sizeOf(set)
  if (replicas === 0) return -size
  const before = annotationNumber(set, MAX_REPLICAS) || deployment.status?.replicas
  if (!before) return 0
  return Math.round((size * (replicas + maxSurge(deployment))) / before) - size
}

/** Whether a ReplicaSet was last sized for another scale than the Deployment's. */
export function isScaling(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return active(sets).some(set => {
    const desired = annotationNumber(set, DESIRED_REPLICAS)
    return desired !== undefined && desired !== replicasOf(deployment)
  })
}
