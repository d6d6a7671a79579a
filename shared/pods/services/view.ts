// A Service and its EndpointSlices as one pod may use them: what kube-proxy would program on the pod's node. Pure.
import { createHash } from 'node:crypto'
import type { Pod, Service } from '../../api/core/v1.ts'
import type { Endpoint, EndpointSlice } from '../../api/discovery/v1.ts'
import { isHeadless, isSelecting, targetPort } from '../../controllers/endpoints/pods.ts'
import { matchesLabels } from '../../controllers/selectors.ts'
import type { EndpointGroup, OwnPort, ServicePortView, ServiceView } from './protocol.ts'

/**
 * One agent balances over at most so many endpoints of a Service with an address, always the same ones while they are there: a Service of
 * thousands of pods would otherwise send each change of one to thousands of agents, with all the others.
 */
export const MOST_ENDPOINTS = 100

export interface Place {
  readonly nodeName?: string
  readonly zone?: string
}

type Protocol = ServicePortView['protocol']

/** SCTP is not balanced: Node has no sockets for it. */
const protocolOf = (protocol = 'TCP'): Protocol | undefined => (protocol === 'TCP' || protocol === 'UDP' ? protocol : undefined)

/** A view without what is one pod's alone. */
type SharedView = Omit<ServiceView, 'own'>

export function serviceView(service: Service, slices: readonly EndpointSlice[], pod: Pod, place: Place): ServiceView {
  return withOwn(sharedView(service, slices, pod, place), service, pod)
}

/** Whether all pods see the same of it, but for what it selects. */
export function isSharable({ spec }: Service, slices: readonly EndpointSlice[]): boolean {
  if (spec?.internalTrafficPolicy === 'Local') return false
  const all = slices.flatMap(({ endpoints = [] }) => endpoints)
  return all.length <= MOST_ENDPOINTS && all.every(({ hints }) => hints === undefined)
}

export function sharedView(service: Service, slices: readonly EndpointSlice[], pod: Pod, place: Place): SharedView {
  const { spec = {} } = service
  const headless = isHeadless(service)
  const addresses = spec.type === 'ExternalName' || headless ? [] : (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter(Boolean)
  const view = {
    clusterIPs: addresses,
    externalName: spec.type === 'ExternalName' ? spec.externalName : undefined,
    ports: (spec.ports ?? []).flatMap(({ name = '', protocol, port }) => {
      const known = protocolOf(protocol)
      return known === undefined ? [] : [{ name, protocol: known, port }]
    }),
    affinitySeconds: spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined,
    groups: headless ? groups(slices, ready) : balanced(service, slices, pod, place),
    publishesNotReady: spec.publishNotReadyAddresses || undefined,
  }
  return { version: hash(view), ...view }
}

const hash = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 8)

export function withOwn(view: SharedView, service: Service, pod: Pod): ServiceView {
  const own = ownPorts(service, pod)
  return own === undefined ? view : { ...view, version: view.version + hash(own), own }
}

const ready = ({ conditions }: Endpoint) => conditions?.ready !== false
/** Better than none: still answers, though on its way out. */
const lastResort = ({ conditions }: Endpoint) => conditions?.serving === true && conditions.terminating === true

function balanced({ spec }: Service, slices: readonly EndpointSlice[], pod: Pod, place: Place): EndpointGroup[] {
  const all = slices.flatMap(({ endpoints = [] }) => endpoints)
  const usable = all.some(ready) ? ready : lastResort
  if (spec?.internalTrafficPolicy === 'Local')
    return fewest(
      groups(slices, endpoint => usable(endpoint) && endpoint.nodeName === place.nodeName),
      pod,
    )
  const near = nearest(all.filter(usable), place)
  return fewest(
    groups(slices, endpoint => usable(endpoint) && (near === undefined || near.has(endpoint))),
    pod,
  )
}

/** Hints count only when every endpoint has them and they leave one for us. Undefined: all are the same to us. */
function nearest(endpoints: readonly Endpoint[], { nodeName, zone }: Place): ReadonlySet<Endpoint> | undefined {
  const hinted = (matching: (endpoint: Endpoint) => boolean, has: (endpoint: Endpoint) => boolean) => {
    const found = endpoints.every(has) ? endpoints.filter(matching) : []
    return found.length > 0 ? new Set(found) : undefined
  }
  const onNode = hinted(
    ({ hints }) => hints?.forNodes?.some(({ name }) => name === nodeName) ?? false,
    ({ hints }) => (hints?.forNodes?.length ?? 0) > 0,
  )
  return (
    onNode ??
    hinted(
      ({ hints }) => hints?.forZones?.some(({ name }) => name === zone) ?? false,
      ({ hints }) => (hints?.forZones?.length ?? 0) > 0,
    )
  )
}

function groups(slices: readonly EndpointSlice[], wanted: (endpoint: Endpoint) => boolean): EndpointGroup[] {
  const byPorts = new Map<string, { ports: ServicePortView[]; endpoints: Map<string, string | undefined> }>()
  for (const { addressType, ports, endpoints = [] } of slices) {
    if (addressType === 'FQDN') continue
    const known = (ports ?? []).flatMap(({ name = '', protocol, port }) => {
      const spoken = protocolOf(protocol)
      return port === undefined || spoken === undefined ? [] : [{ name, protocol: spoken, port }]
    })
    const key = JSON.stringify(known)
    const group = byPorts.get(key) ?? { ports: known, endpoints: new Map() }
    byPorts.set(key, group)
    for (const endpoint of endpoints) {
      const [address] = endpoint.addresses
      if (address !== undefined && wanted(endpoint)) group.endpoints.set(address, endpoint.hostname)
    }
  }
  return [...byPorts.values()]
    .filter(({ endpoints }) => endpoints.size > 0)
    .map(({ ports, endpoints }) => ({
      ports,
      endpoints: [...endpoints].sort(([a], [b]) => (a < b ? -1 : 1)).map(([address, hostname]) => ({ address, hostname })),
    }))
}

/** Rendezvous hashing: each pod has its own order of all addresses, so one that comes or goes changes little for anybody. */
function fewest(all: EndpointGroup[], { metadata }: Pod): EndpointGroup[] {
  const count = all.reduce((sum, { endpoints }) => sum + endpoints.length, 0)
  if (count <= MOST_ENDPOINTS) return all
  const rank = (address: string) => createHash('md5').update(`${metadata.uid} ${address}`).digest().readUInt32BE(0)
  const ranked = all.flatMap(({ endpoints }) => endpoints.map(({ address }) => ({ address, rank: rank(address) })))
  const chosen = new Set(
    ranked
      .sort((a, b) => a.rank - b.rank)
      .slice(0, MOST_ENDPOINTS)
      .map(({ address }) => address),
  )
  return all
    .map(({ ports, endpoints }) => ({ ports, endpoints: endpoints.filter(({ address }) => chosen.has(address)) }))
    .filter(({ endpoints }) => endpoints.length > 0)
}

export const selects = (service: Service, { metadata }: Pod) =>
  isSelecting(service) && service.metadata.namespace === metadata.namespace && matchesLabels(service.spec?.selector, metadata.labels)

/** Undefined: it does not select the pod. */
export function ownPorts(service: Service, pod: Pod): OwnPort[] | undefined {
  if (!selects(service, pod)) return undefined
  return (service.spec?.ports ?? []).flatMap(servicePort => {
    const protocol = protocolOf(servicePort.protocol)
    const target = targetPort(pod, servicePort)
    return protocol === undefined || target === undefined ? [] : [{ protocol, port: servicePort.port, target }]
  })
}
