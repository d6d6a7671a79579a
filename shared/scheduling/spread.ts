// Topology spread constraints: the hard ones as a filter, the soft ones (or the cluster's own) as a score.
import type { Pod, TopologySpreadConstraint } from '../api/core/v1.ts'
import type { LabelSelector } from '../apimachinery/types.ts'
import { isEmptySelector, matches } from '../controllers/selectors.ts'
import type { Filter, Rejection } from './filters.ts'
import { matchesNodeAffinity, untoleratedTaint } from './node-affinity.ts'
import { type PodInfo, withLabelKeys } from './pod-info.ts'
import { type NodeInfo, type Snapshot, topologyValue } from './snapshot.ts'

const HOSTNAME = 'kubernetes.io/hostname'

const SKEWED: Rejection = { reasons: ["node(s) didn't match pod topology spread constraints"], resolvable: true }
const UNLABELLED: Rejection = {
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  resolvable: false,
}

interface Constraint {
  readonly key: string
  readonly maxSkew: number
  readonly minDomains: number
  readonly selector: LabelSelector | undefined
  /** Whether the pods of a node count at all. */
  readonly counts: (node: NodeInfo) => boolean
  /** Says the same for constraints that count the same pods on the same nodes. */
  readonly id: string
}

function constraintsOf(pod: Pod, list: readonly TopologySpreadConstraint[], requireAll: boolean): Constraint[] {
  const keys = list.map(({ topologyKey }) => topologyKey)
  const { nodeSelector, affinity, tolerations } = pod.spec
  return list.map(constraint => {
    const { topologyKey: key, maxSkew, minDomains = 1, nodeAffinityPolicy = 'Honor', nodeTaintsPolicy = 'Ignore' } = constraint
    const selector = withLabelKeys(pod, constraint.labelSelector, constraint.matchLabelKeys)
    const honorsAffinity = nodeAffinityPolicy === 'Honor'
    const honorsTaints = nodeTaintsPolicy === 'Honor'
    return {
      key,
      maxSkew,
      minDomains,
      selector,
      counts: node =>
        (!requireAll || keys.every(required => topologyValue(node, required) !== undefined)) &&
        (!honorsAffinity || matchesNodeAffinity(pod, node.node)) &&
        (!honorsTaints || untoleratedTaint(tolerations, node.node.spec?.taints) === undefined),
      id: JSON.stringify([
        pod.metadata.namespace,
        key,
        selector,
        requireAll && keys,
        honorsAffinity && [nodeSelector, affinity?.nodeAffinity],
        honorsTaints && [tolerations ?? []],
      ]),
    }
  })
}

/**
 * How many of the pods that the constraint is about each domain has; domains without any are not in it. A selector that would take
 * every pod counts none.
 */
function matching(constraint: Constraint, pod: Pod, snapshot: Snapshot, perNode = false): ReadonlyMap<string, number> {
  const { namespace } = pod.metadata
  return snapshot.counter(`spread${perNode ? '-node' : ''}|${constraint.id}`, () => ({
    matches: ({ pod: other }) =>
      other.metadata.namespace === namespace &&
      other.metadata.deletionTimestamp === undefined &&
      !isEmptySelector(constraint.selector) &&
      matches(constraint.selector, other.metadata.labels),
    place: node => (perNode ? node.name : constraint.counts(node) ? topologyValue(node, constraint.key) : undefined),
    weight: 1,
  }))
}

const domainSets = new WeakMap<Snapshot, Map<string, ReadonlySet<string>>>()

/** The domains that count, those without matching pods too. They do not change in a pass. */
function domains(constraint: Constraint, snapshot: Snapshot): ReadonlySet<string> {
  let sets = domainSets.get(snapshot)
  if (sets === undefined) {
    sets = new Map()
    domainSets.set(snapshot, sets)
  }
  let set = sets.get(constraint.id)
  if (set === undefined) {
    set = new Set(
      snapshot.nodes
        .filter(constraint.counts)
        .map(node => topologyValue(node, constraint.key))
        .filter(value => value !== undefined),
    )
    sets.set(constraint.id, set)
  }
  return set
}

export function spreadFilter({ pod }: PodInfo, snapshot: Snapshot): Filter | undefined {
  const hard = pod.spec.topologySpreadConstraints?.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule') ?? []
  if (hard.length === 0) return undefined
  const checks = constraintsOf(pod, hard, true).map(constraint => {
    const counts = matching(constraint, pod, snapshot)
    const values = domains(constraint, snapshot)
    // Recomputed when pods are put or taken (preemption tries that with one filter).
    let generation = -1
    let least = 0
    const self = matches(constraint.selector, pod.metadata.labels) ? 1 : 0
    return (node: NodeInfo): Rejection | undefined => {
      const value = topologyValue(node, constraint.key)
      if (value === undefined) return UNLABELLED
      if (generation !== snapshot.generation) {
        generation = snapshot.generation
        least = values.size < constraint.minDomains ? 0 : Math.min(...[...values].map(domain => counts.get(domain) ?? 0))
        if (!Number.isFinite(least)) least = 0
      }
      return (counts.get(value) ?? 0) + self - least > constraint.maxSkew ? SKEWED : undefined
    }
  })
  return node => {
    for (const check of checks) {
      const rejection = check(node)
      if (rejection !== undefined) return rejection
    }
    return undefined
  }
}

/** What spreads pods that say nothing about it. */
const DEFAULTS: readonly Omit<TopologySpreadConstraint, 'labelSelector'>[] = [
  { maxSkew: 3, topologyKey: HOSTNAME, whenUnsatisfiable: 'ScheduleAnyway' },
  { maxSkew: 5, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
]

/**
 * 0 to 100 for each node: fewer matching pods are better.
 * @param siblings what selects the pods of the same service or workload, for pods without constraints of their own
 */
export function spreadScores(
  { pod }: PodInfo,
  snapshot: Snapshot,
  nodes: readonly NodeInfo[],
  siblings: LabelSelector | undefined,
): number[] | undefined {
  const own = pod.spec.topologySpreadConstraints ?? []
  const soft = own.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway')
  const list =
    own.length > 0 ? soft : siblings === undefined ? [] : DEFAULTS.map(constraint => ({ ...constraint, labelSelector: siblings }))
  if (list.length === 0) return undefined
  const requireAll = own.length > 0
  const constraints = constraintsOf(pod, list, requireAll)
  const ignored = nodes.map(node => requireAll && constraints.some(({ key }) => topologyValue(node, key) === undefined))
  const scores = nodes.map(() => 0)
  for (const constraint of constraints) {
    const isHost = constraint.key === HOSTNAME
    const counts = matching(constraint, pod, snapshot, isHost)
    const eligible = nodes.filter((_, i) => !ignored[i])
    // Nodes without the label, where they take part at all, are one more domain.
    const values = isHost ? eligible.length : new Set(eligible.map(node => topologyValue(node, constraint.key))).size
    const weight = Math.log(values + 2)
    nodes.forEach((node, i) => {
      const value = topologyValue(node, constraint.key)
      if (ignored[i] || value === undefined) return
      scores[i]! += (counts.get(isHost ? node.name : value) ?? 0) * weight + (constraint.maxSkew - 1)
    })
  }
  const counted = scores.map(Math.round).filter((_, i) => !ignored[i])
  const most = Math.max(0, ...counted)
  const least = counted.length === 0 ? 0 : Math.min(...counted)
  return scores.map((score, i) => (ignored[i] ? 0 : most === 0 ? 100 : Math.floor((100 * (most + least - Math.round(score))) / most)))
}
