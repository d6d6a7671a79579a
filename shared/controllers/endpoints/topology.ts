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

/** The share of each zone in all CPUs; why there is none otherwise. */
export function zoneShares(nodes: readonly Node[]): ReadonlyMap<string, number> | string {
  const cpus = new Map<string, number>()
  for (const { metadata, status } of nodes) {
    if (EXCLUDED.some(label => metadata.labels?.[label] !== undefined)) continue
    if (findCondition(status?.conditions, 'Ready')?.status !== 'True') continue
    const zone = metadata.labels?.[ZONE]
    const cpu = amount('cpu', status?.allocatable?.cpu ?? '0')
    if (!zone || cpu === 0) return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu)
  }
  if (cpus.size < 2) return 'Nodes only ready in one zone'
  const total = [...cpus.values()].reduce((sum, cpu) => sum + cpu, 0)
  return new Map([...cpus].map(([zone, cpu]) => [zone, cpu / total]))
}

/** The zone for which each ready endpoint is meant, in their order; or why there are no hints. */
export function allocate(endpoints: readonly Endpoint[], shares: ReadonlyMap<string, number> | string): readonly string[] | string {
  if (typeof shares === 'string') return shares
  const count = endpoints.length
  if (shares.size > count) return `Insufficient number of endpoints (${count}), impossible to safely allocate proportionally`
  if (endpoints.some(({ zone }) => zone === undefined || !shares.has(zone))) return 'One or more endpoints do not have a zone specified'
  const least = new Map([...shares].map(([zone, share]) => [zone, Math.ceil((share * count) / (1 + OVERLOAD))]))
  if ([...least.values()].reduce((sum, n) => sum + n, 0) > count) return 'Minimum allocation for all zones exceeds the number of endpoints'
  const zones = endpoints.map(({ zone }) => zone!)
  const have = new Map<string, number>()
  for (const zone of zones) have.set(zone, (have.get(zone) ?? 0) + 1)
  for (const [zone, wanted] of least) {
    while ((have.get(zone) ?? 0) < wanted) {
      // From the zone that has most above its share.
      const spare = (other: string) => (have.get(other) ?? 0) - shares.get(other)! * count
      const [giver] = [...shares.keys()].sort((a, b) => spare(b) - spare(a))
      const moved = zones.indexOf(giver!)
      if (moved < 0 || giver === zone) break
      zones[moved] = zone
      have.set(giver!, have.get(giver!)! - 1)
      have.set(zone, (have.get(zone) ?? 0) + 1)
    }
  }
  return zones
}
