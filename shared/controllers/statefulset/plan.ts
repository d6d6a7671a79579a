// What is to be done next about the pods of a StatefulSet. Pure (k8s.io/kubernetes pkg/controller/statefulset, updateStatefulSet).
import type { StatefulSet } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { isAvailable, isFinished, isReady } from '../pods.ts'
import { firstOrdinal, hasIdentity, isWanted, ordinalOf, REVISION, replicasOf } from './identity.ts'

export type Step =
  | { readonly do: 'create'; readonly ordinal: number; readonly current: boolean }
  | { readonly do: 'delete'; readonly pod: Pod }
  /** Labels and claims of a pod that runs. */
  | { readonly do: 'repair'; readonly pod: Pod; readonly ordinal: number }
  /** The claims of a pod that waits for them. */
  | { readonly do: 'claims'; readonly ordinal: number }

export interface Revisions {
  readonly current: string
  readonly update: string
}

export const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined
export const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isReady(pod)

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

/** The steps that may be taken at once: one with ordered management, as many as there are with parallel. */
export function plan(input: PlanInput): Step[] {
  const { set, pods, revisions, now } = input
  const minReady = set.spec?.minReadySeconds ?? 0
  const ordered = set.spec?.podManagementPolicy !== 'Parallel'
  const first = firstOrdinal(set)
  const replicas: (Pod | undefined)[] = Array.from({ length: replicasOf(set) })
  const condemned: { readonly pod: Pod; readonly ordinal: number }[] = []
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod)
    if (ordinal === undefined) continue
    if (isWanted(set, ordinal)) replicas[ordinal - first] = pod
    else condemned.push({ pod, ordinal })
  }
  condemned.sort((a, b) => b.ordinal - a.ordinal)
  const runs = (pod: Pod) => isRunningAndReady(pod) && isAvailable(pod, minReady, now)
  const healthy = (pod: Pod) => runs(pod) && !isTerminating(pod)
  const firstUnhealthy =
    replicas.find(pod => pod === undefined || !healthy(pod)) ??
    (replicas.some(pod => pod === undefined) ? undefined : condemned.findLast(({ pod }) => !healthy(pod))?.pod)

  const steps: Step[] = []
  for (const [i, pod] of replicas.entries()) {
    const ordinal = first + i
    if (pod === undefined) {
      if (input.claimsAreStale(ordinal)) {
        if (ordered) return steps
        continue
      }
      steps.push({ do: 'create', ordinal, current: isCurrentNeeded(set, ordinal) })
      if (ordered) return steps
      continue
    }
    if (isFinished(pod)) {
      if (!isTerminating(pod)) steps.push({ do: 'delete', pod })
      // Its successor comes once it is gone.
      if (ordered) return steps
      continue
    }
    if (pod.status?.phase === 'Pending') steps.push({ do: 'claims', ordinal })
    if (ordered && (isTerminating(pod) || !runs(pod))) return steps
    if (!hasIdentity(pod, ordinal) || !input.claimsMatch(ordinal, pod)) steps.push({ do: 'repair', pod, ordinal })
  }
  for (const { pod, ordinal } of condemned) if (!input.claimsMatch(ordinal, pod)) steps.push({ do: 'repair', pod, ordinal })
  for (const { pod } of condemned) {
    if (isTerminating(pod)) {
      if (ordered) return steps
      continue
    }
    if (ordered && !runs(pod) && pod !== firstUnhealthy) return steps
    steps.push({ do: 'delete', pod })
    if (ordered) return steps
  }
  return [...steps, ...update(set, replicas, revisions, healthy)]
}

/** The last pod that is not of the new revision goes, once all after it are well. */
function update(set: StatefulSet, replicas: readonly (Pod | undefined)[], revisions: Revisions, healthy: (pod: Pod) => boolean): Step[] {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {}
  if (type === 'OnDelete') return []
  const least = Math.max(0, (rollingUpdate?.partition ?? 0) - firstOrdinal(set))
  for (let i = replicas.length - 1; i >= least; i--) {
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
