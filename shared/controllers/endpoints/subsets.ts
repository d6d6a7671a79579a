// The older form: ports and the addresses that have them. Pure.
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../../api/core/v1.ts'
import { canonical } from '../equality.ts'
import { isReady } from '../pods.ts'
import { addressesOf, familiesOf, familyOf, hostnameIn, isHeadless, serves, targetPort } from './pods.ts'

interface Member {
  readonly address: EndpointAddress
  readonly ready: boolean
}

/** A port, and who has it; no port for a headless Service without any. */
interface PortMembers {
  readonly port?: EndpointPort
  /** By address and UID of the pod. */
  readonly members: Map<string, Member>
}

class Ports {
  readonly #byPort = new Map<string, PortMembers>()

  /** An address that is ready and not ready on the same port is not ready. */
  add(port: EndpointPort | undefined, { address, ready }: Member): void {
    const key = canonical(port ?? null)
    let entry = this.#byPort.get(key)
    if (entry === undefined) {
      entry = { port, members: new Map() }
      this.#byPort.set(key, entry)
    }
    const id = `${address.ip} ${address.targetRef?.uid ?? ''}`
    const known = entry.members.get(id)
    entry.members.set(id, known === undefined ? { address, ready } : { address: known.address, ready: known.ready && ready })
  }

  subsets(): EndpointSubset[] {
    return pack([...this.#byPort.values()])
  }
}

/** Subsets that say the same in as few subsets as will do: ports with the same addresses together (endpoints.RepackSubsets). */
export function repacked(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const result = new Ports()
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    for (const port of ports.length === 0 ? [undefined] : ports) {
      for (const address of addresses) result.add(port, { address, ready: true })
      for (const address of notReadyAddresses) result.add(port, { address, ready: false })
    }
  }
  return result.subsets()
}

/** So many addresses fit into Endpoints. */
export const MOST_ADDRESSES = 1000

export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const publish = service.spec?.publishNotReadyAddresses ?? false
  const family = familiesOf(service)[0]
  const result = new Ports()
  for (const pod of pods) {
    if (!pod.spec.nodeName || !serves(pod, { terminating: publish })) continue
    const ip = addressesOf(pod).find(address => familyOf(address) === family)
    if (ip === undefined) continue
    const member: Member = { address: addressOf(service, pod, ip), ready: publish || isReady(pod) }
    const ports = service.spec?.ports ?? []
    if (ports.length === 0 && isHeadless(service)) result.add(undefined, member)
    for (const servicePort of ports) {
      const port = targetPort(pod, servicePort)
      if (port === undefined) continue
      const { name, protocol = 'TCP', appProtocol } = servicePort
      result.add({ ...(name ? { name } : {}), port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }, member)
    }
  }
  return result.subsets()
}

function addressOf(service: Service, { metadata, spec }: Pod, ip: string): EndpointAddress {
  const hostname = hostnameIn(service, { metadata, spec } as Pod)
  const { namespace, name, uid } = metadata
  return { ip, ...(hostname === undefined ? {} : { hostname }), nodeName: spec.nodeName, targetRef: { kind: 'Pod', namespace, name, uid } }
}

/** Ports with the same addresses share a subset. */
function pack(entries: readonly PortMembers[]): EndpointSubset[] {
  const groups = new Map<string, { ports: EndpointPort[]; members: ReadonlyMap<string, Member> }>()
  for (const { port, members } of entries) {
    const key = JSON.stringify([...members].map(([id, { ready }]) => [id, ready]).sort())
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { ports: port === undefined ? [] : [port], members })
    else if (port !== undefined) group.ports.push(port)
  }
  const subsets = [...groups.values()].map(({ ports, members }) => {
    const sorted = [...members.values()].sort((a, b) => (a.address.ip < b.address.ip ? -1 : a.address.ip > b.address.ip ? 1 : 0))
    const addresses = sorted.filter(({ ready }) => ready).map(({ address }) => address)
    const notReadyAddresses = sorted.filter(({ ready }) => !ready).map(({ address }) => address)
    return {
      ...(addresses.length === 0 ? {} : { addresses }),
      ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
      ...(ports.length === 0 ? {} : { ports: ports.sort((a, b) => (canonical(a) < canonical(b) ? -1 : 1)) }),
    }
  })
  return subsets.sort((a, b) => (canonical(a) < canonical(b) ? -1 : 1))
}

/**
 * Cuts to what fits: addresses that are not ready go first, and each subset keeps its share, rounded up as long as there is room, so that
 * the last one may have less.
 */
export function truncated(subsets: readonly EndpointSubset[]): { readonly subsets: EndpointSubset[]; readonly cut: boolean } {
  const count = (list: 'addresses' | 'notReadyAddresses') => subsets.reduce((sum, subset) => sum + (subset[list]?.length ?? 0), 0)
  const [ready, notReady] = [count('addresses'), count('notReadyAddresses')]
  if (ready + notReady <= MOST_ADDRESSES) return { subsets: [...subsets], cut: false }
  const [list, total, most] =
    ready > MOST_ADDRESSES
      ? (['addresses', ready, MOST_ADDRESSES] as const)
      : (['notReadyAddresses', notReady, MOST_ADDRESSES - ready] as const)
  let room = most
  const part = (addresses: readonly EndpointAddress[] = []) => {
    const kept = addresses.slice(0, Math.min(room, Math.ceil((addresses.length / total) * most)))
    room -= kept.length
    return kept
  }
  return {
    cut: true,
    subsets: subsets.map(subset => {
      const addresses = list === 'addresses' ? part(subset.addresses) : subset.addresses
      const notReadyAddresses = list === 'addresses' ? [] : part(subset.notReadyAddresses)
      return {
        ...(addresses?.length ? { addresses } : {}),
        ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
        ports: subset.ports,
      }
    }),
  }
}
