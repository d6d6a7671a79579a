// Where Services are reached from this machine: a node port on the machine's own addresses, a load balancer at the Service's cluster
// address, which is an address of the loopback here as it is in pods. Pure.
import type { Service } from '../../../shared/api/core/v1.ts'
import type { EndpointSlice } from '../../../shared/api/discovery/v1.ts'

export interface Door {
  /** "<namespace>/<name>" */
  readonly service: string
  readonly protocol: 'TCP' | 'UDP'
  readonly address: string
  readonly port: number
  readonly portName: string
  readonly affinitySeconds?: number
}

const isOpen = ({ spec }: Service) => spec?.type === 'NodePort' || spec?.type === 'LoadBalancer'

/** `addresses`: those of this machine that node ports are on. */
export function doorsOf(services: ReadonlyMap<string, Service>, addresses: readonly string[]): Door[] {
  return [...services].flatMap(([service, object]) => {
    if (!isOpen(object)) return []
    const { ports = [], sessionAffinity, sessionAffinityConfig } = object.spec ?? {}
    const affinitySeconds = sessionAffinity === 'ClientIP' ? (sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined
    return ports.flatMap(({ name: portName = '', protocol = 'TCP', port, nodePort }) => {
      if (protocol !== 'TCP' && protocol !== 'UDP') return []
      const common = { service, protocol, portName, affinitySeconds } as const
      const balancer = balancerAddress(object)
      return [
        ...(nodePort === undefined ? [] : addresses.map(address => ({ ...common, address, port: nodePort }))),
        ...(balancer === undefined ? [] : [{ ...common, address: balancer, port }]),
      ]
    })
  })
}

/** Undefined: it is no load balancer, or has no address that this machine could listen on. */
export function balancerAddress({ spec }: Service): string | undefined {
  const address = spec?.clusterIP
  return spec?.type === 'LoadBalancer' && address?.startsWith('127.') ? address : undefined
}

export function targetsOf(slices: Iterable<EndpointSlice>, { service, protocol, portName }: Door): { host: string; port: number }[] {
  const [namespace, name] = service.split('/')
  const found = new Map<string, { host: string; port: number }>()
  for (const { metadata, ports = [], endpoints = [], addressType } of slices) {
    if (metadata.namespace !== namespace || metadata.labels?.['kubernetes.io/service-name'] !== name || addressType === 'FQDN') continue
    const port = ports.find(known => (known.name ?? '') === portName && (known.protocol ?? 'TCP') === protocol)?.port
    if (port === undefined) continue
    for (const { addresses, conditions } of endpoints) {
      const [host] = addresses
      if (host !== undefined && conditions?.ready !== false) found.set(host, { host, port })
    }
  }
  return [...found.values()]
}

/** What the status of the Service should say about its load balancer; undefined when it says so. */
export function statusPatch(service: Service, address: string | undefined): object | undefined {
  const told = service.status?.loadBalancer?.ingress ?? []
  if (address === undefined) return told.length === 0 ? undefined : { status: { loadBalancer: { ingress: null } } }
  return told.length === 1 && told[0]?.ip === address
    ? undefined
    : { status: { loadBalancer: { ingress: [{ ip: address, ipMode: 'VIP' }] } } }
}
