// Which daemon pods are to be made, and which to go. Pure (k8s.io/kubernetes pkg/controller/daemon).
import type { DaemonSet, DaemonSetStatus } from '../../api/apps/v1.ts'
import type { Node, Pod } from '../../api/core/v1.ts'
import { scaled } from '../int-or-percent.ts'
import { isAvailable, isFinished, isReady } from '../pods.ts'
import { count } from '../status.ts'
import { eligibility, REVISION, TEMPLATE_GENERATION, targetNode, templateGeneration } from './placement.ts'

export interface DaemonView {
  readonly set: DaemonSet
  readonly nodes: readonly Node[]
  /** The set's pods by the node they are on or meant for. */
  readonly byNode: ReadonlyMap<string, readonly Pod[]>
  /** Hash of the current template. */
  readonly hash: string
  readonly now: number
}

export interface DaemonPlan {
  /** Names of nodes. */
  readonly create: string[]
  readonly remove: Pod[]
  /** Of those that go, the ones that have ended by themselves. */
  readonly ended: Pod[]
}

/** Pods by the node they are on or meant for. One that has ended and is going (a finalizer may hold it) is of no account any more. */
export function byTarget(pods: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>()
  for (const pod of pods) {
    if (isFinished(pod) && isGoing(pod)) continue
    const node = targetNode(pod)
    if (node === undefined) continue
    const list = byNode.get(node)
    if (list === undefined) byNode.set(node, [pod])
    else list.push(pod)
  }
  return byNode
}

const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined

/** Bound ones first, then the oldest. */
export function oldestFirst(pods: readonly Pod[]): Pod[] {
  const rank = ({ spec, metadata }: Pod) => `${spec.nodeName ? 0 : 1} ${metadata.creationTimestamp ?? ''} ${metadata.name}`
  return [...pods].sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
}

export function isUpdated({ set, hash }: DaemonView, { metadata }: Pod): boolean {
  const generation = templateGeneration(set)
  return metadata.labels?.[REVISION] === hash || (generation !== undefined && metadata.labels?.[TEMPLATE_GENERATION] === generation)
}

const surges = ({ set }: DaemonView): boolean => scaled(set.spec.updateStrategy?.rollingUpdate?.maxSurge, 100, 'up') > 0

/** One pod on every node that should have one, none where none may stay. */
export function manage(view: DaemonView): DaemonPlan {
  const plan: DaemonPlan = { create: [], remove: [], ended: [] }
  for (const node of view.nodes) {
    const { shouldRun, mayStay } = eligibility(view.set, node)
    const pods = view.byNode.get(node.metadata.name) ?? []
    if (pods.length === 0) {
      if (shouldRun) plan.create.push(node.metadata.name)
    } else if (!mayStay) plan.remove.push(...pods.filter(pod => !isGoing(pod)))
    else keepOne(view, node.metadata.name, pods, shouldRun, plan)
  }
  const known = new Set(view.nodes.map(({ metadata }) => metadata.name))
  for (const [node, pods] of view.byNode) {
    if (!known.has(node)) plan.remove.push(...pods.filter(pod => !pod.spec.nodeName && !isGoing(pod)))
  }
  return plan
}

function keepOne(view: DaemonView, node: string, pods: readonly Pod[], shouldRun: boolean, plan: DaemonPlan): void {
  const running: Pod[] = []
  for (const pod of pods) {
    if (isGoing(pod)) continue
    const phase = pod.status?.phase
    if (phase === 'Failed' || phase === 'Succeeded') {
      plan.remove.push(pod)
      plan.ended.push(pod)
    } else running.push(pod)
  }
  const ordered = oldestFirst(running)
  if (!surges(view)) {
    plan.remove.push(...ordered.slice(1))
    return
  }
  if (running.length <= 1) {
    // The old one is going, and the new one may come beside it.
    if (running.length === 0 && shouldRun) plan.create.push(node)
    return
  }
  const fresh = ordered.find(pod => isUpdated(view, pod))
  const old = ordered.find(pod => !isUpdated(view, pod))
  plan.remove.push(...ordered.filter(pod => pod !== fresh && pod !== old))
  if (fresh !== undefined && old !== undefined) {
    const minReady = view.set.spec.minReadySeconds ?? 0
    if (!isReady(old) || isAvailable(fresh, minReady, view.now)) plan.remove.push(old)
  }
}

/** The next step of a rolling update. */
export function roll(view: DaemonView): DaemonPlan {
  const { set, now } = view
  const minReady = set.spec.minReadySeconds ?? 0
  const wanted = new Set(view.nodes.filter(node => eligibility(set, node).shouldRun).map(({ metadata }) => metadata.name))
  const { maxSurge, maxUnavailable } = set.spec.updateStrategy?.rollingUpdate ?? {}
  const surge = scaled(maxSurge, wanted.size, 'up')
  const unavailable = scaled(maxUnavailable ?? 1, wanted.size, 'up') || (surge === 0 ? 1 : 0)
  const available = (pod: Pod) => isAvailable(pod, minReady, now)
  const states = new Map<string, NodeState>()
  for (const node of new Set([...view.byNode.keys(), ...wanted])) states.set(node, stateOf(view, view.byNode.get(node) ?? []))
  return surge === 0 ? replace(states, unavailable, available) : extend(states, surge, available, wanted)
}

interface NodeState {
  readonly fresh?: Pod
  readonly old?: Pod
  /** More of a kind than one: that is for `manage` to clear up. */
  readonly confused?: boolean
}

function stateOf(view: DaemonView, pods: readonly Pod[]): NodeState {
  const alive = pods.filter(pod => !isGoing(pod))
  const fresh = alive.filter(pod => isUpdated(view, pod))
  const old = alive.filter(pod => !isUpdated(view, pod))
  return { fresh: fresh[0], old: old[0], confused: fresh.length > 1 || old.length > 1 }
}

/** Old pods go as long as few enough are unavailable; those that serve nobody go in any case. */
function replace(states: ReadonlyMap<string, NodeState>, most: number, available: (pod: Pod) => boolean): DaemonPlan {
  let missing = 0
  const broken: Pod[] = []
  const candidates: Pod[] = []
  for (const { fresh, old, confused } of states.values()) {
    if (confused || (fresh === undefined) === (old === undefined)) missing++
    else if (fresh !== undefined) missing += available(fresh) ? 0 : 1
    else if (!available(old!)) {
      broken.push(old!)
      missing++
    } else candidates.push(old!)
  }
  return { create: [], remove: [...broken, ...candidates.slice(0, Math.max(0, most - missing))], ended: [] }
}

/**
 * New pods come beside the old ones; an old one goes when the new one is available. Where no new one is to come (the node is no longer
 * wanted, but the pod may stay) an old one that serves goes only when as many serve elsewhere as are wanted.
 */
function extend(
  states: ReadonlyMap<string, NodeState>,
  most: number,
  available: (pod: Pod) => boolean,
  wanted: ReadonlySet<string>,
): DaemonPlan {
  let surging = 0
  let serving = 0
  const remove: Pod[] = []
  const strays: Pod[] = []
  const broken: string[] = []
  const candidates: string[] = []
  for (const [node, { fresh, old, confused }] of states) {
    const one = old ?? fresh
    if (confused) surging++
    else if (one !== undefined && available(one)) serving++
    if (confused || old === undefined) continue
    if (fresh !== undefined) {
      if (available(fresh)) remove.push(old)
      else surging++
    } else if (wanted.has(node)) (available(old) ? candidates : broken).push(node)
    else (available(old) ? strays : remove).push(old)
  }
  remove.push(...strays.slice(0, Math.max(0, serving - wanted.size)))
  return { create: [...broken, ...candidates.slice(0, Math.max(0, most - surging))], remove, ended: [] }
}

export function daemonSetStatus(view: DaemonView): DaemonSetStatus {
  const { set, now, byNode } = view
  const minReady = set.spec.minReadySeconds ?? 0
  let [desired, current, ready, available, updated, misscheduled] = [0, 0, 0, 0, 0, 0]
  for (const node of view.nodes) {
    const pods = byNode.get(node.metadata.name) ?? []
    if (!eligibility(set, node).shouldRun) {
      if (pods.length > 0) misscheduled++
      continue
    }
    desired++
    const pod = oldestFirst(pods)[0]
    if (pod === undefined) continue
    current++
    if (isReady(pod)) ready++
    if (isAvailable(pod, minReady, now)) available++
    if (isUpdated(view, pod)) updated++
  }
  return {
    currentNumberScheduled: current,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: desired,
    numberReady: ready,
    observedGeneration: set.metadata.generation,
    updatedNumberScheduled: count(updated),
    numberAvailable: count(available),
    numberUnavailable: count(desired - available),
    collisionCount: set.status?.collisionCount,
    conditions: set.status?.conditions,
  }
}
