// The newer form: endpoints of one address family with the same ports, at most so many a slice. Pure.
import type { Node, Pod, Service } from '../../api/core/v1.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/v1.ts'
import { canonical, equal } from '../equality.ts'
import { isReady } from '../pods.ts'
import { addressesOf, type Family, familiesOf, familyOf, hostnameIn, serves, targetPort } from './pods.ts'

/** Endpoints that belong into slices with these ports. */
export interface SliceGroup {
  readonly addressType: string
  readonly ports: readonly EndpointPort[] | undefined
  readonly endpoints: readonly Endpoint[]
}

const ZONE = 'topology.kubernetes.io/zone'

/** @param hinted whether endpoints get the hints that spec.trafficDistribution asks for */
export function groupsOf(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
  hinted = true,
): { readonly groups: SliceGroup[]; readonly skipped: readonly Pod[] } {
  const distribution = hinted ? service.spec?.trafficDistribution : undefined
  const skipped: Pod[] = []
  const publish = service.spec?.publishNotReadyAddresses ?? false
  const groups = new Map<string, { addressType: Family; ports: EndpointPort[] | undefined; endpoints: Endpoint[] }>()
  for (const pod of pods) {
    if (!serves(pod, { terminating: true })) continue
    const node = nodeOf(pod.spec.nodeName ?? '')
    // Its zone is not known: better no endpoint than one that attracts traffic from afar.
    if (node === undefined && !publish) {
      skipped.push(pod)
      continue
    }
    for (const family of familiesOf(service)) {
      const addresses = addressesOf(pod).filter(address => familyOf(address) === family)
      if (addresses.length === 0) continue
      const ports = portsOf(service, pod)
      const key = canonical([family, ports ?? null])
      let group = groups.get(key)
      if (group === undefined) {
        group = { addressType: family, ports, endpoints: [] }
        groups.set(key, group)
      }
      group.endpoints.push(endpointOf(service, pod, addresses[0]!, node, publish, distribution))
    }
  }
  return { groups: [...groups.values()], skipped }
}

function portsOf({ spec }: Service, pod: Pod): EndpointPort[] | undefined {
  const ports: EndpointPort[] = []
  for (const servicePort of spec?.ports ?? []) {
    const port = targetPort(pod, servicePort)
    if (port === undefined) continue
    const { name = '', protocol = 'TCP', appProtocol } = servicePort
    ports.push({ name, protocol, port, ...(appProtocol === undefined ? {} : { appProtocol }) })
  }
  return ports.length === 0 ? undefined : ports.sort((a, b) => (canonical(a) < canonical(b) ? -1 : 1))
}

function endpointOf(
  service: Service,
  pod: Pod,
  address: string,
  node: Node | undefined,
  publish: boolean,
  distribution: string | undefined,
): Endpoint {
  const { namespace, name, uid, deletionTimestamp } = pod.metadata
  const serving = isReady(pod)
  const terminating = deletionTimestamp !== undefined
  const ready = publish || (serving && !terminating)
  const hostname = hostnameIn(service, pod)
  const zone = node?.metadata.labels?.[ZONE] || undefined
  const hints = ready ? hintsFor(distribution, zone, pod.spec.nodeName) : undefined
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone === undefined ? {} : { zone }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(hints === undefined ? {} : { hints }),
  }
}

function hintsFor(distribution: string | undefined, zone: string | undefined, node: string | undefined): Endpoint['hints'] {
  const forZones = zone === undefined ? undefined : [{ name: zone }]
  if (distribution === 'PreferClose' || distribution === 'PreferSameZone') return forZones === undefined ? undefined : { forZones }
  if (distribution === 'PreferSameNode' && node) return { ...(forZones === undefined ? {} : { forZones }), forNodes: [{ name: node }] }
  return undefined
}

/** What the slices of one owner must have beside endpoints. */
export interface SliceFrame {
  readonly labels: Record<string, string>
  readonly annotations?: Record<string, string>
}

export interface SlicePlan {
  readonly create: {
    readonly addressType: string
    readonly ports: readonly EndpointPort[] | undefined
    readonly endpoints: readonly Endpoint[]
  }[]
  readonly update: EndpointSlice[]
  readonly remove: EndpointSlice[]
}

const keyOf = (addressType: string, ports: readonly EndpointPort[] | undefined | null) =>
  canonical([addressType, ports?.length ? [...ports].sort((a, b) => (canonical(a) < canonical(b) ? -1 : 1)) : null])

const idOf = ({ addresses, targetRef }: Endpoint): string => `${addresses[0]} ${targetRef?.uid ?? ''}`

/**
 * The fewest writes that bring the slices to the wanted endpoints: those that stay, stay where they are; new ones fill slices that are
 * written anyway, the fullest first; what is left goes into one other slice if it has room for all of it, and into new slices
 * otherwise, for which such as would be deleted are taken.
 */
export function planSlices(existing: readonly EndpointSlice[], groups: readonly SliceGroup[], frame: SliceFrame, most: number): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], remove: [] }
  const byKey = Map.groupBy(existing, ({ addressType, ports }) => keyOf(addressType, ports))
  for (const group of groups) {
    const key = keyOf(group.addressType, group.ports)
    fill(byKey.get(key) ?? [], group, frame, most, plan)
    byKey.delete(key)
  }
  for (const slices of byKey.values()) plan.remove.push(...slices)
  for (let i = 0; i < plan.create.length; ) {
    const { addressType, endpoints, ports } = plan.create[i]!
    const reused = plan.remove.findIndex(slice => slice.addressType === addressType)
    if (reused < 0) {
      i++
      continue
    }
    plan.create.splice(i, 1)
    const [slice] = plan.remove.splice(reused, 1)
    plan.update.push(framed({ ...slice!, endpoints: [...endpoints], ports: ports === undefined ? undefined : [...ports] }, frame))
  }
  return plan
}

function fill(
  slices: readonly EndpointSlice[],
  { endpoints, addressType, ports }: SliceGroup,
  frame: SliceFrame,
  most: number,
  plan: SlicePlan,
): void {
  const wanted = new Map(endpoints.map(endpoint => [idOf(endpoint), endpoint]))
  const states = slices.map(slice => {
    const kept: Endpoint[] = []
    for (const endpoint of slice.endpoints ?? []) {
      const now = wanted.get(idOf(endpoint))
      if (now === undefined) continue
      wanted.delete(idOf(endpoint))
      kept.push(now)
    }
    const next = framed(slice, frame)
    const reframed = !equal(next.metadata.labels, slice.metadata.labels) || !sameNotes(next, slice)
    return { slice, kept, changed: !equal(kept, slice.endpoints ?? []), reframed }
  })
  const fresh = [...wanted.values()]
  const put = (state: (typeof states)[number]) => {
    const room = most - state.kept.length
    if (room <= 0 || fresh.length === 0) return
    state.kept.push(...fresh.splice(0, room))
    state.changed = true
  }
  const written = states.filter(({ kept, changed, reframed }) => kept.length > 0 && (changed || reframed))
  written.sort((a, b) => b.kept.length - a.kept.length).forEach(put)
  if (fresh.length < most) {
    const roomy = states.filter(({ kept, changed, reframed }) => !changed && !reframed && kept.length + fresh.length <= most)
    const [fullest] = roomy.sort((a, b) => b.kept.length - a.kept.length)
    if (fullest !== undefined) put(fullest)
  }
  while (fresh.length > 0) plan.create.push({ addressType, ports, endpoints: fresh.splice(0, most) })
  for (const { slice, kept, changed, reframed } of states) {
    if (kept.length === 0 && states.length + plan.create.length > 1 && endpoints.length > 0) plan.remove.push(slice)
    else if (changed || reframed) plan.update.push(framed(changed ? { ...slice, endpoints: kept } : slice, frame))
  }
}

/** The time of the last change is news only beside another one. */
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time'

function sameNotes(a: EndpointSlice, b: EndpointSlice): boolean {
  const notes = ({ metadata }: EndpointSlice) => ({ ...metadata.annotations, [TRIGGER_TIME]: undefined })
  return equal(notes(a), notes(b))
}

const framed = (slice: EndpointSlice, { labels, annotations }: SliceFrame): EndpointSlice => ({
  ...slice,
  metadata: { ...slice.metadata, labels, ...(annotations === undefined ? {} : { annotations }) },
})
