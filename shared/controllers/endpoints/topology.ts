// Topology-aware routing (the older annotation service.kubernetes.io/topology-mode: Auto): endpoints are shared out to zones in
// proportion to their CPUs, if that overloads nobody. Pure (k8s.io/endpointslice/topologycache).
import type { Node, Service } from '../../api/core/v1.ts'
import type { Endpoint } from '../../api/discovery/v1.ts'
import { amount } from '../../scheduling/resources.ts'
import { findCondition } from '../conditions.ts'

const ZONE = 'topology.kubernetes.io/zone'
const EXCLUDED = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master']
/** A zone may get so much more than its share. */
const OVERLOAD = 0.2

export function wantsTopologyHints({ metadata }: Service): boolean {
  const mode =
    metadata.annotations?.['service.kubernetes.io/topology-mode'] ?? metadata.annotations?.['service.kubernetes.io/topology-aware-hints']
  return mode === 'Auto' || mode === 'auto'
}

const TOO_LITTLE_KNOWN = 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'

/** The share of each zone in all CPUs; why there is none otherwise. */
export function zoneShares(nodes: readonly Node[]): ReadonlyMap<string, number> | string {
  const cpus = new Map<string, number>()
  for (const { metadata, status } of nodes) {
    if (EXCLUDED.some(label => metadata.labels?.[label] !== undefined)) continue
    if (findCondition(status?.conditions, 'Ready')?.status !== 'True') continue
    const zone = metadata.labels?.[ZONE]
    const cpu = amount('cpu', status?.allocatable?.cpu ?? '0')
    if (!zone || cpu === 0) return TOO_LITTLE_KNOWN
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu)
  }
  // Upstream has no other words for a single zone.
  if (cpus.size < 2) return TOO_LITTLE_KNOWN
  const total = [...cpus.values()].reduce((sum, cpu) => sum + cpu, 0)
  return new Map([...cpus].map(([zone, cpu]) => [zone, cpu / total]))
}

/** The zone for which each ready endpoint is meant, in their order; or why there are no hints. */
export function allocate(endpoints: readonly Endpoint[], shares: ReadonlyMap<string, number> | string): readonly string[] | string {
  if (typeof shares === 'string') return shares
  const count = endpoints.length
  const numbers = `(${count} endpoints, ${shares.size} zones)`
  if (shares.size > count) return `Insufficient number of endpoints ${numbers}`
  const wanted = new Map<string, number>()
  let least = 0
  for (const [zone, share] of shares) {
    const minimum = Math.ceil(share * count * (1 / (1 + OVERLOAD)))
    least += minimum
    wanted.set(zone, Math.max(share * count, minimum))
  }
  if (least > count) return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${numbers}`
  const zones = endpoints.map(({ zone }) => zone)
  if (!zones.every(zone => zone !== undefined)) return 'One or more endpoints do not have a zone specified'
  const { giving, receiving } = exchange(wanted, zones)
  // The first endpoints of a zone that has too many are for others.
  return zones.map(zone => {
    const [receiver] = receiving.keys()
    if (receiver === undefined || !giving.has(zone)) return zone
    lower(giving, zone)
    lower(receiving, receiver)
    return receiver
  })
}

/** How many endpoints each zone gives away or gets: in whole numbers, the largest differences first, halves at the least. */
function exchange(wanted: ReadonlyMap<string, number>, zones: readonly string[]) {
  const surplus = new Map([...wanted].map(([zone, amount]) => [zone, zones.filter(other => other === zone).length - amount]))
  const giving = new Map<string, number>()
  const receiving = new Map<string, number>()
  for (;;) {
    const [giver, give] = largest(surplus, 1)
    const [receiver, receive] = largest(surplus, -1)
    if (give < 0.5 || receive < 0.5 || (give < 1 && receive < 1)) return { giving, receiving }
    surplus.set(giver, surplus.get(giver)! - 1)
    surplus.set(receiver, surplus.get(receiver)! + 1)
    giving.set(giver, (giving.get(giver) ?? 0) + 1)
    receiving.set(receiver, (receiving.get(receiver) ?? 0) + 1)
  }
}

function largest(surplus: ReadonlyMap<string, number>, sign: 1 | -1): readonly [zone: string, amount: number] {
  let most: readonly [string, number] = ['', 0]
  for (const [zone, amount] of surplus) if (sign * amount > most[1]) most = [zone, sign * amount]
  return most
}

function lower(counts: Map<string, number>, zone: string): void {
  const left = counts.get(zone)! - 1
  if (left === 0) counts.delete(zone)
  else counts.set(zone, left)
}
