// One pass over all pods that wait for a node: the most important first, each seeing where those before it went. Pure.
import type { Pod } from '../api/core/v1.ts'
import type { PodDisruptionBudget } from '../api/policy/v1.ts'
import type { LabelSelector } from '../apimachinery/types.ts'
import { fnv32a } from '../controllers/hash.ts'
import { type ClaimsFound, type DeviceSource, deviceClaims, deviceFilter } from './device-claims.ts'
import { type Filter, filterOf, type Rejection, type StaticAnswers } from './filters.ts'
import { namedNodes } from './node-affinity.ts'
import { type PodInfo, podInfo } from './pod-info.ts'
import { NOT_HELPFUL, preempt } from './preemption.ts'
import { imageStates, type ScoreContext, scoreNodes } from './scores.ts'
import type { NodeInfo, Snapshot } from './snapshot.ts'
import { disksOf } from './volume-conflicts.ts'
import { type ClaimDecision, SELECTED_NODE, type Volumes } from './volumes.ts'

export type Decision =
  | { readonly pod: Pod; readonly kind: 'bind'; readonly node: string }
  /** The claims first; the pod is bound in a later pass, when they are. */
  | { readonly pod: Pod; readonly kind: 'claims'; readonly node: string; readonly claims: readonly ClaimDecision[] }
  /** Where it was nominated to stays noted if nothing was found out about other nodes. */
  | { readonly pod: Pod; readonly kind: 'fail'; readonly message: string; readonly keepsNomination?: boolean }
  | { readonly pod: Pod; readonly kind: 'preempt'; readonly message: string; readonly node: string; readonly victims: readonly Pod[] }
  /** It is waiting for victims to end, or for its claims (those of devices may have to be made yet); there is nothing new to say. */
  | { readonly pod: Pod; readonly kind: 'wait' }

export interface PassInput {
  readonly snapshot: Snapshot
  readonly volumes: Volumes
  readonly devices: DeviceSource
  readonly budgets: readonly PodDisruptionBudget[]
  siblings(info: PodInfo): LabelSelector | undefined
}

export function schedule(pending: readonly Pod[], input: PassInput): Decision[] {
  const pass = new Pass(input)
  return inOrder(pending).map(info => pass.place(info))
}

/** Higher priority first, then those for which room was made, then first come first served. */
function inOrder(pods: readonly Pod[]): PodInfo[] {
  const isNominated = ({ pod }: PodInfo): number => (pod.status?.nominatedNodeName ? 1 : 0)
  return pods.map(podInfo).sort((a, b) => {
    if (a.priority !== b.priority) return b.priority - a.priority
    if (isNominated(a) !== isNominated(b)) return isNominated(b) - isNominated(a)
    const [first, second] = [a.pod.metadata.creationTimestamp ?? '', b.pod.metadata.creationTimestamp ?? '']
    return first < second ? -1 : first > second ? 1 : 0
  })
}

const NO_CLAIMS = 'no new claims to deallocate'

class Pass {
  readonly #input: PassInput
  readonly #scores: ScoreContext
  readonly #static: StaticAnswers = new Map()
  /** Failures by what was asked for: the same question a moment later has the same answer. */
  readonly #failures = new Map<string, { readonly generation: number; readonly message: string }>()

  constructor(input: PassInput) {
    this.#input = input
    this.#scores = { snapshot: input.snapshot, siblings: input.siblings, images: imageStates(input.snapshot.nodes) }
  }

  place(info: PodInfo): Decision {
    const { pod } = info
    const { snapshot, volumes } = this.#input
    const devices = deviceClaims(pod, this.#input.devices)
    if (devices.kind === 'waits') return { pod, kind: 'wait' }
    if (snapshot.nodes.length === 0) return { pod, kind: 'fail', message: 'no nodes available to schedule pods' }
    const total = snapshot.nodes.length
    const blocker = namedNodes(pod)?.size === 0 ? 'pod affinity terms conflict' : volumes.blocker(info)
    // "not found" is what upstream makes of it that no plugin has looked at the pod's resource claims by then.
    if (blocker !== undefined) {
      return { pod, kind: 'fail', message: `0/${total} nodes are available: ${blocker}. not found`, keepsNomination: true }
    }

    if (devices.kind === 'blocked') return this.#blocked(info, devices.why)

    const question = questionOf(info)
    const known = this.#failures.get(question)
    if (known?.generation === snapshot.generation) return { pod, kind: 'fail', message: known.message }

    const fits = filterOf(info, snapshot, volumes, this.#static, deviceFilter(devices))
    const rejections: Rejection[] = []
    const feasible: NodeInfo[] = []
    for (const node of snapshot.nodes) {
      const rejection = fits(node)
      if (rejection === undefined) feasible.push(node)
      else rejections[node.index] = rejection
    }
    if (feasible.length > 0) return this.#put(info, this.#best(info, feasible))
    return this.#fail(info, fits, rejections, question, devices)
  }

  /** No node is looked at, and none would be better without some of its pods. */
  #blocked({ pod }: PodInfo, why: string): Decision {
    const total = this.#input.snapshot.nodes.length
    const isNever = pod.spec.preemptionPolicy === 'Never'
    const preemption = isNever ? 'not eligible due to preemptionPolicy=Never.' : `0/${total} nodes are available: ${total} ${NOT_HELPFUL}.`
    const message = `0/${total} nodes are available: ${why}. ${NO_CLAIMS}, preemption: ${preemption}`
    return { pod, kind: 'fail', message, keepsNomination: isNever }
  }

  #best(info: PodInfo, feasible: readonly NodeInfo[]): NodeInfo {
    const nominated = info.pod.status?.nominatedNodeName
    const kept = nominated === undefined ? undefined : feasible.find(({ name }) => name === nominated)
    if (kept !== undefined || feasible.length === 1) return kept ?? feasible[0]!
    const scores = scoreNodes(info, feasible, this.#scores)
    const most = Math.max(...scores)
    const equals = feasible.filter((_, i) => scores[i] === most)
    // Any will do: chance decides, the same way every time for one pod.
    return equals[fnv32a(info.pod.metadata.uid ?? info.key) % equals.length]!
  }

  #put(info: PodInfo, node: NodeInfo): Decision {
    const claims = this.#input.volumes.decide(info, node)
    this.#input.snapshot.put(info, node)
    const { pod } = info
    if (claims.length === 0) return { pod, kind: 'bind', node: node.name }
    return claims.every(isWritten(node.name)) ? { pod, kind: 'wait' } : { pod, kind: 'claims', node: node.name, claims }
  }

  #fail(info: PodInfo, fits: Filter, rejections: readonly Rejection[], question: string, { claims }: ClaimsFound): Decision {
    const { pod } = info
    const { snapshot, budgets } = this.#input
    const total = snapshot.nodes.length
    const why = `0/${total} nodes are available: ${tally(rejections.flatMap(({ reasons }) => reasons))}.`
    const after = (text: string) => {
      const message = `${why} ${claims.length === 0 ? NO_CLAIMS : 'still not schedulable'}, preemption: ${text}`
      // Pods that come may be company that it wants: then the answer may change.
      if (info.requiredAffinity.length === 0) this.#failures.set(question, { generation: snapshot.generation, message })
      return { pod, kind: 'fail', message } as const
    }
    if (pod.spec.preemptionPolicy === 'Never') return { ...after('not eligible due to preemptionPolicy=Never.'), keepsNomination: true }
    const nominated = snapshot.node(pod.status?.nominatedNodeName ?? '')
    if (nominated !== undefined && rejections[nominated.index]?.resolvable && isMakingRoom(nominated, info)) {
      // Its place is kept: for the others of this pass it is there already.
      snapshot.put(info, nominated)
      return { pod, kind: 'wait' }
    }
    const found = preempt(info, snapshot, fits, rejections, budgets)
    if ('reasons' in found) return after(`0/${total} nodes are available: ${tally(found.reasons)}.`)
    for (const victim of found.victims) snapshot.take(victim, found.node)
    snapshot.put(info, found.node)
    return { pod, kind: 'preempt', message: why, node: found.node.name, victims: found.victims.map(victim => victim.pod) }
  }
}

const isWritten =
  (node: string) =>
  ({ claim, volume }: ClaimDecision): boolean =>
    volume !== undefined ? volume.spec?.claimRef !== undefined : claim.metadata.annotations?.[SELECTED_NODE] === node

/** Whether a pod is on its way out there for the sake of a more important one. */
const isMakingRoom = (node: NodeInfo, { priority }: PodInfo): boolean =>
  [...node.pods.values()].some(other => other.priority < priority && isPreempted(other.pod))

const isPreempted = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined &&
  (status?.conditions?.some(c => c.type === 'DisruptionTarget' && c.status === 'True' && c.reason === PREEMPTED) ?? false)

/** Reason of the condition DisruptionTarget. */
export const PREEMPTED = 'PreemptionByScheduler'

/** "1 Insufficient cpu, 2 node(s) were unschedulable": each reason with its number, in the order of the texts. */
function tally(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts]
    .map(([reason, n]) => `${n} ${reason}`)
    .sort()
    .join(', ')
}

/** What decides whether and why a pod fails. Pods of one ReplicaSet ask the same. */
function questionOf({ pod, requests, priority, claims, hostPorts }: PodInfo): string {
  const { spec, metadata } = pod
  return JSON.stringify([
    metadata.namespace,
    metadata.labels,
    [...requests],
    priority,
    spec.nodeSelector,
    spec.affinity,
    spec.tolerations,
    spec.topologySpreadConstraints,
    claims,
    disksOf(pod),
    hostPorts,
    spec.preemptionPolicy,
    pod.status?.nominatedNodeName,
    spec.resourceClaims,
    pod.status?.resourceClaimStatuses,
  ])
}
