// Nodes with what runs on them, as of one scheduling pass. Pods are put on nodes as they are placed, so that the next pod sees them;
// preemption takes them off and puts them back to see what would help.

import type { Node, Pod } from '../api/core/v1.ts'
import { member } from '../apimachinery/objects.ts'
import { type NamespaceLabels, type PodInfo, podInfo, type Term } from './pod-info.ts'
import { type Amounts, addTo, amounts } from './resources.ts'

export interface NodeInfo {
  readonly name: string
  readonly node: Node
  /** Its place in snapshot.nodes. */
  readonly index: number
  readonly allocatable: Amounts
  readonly mostPods: number
  readonly requested: Map<string, number>
  readonly nominal: Map<string, number>
  readonly pods: Map<string, PodInfo>
}

/** Where pods that match something are: how many per value of a topology key, or per node. */
export interface Counter {
  readonly matches: (info: PodInfo) => boolean
  readonly place: (node: NodeInfo) => string | undefined
  /** Added for each match. */
  readonly weight: number
  readonly counts: Map<string, number>
}

interface OwnTerms {
  readonly term: Term
  /** Where the pods that have this term are. */
  readonly counts: Map<string, number>
}

/** The terms that pods on nodes have themselves, by what they do to others. */
export type OwnTermKind = 'requiredAffinity' | 'requiredAntiAffinity' | 'preferredAffinity' | 'preferredAntiAffinity'

const OWN_TERMS: readonly OwnTermKind[] = ['requiredAffinity', 'requiredAntiAffinity', 'preferredAffinity', 'preferredAntiAffinity']

export const topologyValue = ({ node }: NodeInfo, key: string): string | undefined => member(node.metadata.labels, key)

export class Snapshot {
  readonly nodes: readonly NodeInfo[]
  readonly namespaceLabels: NamespaceLabels
  readonly #byName: ReadonlyMap<string, NodeInfo>
  readonly #counters = new Map<string, Counter>()
  readonly #ownTerms: Readonly<Record<OwnTermKind, Map<string, OwnTerms>>> = {
    requiredAffinity: new Map(),
    requiredAntiAffinity: new Map(),
    preferredAffinity: new Map(),
    preferredAntiAffinity: new Map(),
  }
  /** Grows with every change: what was worked out at one generation holds as long as it stays. */
  generation = 0

  constructor(nodes: readonly Node[], pods: Iterable<Pod>, namespaceLabels: NamespaceLabels = () => undefined) {
    this.nodes = nodes.map((node, index) => {
      const allocatable = amounts(node.status?.allocatable)
      return {
        name: node.metadata.name,
        node,
        index,
        allocatable,
        mostPods: allocatable.get('pods') ?? 0,
        requested: new Map(),
        nominal: new Map(),
        pods: new Map(),
      }
    })
    this.#byName = new Map(this.nodes.map(node => [node.name, node]))
    this.namespaceLabels = namespaceLabels
    for (const pod of pods) {
      const node = this.#byName.get(pod.spec.nodeName ?? '')
      if (node !== undefined) this.put(podInfo(pod), node)
    }
  }

  node(name: string): NodeInfo | undefined {
    return this.#byName.get(name)
  }

  put(info: PodInfo, node: NodeInfo): void {
    node.pods.set(info.key, info)
    this.#count(info, node, 1)
  }

  take(info: PodInfo, node: NodeInfo): void {
    if (node.pods.delete(info.key)) this.#count(info, node, -1)
  }

  /** The counter of this id: made by a look at every pod the first time, kept up to date from then on. */
  counter(id: string, make: () => Omit<Counter, 'counts'>): ReadonlyMap<string, number> {
    let counter = this.#counters.get(id)
    if (counter === undefined) {
      counter = { ...make(), counts: new Map() }
      this.#counters.set(id, counter)
      for (const node of this.nodes) for (const info of node.pods.values()) bump(counter, info, node, 1)
    }
    return counter.counts
  }

  ownTerms(kind: OwnTermKind): Iterable<OwnTerms> {
    return this.#ownTerms[kind].values()
  }

  #count(info: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    this.generation++
    addTo(node.requested, info.requests, sign)
    addTo(node.nominal, info.nominal, sign)
    for (const counter of this.#counters.values()) bump(counter, info, node, sign)
    for (const kind of OWN_TERMS) {
      for (const term of info[kind]) {
        const value = topologyValue(node, term.topologyKey)
        if (value === undefined) continue
        let own = this.#ownTerms[kind].get(term.id)
        if (own === undefined) {
          own = { term, counts: new Map() }
          this.#ownTerms[kind].set(term.id, own)
        }
        add(own.counts, value, sign)
      }
    }
  }
}

function bump({ matches, place, weight, counts }: Counter, info: PodInfo, node: NodeInfo, sign: 1 | -1): void {
  const value = place(node)
  if (value !== undefined && matches(info)) add(counts, value, sign * weight)
}

function add(counts: Map<string, number>, value: string, by: number): void {
  const sum = (counts.get(value) ?? 0) + by
  if (sum === 0) counts.delete(value)
  else counts.set(value, sum)
}
