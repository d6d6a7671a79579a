// Which nodes can take a pod, and why the others cannot: the filters of the default profile, in its order and words.
import { interPodFilter } from './inter-pod.ts'
import { isTolerated, matchesNodeAffinity, namedNodes, UNSCHEDULABLE_TAINT, untoleratedTaint } from './node-affinity.ts'
import { type PodInfo, portsClash } from './pod-info.ts'
import type { NodeInfo, Snapshot } from './snapshot.ts'
import { spreadFilter } from './spread.ts'
import { diskFilter } from './volume-conflicts.ts'
import type { Volumes } from './volumes.ts'

/** Why a node cannot take a pod. */
export interface Rejection {
  readonly reasons: readonly string[]
  /** False when taking pods off the node could not help. */
  readonly resolvable: boolean
}

/** Undefined: the node can. */
export type Filter = (node: NodeInfo) => Rejection | undefined

const unresolvable = (reason: string): Rejection => ({ reasons: [reason], resolvable: false })
const resolvable = (reason: string): Rejection => ({ reasons: [reason], resolvable: true })

const CORDONED = unresolvable('node(s) were unschedulable')
const TAINTED = unresolvable('node(s) had untolerated taint(s)')
const NOT_SELECTED = unresolvable("node(s) didn't match Pod's node affinity/selector")
const NOT_NAMED = unresolvable("node(s) didn't satisfy plugin(s) [NodeAffinity]")
const PORTS_TAKEN = resolvable("node(s) didn't have free ports for the requested pod ports")

/** Rules about nodes alone. Pods of one kind share the answers of one pass. */
function staticFilter({ pod }: PodInfo): Filter {
  const { tolerations } = pod.spec
  const names = namedNodes(pod)
  const uncordoned = isTolerated(tolerations, UNSCHEDULABLE_TAINT)
  return ({ name, node }) => {
    if (names !== undefined && !names.has(name)) return NOT_NAMED
    if (node.spec?.unschedulable && !uncordoned) return CORDONED
    if (untoleratedTaint(tolerations, node.spec?.taints) !== undefined) return TAINTED
    return matchesNodeAffinity(pod, node) ? undefined : NOT_SELECTED
  }
}

function portFilter({ hostPorts }: PodInfo): Filter | undefined {
  if (hostPorts.length === 0) return undefined
  return node => {
    for (const other of node.pods.values()) {
      if (other.hostPorts.some(taken => hostPorts.some(wanted => portsClash(taken, wanted)))) return PORTS_TAKEN
    }
    return undefined
  }
}

function fitFilter({ requests }: PodInfo): Filter {
  const wanted = [...requests].filter(([, amount]) => amount > 0)
  return ({ allocatable, requested, mostPods, pods }) => {
    let reasons: string[] | undefined
    let helpful = true
    if (pods.size + 1 > mostPods) reasons = ['Too many pods']
    for (const [resource, amount] of wanted) {
      const most = allocatable.get(resource) ?? 0
      if (amount <= most - (requested.get(resource) ?? 0)) continue
      reasons ??= []
      reasons.push(`Insufficient ${resource}`)
      if (amount > most) helpful = false
    }
    return reasons === undefined ? undefined : { reasons, resolvable: helpful }
  }
}

/** Answers about nodes alone, by the shape of the pods that asked. */
export type StaticAnswers = Map<string, (Rejection | undefined)[]>

export function filterOf(info: PodInfo, snapshot: Snapshot, volumes: Volumes, answers: StaticAnswers, devices?: Filter): Filter {
  const { nodeSelector, affinity, tolerations } = info.pod.spec
  const shape = JSON.stringify([nodeSelector, affinity?.nodeAffinity, tolerations])
  let known = answers.get(shape)
  if (known === undefined) {
    known = snapshot.nodes.map(staticFilter(info))
    answers.set(shape, known)
  }
  const fixed = known
  const dynamic = [
    portFilter(info),
    fitFilter(info),
    diskFilter(info),
    volumes.filter(info, snapshot),
    spreadFilter(info, snapshot),
    interPodFilter(info, snapshot),
    devices,
  ].filter(filter => filter !== undefined)
  return node => {
    const rejected = fixed[node.index]
    if (rejected !== undefined) return rejected
    for (const filter of dynamic) {
      const rejection = filter(node)
      if (rejection !== undefined) return rejection
    }
    return undefined
  }
}
