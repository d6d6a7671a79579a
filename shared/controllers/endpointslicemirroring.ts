// Endpoints that people wrote for Services without a selector, as EndpointSlices: consumers need to read only those.
import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../api/core/v1.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../api/discovery/v1.ts'
import { splitKey } from '../apimachinery/types.ts'
import { ENDPOINT_SLICES, ENDPOINTS, SERVICES } from './collections.ts'
import { familyOf, TRIGGER_TIME } from './endpoints/pods.ts'
import { planSlices, type SliceFrame, type SliceGroup } from './endpoints/slices.ts'
import { repacked } from './endpoints/subsets.ts'
import { carryOut, MANAGED_BY, SERVICE_NAME, slicesOf } from './endpointslice.ts'
import { canonical, equal } from './equality.ts'
import type { Controller, ControllerContext } from './types.ts'
import { own } from './watches.ts'

const CONTROLLER = 'endpointslicemirroring-controller.k8s.io'
const SKIP = 'endpointslice.kubernetes.io/skip-mirror'
const LEADER = 'control-plane.alpha.kubernetes.io/leader'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
/** Addresses of a subset that are mirrored, and so what a slice holds. */
const MOST_ADDRESSES = 1000

const isMirrored = (endpoints: Endpoints | undefined, service: Service | undefined): endpoints is Endpoints =>
  endpoints !== undefined &&
  service !== undefined &&
  Object.keys(service.spec?.selector ?? {}).length === 0 &&
  endpoints.metadata.labels?.[SKIP] !== 'true' &&
  endpoints.metadata.annotations?.[LEADER] === undefined

async function reconcile(key: string, context: ControllerContext): Promise<undefined> {
  const { namespace, name } = splitKey(key)
  const endpoints = (await context.informer(ENDPOINTS)).get(key)?.object as Endpoints | undefined
  const service = (await context.informer(SERVICES)).get(key)?.object as Service | undefined
  const existing = slicesOf(await context.informer(ENDPOINT_SLICES), namespace, name, CONTROLLER)
  if (!isMirrored(endpoints, service)) {
    for (const { metadata } of existing) {
      await context.client.delete(ENDPOINT_SLICES, namespace, metadata.name, { preconditions: { uid: metadata.uid } })
    }
    return
  }
  const { [LAST_APPLIED]: _, [TRIGGER_TIME]: __, ...annotations } = endpoints.metadata.annotations ?? {}
  const frame: SliceFrame = {
    labels: { ...endpoints.metadata.labels, [SERVICE_NAME]: name, [MANAGED_BY]: CONTROLLER },
    annotations,
  }
  const subsets = repacked(endpoints.subsets ?? [])
  const left = subsets.reduce((sum, { addresses = [], notReadyAddresses = [] }) => {
    return sum + Math.max(0, addresses.length + notReadyAddresses.length - MOST_ADDRESSES)
  }, 0)
  if (left > 0) {
    const message = `A max of ${MOST_ADDRESSES} addresses can be mirrored to EndpointSlices per Endpoints subset. ${left} addresses were skipped`
    void context.events.event(endpoints, 'Warning', 'TooManyAddressesToMirror', message)
  }
  const plan = planSlices(existing, groupsOf(subsets), frame, MOST_ADDRESSES)
  await carryOut(endpoints, { ...plan, update: plan.update.map(slice => asWritten(slice, existing)) }, frame, context)
}

/** A slice that stays what it was is written anew, under its name alone; one that takes another's place keeps what the name was made from. */
function asWritten(slice: EndpointSlice, existing: readonly EndpointSlice[]): EndpointSlice {
  const before = existing.find(({ metadata }) => metadata.name === slice.metadata.name)
  if (!equal(before?.ports, slice.ports)) return slice
  const { generateName: _, ...metadata } = slice.metadata
  return { ...slice, metadata }
}

function groupsOf(subsets: readonly EndpointSubset[]): SliceGroup[] {
  const groups = new Map<string, { addressType: string; ports: EndpointPort[]; endpoints: Endpoint[] }>()
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    const wanted = ports.map(({ name = '', protocol = 'TCP', port, appProtocol }) => ({
      name,
      protocol,
      port,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }))
    const members = [
      ...addresses.map(address => endpointOf(address, true)),
      ...notReadyAddresses.map(address => endpointOf(address, false)),
    ]
    for (const endpoint of members.slice(0, MOST_ADDRESSES)) {
      const addressType = familyOf(endpoint.addresses[0]!)
      const key = canonical([addressType, wanted])
      const group = groups.get(key)
      if (group === undefined) groups.set(key, { addressType, ports: wanted, endpoints: [endpoint] })
      else group.endpoints.push(endpoint)
    }
  }
  return [...groups.values()]
}

const endpointOf = ({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint => ({
  addresses: [ip],
  conditions: { ready },
  ...(hostname === undefined ? {} : { hostname }),
  ...(nodeName === undefined ? {} : { nodeName }),
  ...(targetRef === undefined ? {} : { targetRef }),
})

export const endpointSliceMirroringController: Controller = {
  name: 'endpointslicemirroring',
  component: 'endpoint-slice-mirroring-controller',
  watches: [own(ENDPOINTS), own(SERVICES)],
  reconcile,
}
