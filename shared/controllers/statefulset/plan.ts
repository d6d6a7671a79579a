// What is to be done next about the pods of a StatefulSet. Pure (k8s.io/kubernetes pkg/controller/statefulset, updateStatefulSet).
import type { StatefulSet } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { isAvailable, isFinished, isReady } from '../pods.ts'
import { firstOrdinal, hasIdentity, hasStorage, isWanted, ordinalOf, REVISION, replicasOf } from './identity.ts'

export type Step =
  | { readonly do: 'create'; readonly ordinal: number; readonly current: boolean }
  | { readonly do: 'delete'; readonly pod: Pod }
  /** Labels, volumes and claims of a pod that runs. */
  | { readonly do: 'repair'; readonly pod: Pod; readonly ordinal: number }
  /** The claims of a pod that waits for them: those that are missing, and whose they are. */
  | { readonly do: 'claims'; readonly pod: Pod; readonly ordinal: number }
  /** Whose the claims are of a pod that is one too many. */
  | { readonly do: 'leave'; readonly pod: Pod; readonly ordinal: number }

/**
 * The steps for each pod, in the order of pods. With ordered management one pod comes after the other; with parallel management they do
 * not wait for each other. A phase begins when the one before it went well.
 */
export type Phase = readonly (readonly Step[])[]

export interface Revisions {
  readonly current: string
  readonly update: string
}

export const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined
export const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isReady(pod)
export const isOrdered = (set: StatefulSet): boolean => set.spec?.podManagementPolicy !== 'Parallel'

export interface PlanInput {
  readonly set: StatefulSet
  readonly pods: readonly Pod[]
  readonly revisions: Revisions
  readonly now: number
  /** Whether the owners of the ordinal's claims are as the retention policy wants them. */
  claimsMatch(ordinal: number, pod: Pod): boolean
  /** Whether a claim of the ordinal still belongs to an earlier pod, and will go with it. */
  claimsAreStale(ordinal: number): boolean
}

interface Condemned {
  readonly pod: Pod
  readonly ordinal: number
}

/** The steps that may be taken at once: one with ordered management, as many as there are with parallel. */
export function plan(input: PlanInput): Phase[] {
  const { set, pods, revisions, now } = input
  const minReady = set.spec?.minReadySeconds ?? 0
  const replicas: (Pod | undefined)[] = Array.from({ length: replicasOf(set) })
  const condemned: Condemned[] = []
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod)
    if (ordinal === undefined) continue
    if (isWanted(set, ordinal)) replicas[ordinal - firstOrdinal(set)] = pod
    else condemned.push({ pod, ordinal })
  }
  condemned.sort((a, b) => b.ordinal - a.ordinal)
  const runs = (pod: Pod) => isRunningAndReady(pod) && isAvailable(pod, minReady, now)
  const healthy = (pod: Pod) => runs(pod) && !isTerminating(pod)

  const kept = keep(input, replicas, runs)
  if (kept.blocked) return [kept.phase]
  const policy = condemned.map(({ pod, ordinal }): Step[] => (input.claimsMatch(ordinal, pod) ? [] : [{ do: 'leave', pod, ordinal }]))
  const shrunk = shrink(set, replicas, condemned, runs, healthy)
  const phases = [kept.phase, policy, shrunk.phase]
  return shrunk.blocked ? phases : [...phases, [update(set, replicas, revisions, healthy)]]
}

interface Part {
  readonly phase: Phase
  /** What comes later has to wait for this. */
  readonly blocked: boolean
}

/** Pods that are wanted: made, made again, or put right. */
function keep(input: PlanInput, replicas: readonly (Pod | undefined)[], runs: (pod: Pod) => boolean): Part {
  const { set } = input
  const ordered = isOrdered(set)
  const phase: Step[][] = []
  for (const [i, pod] of replicas.entries()) {
    const ordinal = firstOrdinal(set) + i
    const steps: Step[] = []
    phase.push(steps)
    let blocked = true
    if (pod === undefined) {
      if (!input.claimsAreStale(ordinal)) steps.push({ do: 'create', ordinal, current: isCurrentNeeded(set, ordinal) })
    } else if (isFinished(pod)) {
      // Its successor comes once it is gone.
      if (!isTerminating(pod)) steps.push({ do: 'delete', pod })
    } else {
      const waits = pod.status?.phase === 'Pending'
      if (waits) steps.push({ do: 'claims', pod, ordinal })
      blocked = isTerminating(pod) || !runs(pod)
      const right = hasIdentity(pod) && hasStorage(set, pod, ordinal) && (waits || input.claimsMatch(ordinal, pod))
      if (!right && !(ordered && blocked)) steps.push({ do: 'repair', pod, ordinal })
    }
    if (ordered && blocked) return { phase, blocked }
  }
  return { phase, blocked: false }
}

/** Pods that are too many: the last one first, and while others are not well only the first of those that are not. */
function shrink(
  set: StatefulSet,
  replicas: readonly (Pod | undefined)[],
  condemned: readonly Condemned[],
  runs: (pod: Pod) => boolean,
  healthy: (pod: Pod) => boolean,
): Part {
  const ordered = isOrdered(set)
  const well = replicas.every(pod => pod !== undefined && healthy(pod))
  const firstUnhealthy = well ? condemned.findLast(({ pod }) => !healthy(pod))?.pod : undefined
  const phase: Step[][] = []
  for (const { pod } of condemned) {
    const waits = isTerminating(pod) || (ordered && !runs(pod) && pod !== firstUnhealthy)
    phase.push(waits ? [] : [{ do: 'delete', pod }])
    if (ordered) return { phase, blocked: true }
  }
  return { phase, blocked: false }
}

/** The last pod that is not of the new revision goes, once all after it are well. A partition counts pods, wherever ordinals start. */
function update(set: StatefulSet, replicas: readonly (Pod | undefined)[], revisions: Revisions, healthy: (pod: Pod) => boolean): Step[] {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {}
  if (type === 'OnDelete') return []
  for (let i = replicas.length - 1; i >= (rollingUpdate?.partition ?? 0); i--) {
    const pod = replicas[i]
    if (pod === undefined) return []
    if (pod.metadata.labels?.[REVISION] !== revisions.update && !isTerminating(pod)) return [{ do: 'delete', pod }]
    if (!healthy(pod)) return []
  }
  return []
}

/** Whether a new pod of this ordinal is still made from the current revision: those below the partition are. */
function isCurrentNeeded(set: StatefulSet, ordinal: number): boolean {
  const { type = 'RollingUpdate', rollingUpdate } = set.spec?.updateStrategy ?? {}
  return type === 'RollingUpdate' && ordinal < firstOrdinal(set) + (rollingUpdate?.partition ?? 0)
}
