// The older form: ports and the addresses that have them. Pure.
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../../api/core/v1.ts'
import { canonical } from '../equality.ts'
import { isReady } from '../pods.ts'
import { addressesOf, familiesOf, familyOf, hostnameIn, isHeadless, serves, targetPort } from './pods.ts'

interface Member {
  readonly address: EndpointAddress
  readonly ready: boolean
}

/** So many addresses fit into Endpoints. */
export const MOST_ADDRESSES = 1000

export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const publish = service.spec?.publishNotReadyAddresses ?? false
  const family = familiesOf(service)[0]
  const byPort = new Map<string, { readonly port?: EndpointPort; readonly members: Map<string, Member> }>()
  const add = (port: EndpointPort | undefined, id: string, member: Member) => {
    const key = canonical(port ?? null)
    let entry = byPort.get(key)
    if (entry === undefined) {
      entry = { port, members: new Map() }
      byPort.set(key, entry)
    }
    entry.members.set(id, member)
  }
  for (const pod of pods) {
    if (!serves(pod, { terminating: publish })) continue
    const ip = addressesOf(pod).find(address => familyOf(address) === family)
    if (ip === undefined) continue
    const member: Member = { address: addressOf(service, pod, ip), ready: publish || isReady(pod) }
    const id = `${ip} ${pod.metadata.uid}`
    const ports = service.spec?.ports ?? []
    if (ports.length === 0 && isHeadless(service)) add(undefined, id, member)
    for (const servicePort of ports) {
      const port = targetPort(pod, servicePort)
      if (port === undefined) continue
      const { name, protocol = 'TCP', appProtocol } = servicePort
      add({ ...(name ? { name } : {}), port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }, id, member)
    }
  }
  return pack([...byPort.values()])
}

function addressOf(service: Service, { metadata, spec }: Pod, ip: string): EndpointAddress {
  const hostname = hostnameIn(service, { metadata, spec } as Pod)
  const { namespace, name, uid } = metadata
  return { ip, ...(hostname === undefined ? {} : { hostname }), nodeName: spec.nodeName, targetRef: { kind: 'Pod', namespace, name, uid } }
}

/** Ports with the same addresses share a subset. */
function pack(entries: readonly { readonly port?: EndpointPort; readonly members: ReadonlyMap<string, Member> }[]): EndpointSubset[] {
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

/** Cuts to what fits: each subset in proportion, ready addresses first. */
export function truncated(subsets: readonly EndpointSubset[]): { readonly subsets: EndpointSubset[]; readonly cut: boolean } {
  const sizeOf = ({ addresses, notReadyAddresses }: EndpointSubset) => (addresses?.length ?? 0) + (notReadyAddresses?.length ?? 0)
  const total = subsets.reduce((sum, subset) => sum + sizeOf(subset), 0)
  if (total <= MOST_ADDRESSES) return { subsets: [...subsets], cut: false }
  const ready = subsets.reduce((sum, { addresses }) => sum + (addresses?.length ?? 0), 0)
  const readyShare = Math.min(1, MOST_ADDRESSES / ready)
  const restShare = total === ready ? 0 : Math.max(0, MOST_ADDRESSES - ready) / (total - ready)
  const part = (list: readonly EndpointAddress[] | undefined, share: number) => list?.slice(0, Math.floor(list.length * share))
  return {
    cut: true,
    subsets: subsets.map(subset => {
      const addresses = part(subset.addresses, readyShare)
      const notReadyAddresses = part(subset.notReadyAddresses, restShare)
      return {
        ...(addresses?.length ? { addresses } : {}),
        ...(notReadyAddresses?.length ? { notReadyAddresses } : {}),
        ports: subset.ports,
      }
    }),
  }
}
