// Affinity and anti-affinity between pods, in both directions: what the pod wants of others, and what those that run want of it.
import type { Filter, Rejection } from './filters.ts'
import type { PodInfo, Term } from './pod-info.ts'
import { type NodeInfo, type OwnTermKind, type Snapshot, topologyValue } from './snapshot.ts'

const LONELY: Rejection = { reasons: ["node(s) didn't match pod affinity rules"], resolvable: false }
const CROWDED: Rejection = { reasons: ["node(s) didn't match pod anti-affinity rules"], resolvable: true }
const UNWANTED: Rejection = { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"], resolvable: true }

/** Required affinity of those that are there counts a little for those that come. */
const HARD_AFFINITY_WEIGHT = 1

function counter(snapshot: Snapshot, term: Term, id: string, matches: (info: PodInfo) => boolean): ReadonlyMap<string, number> {
  return snapshot.counter(`${id}|${term.topologyKey}`, () => ({ matches, place: node => topologyValue(node, term.topologyKey), weight: 1 }))
}

export function interPodFilter(info: PodInfo, snapshot: Snapshot): Filter | undefined {
  const checks: Filter[] = []
  const { requiredAffinity, requiredAntiAffinity, pod } = info
  const { namespaceLabels } = snapshot
  if (requiredAffinity.length > 0) {
    // A pod is good company only if it matches every term.
    const all = requiredAffinity.map(({ id }) => id).join('&')
    const matchesAll = (other: PodInfo) => requiredAffinity.every(term => term.matches(other.pod, namespaceLabels))
    const places = requiredAffinity.map(term => ({ term, counts: counter(snapshot, term, `affinity|${all}`, matchesAll) }))
    const first = matchesAll(info)
    checks.push(node => {
      let satisfied = true
      for (const { term, counts } of places) {
        const value = topologyValue(node, term.topologyKey)
        if (value === undefined) return LONELY
        if (!counts.has(value)) satisfied = false
      }
      // The first of pods that want each other may go anywhere.
      return satisfied || (first && places.every(({ counts }) => counts.size === 0)) ? undefined : LONELY
    })
  }
  if (requiredAntiAffinity.length > 0) {
    const places = requiredAntiAffinity.map(term => ({
      term,
      counts: counter(snapshot, term, `anti-affinity|${term.id}`, other => term.matches(other.pod, namespaceLabels)),
    }))
    checks.push(node => (places.some(({ term, counts }) => counts.has(topologyValue(node, term.topologyKey) ?? '')) ? CROWDED : undefined))
  }
  const objections = [...snapshot.ownTerms('requiredAntiAffinity')].filter(({ term }) => term.matches(pod, namespaceLabels))
  if (objections.length > 0) {
    checks.push(node =>
      objections.some(({ term, counts }) => counts.has(topologyValue(node, term.topologyKey) ?? '')) ? UNWANTED : undefined,
    )
  }
  if (checks.length === 0) return undefined
  return node => {
    for (const check of checks) {
      const rejection = check(node)
      if (rejection !== undefined) return rejection
    }
    return undefined
  }
}

/** 0 to 100 for each node, or nothing when nobody has preferences. */
export function interPodScores(info: PodInfo, snapshot: Snapshot, nodes: readonly NodeInfo[]): number[] | undefined {
  const { namespaceLabels } = snapshot
  const wishes: { readonly term: Term; readonly counts: ReadonlyMap<string, number>; readonly weight: number }[] = []
  const want = (terms: readonly Term[], sign: 1 | -1) => {
    for (const term of terms) {
      const counts = counter(snapshot, term, `preferred|${term.id}`, other => term.matches(other.pod, namespaceLabels))
      wishes.push({ term, counts, weight: sign * term.weight })
    }
  }
  want(info.preferredAffinity, 1)
  want(info.preferredAntiAffinity, -1)
  const wanted = (kind: OwnTermKind, weight: (term: Term) => number) => {
    for (const { term, counts } of snapshot.ownTerms(kind)) {
      if (counts.size > 0 && term.matches(info.pod, namespaceLabels)) wishes.push({ term, counts, weight: weight(term) })
    }
  }
  wanted('requiredAffinity', () => HARD_AFFINITY_WEIGHT)
  wanted('preferredAffinity', term => term.weight)
  wanted('preferredAntiAffinity', term => -term.weight)
  if (wishes.length === 0) return undefined

  const scores = nodes.map(node =>
    wishes.reduce((sum, { term, counts, weight }) => sum + (counts.get(topologyValue(node, term.topologyKey) ?? '') ?? 0) * weight, 0),
  )
  const least = Math.min(...scores)
  const range = Math.max(...scores) - least
  return scores.map(score => (range === 0 ? 0 : Math.floor(100 * ((score - least) / range))))
}
