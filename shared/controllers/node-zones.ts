// When the pods of nodes that are not ready are told to leave: one node after the other in each zone, slower when much of a zone is not
// ready, and not at all when nothing is, for then it is more likely that nobody can be heard than that everybody is gone. Pure.
import type { Node, Taint } from '../api/core/v1.ts'
import { EVICTION_DELAY_MS, evictionTaint, hasEvictionTaint, isEvictionTaint, readiness } from './node-health.ts'
import { earliest, parseTime } from './time.ts'

/** One node in so long (upstream's --node-eviction-rate of 0.1 a second). */
const INTERVAL_MS = 10_000
/** In a large zone of which much is not ready (--secondary-node-eviction-rate). */
const SLOW_INTERVAL_MS = 100_000
const LARGE_ZONE = 50
/** So much of a zone (--unhealthy-zone-threshold), and more than two nodes: something is wrong with the zone. */
const UNHEALTHY_SHARE = 0.55
const EXCLUDED = 'node.kubernetes.io/exclude-disruption'

/** Region and zone, empty where the node says nothing. */
export const zoneOf = ({ metadata: { labels = {} } }: Node): string => {
  const label = (name: string) => labels[`topology.kubernetes.io/${name}`] ?? labels[`failure-domain.beta.kubernetes.io/${name}`] ?? ''
  return `${label('region')} ${label('zone')}`
}

type State = 'normal' | 'partial' | 'full'

function stateOf(nodes: readonly Node[]): State {
  const ready = nodes.filter(node => readiness(node) === 'True').length
  const rest = nodes.length - ready
  if (ready === 0 && rest > 0) return 'full'
  return rest > 2 && rest / nodes.length >= UNHEALTHY_SHARE ? 'partial' : 'normal'
}

/** How long a zone waits between two nodes; undefined: nobody has to leave it now. */
function intervalOf(state: State, size: number): number | undefined {
  if (state !== 'partial') return INTERVAL_MS
  return size > LARGE_ZONE ? SLOW_INTERVAL_MS : undefined
}

export interface ZonePlan {
  /** Nodes that get the taint that evicts. */
  readonly taint: readonly Node[]
  /** Nodes that lose it again, because all zones are down. */
  readonly spare: readonly Node[]
  /** When to look again if nothing changes (ms since the epoch). */
  readonly next?: number
}

export function planEvictions(nodes: readonly Node[], now: number): ZonePlan {
  const zones = Map.groupBy(nodes, zoneOf)
  const states = new Map(
    [...zones].flatMap(([zone, members]): [string, State][] => {
      const counted = members.filter(({ metadata }) => metadata.labels?.[EXCLUDED] === undefined)
      return counted.length === 0 ? [] : [[zone, stateOf(counted)]]
    }),
  )
  if (states.size > 0 && [...states.values()].every(state => state === 'full')) {
    return { taint: [], spare: nodes.filter(({ spec }) => spec?.taints?.some(isEvictionTaint)) }
  }
  const taint: Node[] = []
  let next: number | undefined
  for (const [zone, members] of zones) {
    const interval = intervalOf(states.get(zone) ?? 'normal', members.length)
    const waiting = members.filter(node => outSince(node) > 0 && !hasEvictionTaint(node))
    if (interval === undefined || waiting.length === 0) continue
    const [first, ...others] = waiting.sort((a, b) => outSince(a) - outSince(b))
    const due = Math.max(outSince(first!) + EVICTION_DELAY_MS, lastEviction(members) + interval)
    if (due > now) next = earliest(next, due)
    else {
      taint.push(first!)
      if (others.length > 0) next = earliest(next, now + interval)
    }
  }
  return { taint, spare: [], ...(next === undefined ? {} : { next }) }
}

const added = ({ timeAdded }: Taint): number => parseTime(timeAdded ?? '') || 0

/** Since when new pods are kept away from the node because it is not ready; 0 if they are not. */
function outSince(node: Node): number {
  const key = evictionTaint(node)
  const taint = node.spec?.taints?.find(other => other.key === key && other.effect === 'NoSchedule')
  return taint === undefined ? 0 : added(taint)
}

const lastEviction = (nodes: readonly Node[]): number =>
  Math.max(0, ...nodes.flatMap(({ spec }) => (spec?.taints ?? []).filter(isEvictionTaint).map(added)))
