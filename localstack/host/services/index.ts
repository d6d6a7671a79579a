// NodePort and LoadBalancer on this machine: what the nodes' kube-proxy and the cloud's load balancer are elsewhere. It sees the cluster as
// any client does, and listens with the same code as the agents.
import { Balancer } from '../../../agent/network/balancer.ts'
import { Listeners, type Spot, spotKey } from '../../../agent/network/listeners.ts'
import { proxyConnection } from '../../../agent/network/tcp-proxy.ts'
import type { Service } from '../../../shared/api/core/v1.ts'
import type { EndpointSlice } from '../../../shared/api/discovery/v1.ts'
import { balancerAddress, type Door, doorsOf, statusPatch, targetsOf } from './doors.ts'
import { type Access, call, follow } from './follow.ts'

export interface ServiceDoors {
  stop(): void
}

/** `addresses`: where node ports are. */
export function openServiceDoors(access: Access, addresses: readonly string[], log: (line: string) => void): ServiceDoors {
  const over = new AbortController()
  const balancer = new Balancer(Date.now)
  const listeners = new Listeners({
    now: Date.now,
    taken: ({ address, port }) => log(`Services: port ${port} of ${address} is taken by another program of this machine`),
    log: line => log(`Services: ${line}`),
  })
  let services: ReadonlyMap<string, Service> = new Map()
  let slices: ReadonlyMap<string, EndpointSlice> = new Map()

  const spotOf = (door: Door): Spot => {
    const turns = `${door.service} ${door.protocol} ${door.portName}`
    const targets = () => balancer.order(turns, targetsOf(slices.values(), door), door.affinitySeconds)
    const reached = (target: { host: string; port: number }) => balancer.reached(turns, target, door.affinitySeconds)
    return {
      ...door,
      connection: client => proxyConnection(client, targets(), { reached, refused: target => balancer.refused(target) }),
      choose: () => targets()[0],
    }
  }

  const update = async () => {
    const doors = doorsOf(services, addresses)
    listeners.want(doors.map(spotOf))
    await listeners.settled()
    for (const [key, service] of services) {
      const address = balancerAddress(service)
      const open = doors.filter(door => door.service === key && door.address === address).every(door => listeners.isOpen(spotKey(door)))
      const patch = statusPatch(service, open ? address : undefined)
      const [namespace, name] = key.split('/')
      // Refused or lost: the next change brings another try.
      if (patch) await call(access, 'PATCH', `/api/v1/namespaces/${namespace}/services/${name}/status`, over.signal, patch).catch(() => {})
    }
  }

  void follow<Service>(access, '/api/v1/services', over.signal, objects => {
    services = objects
    void update()
  })
  void follow<EndpointSlice>(access, '/apis/discovery.k8s.io/v1/endpointslices', over.signal, objects => {
    slices = objects
  })
  return {
    stop() {
      over.abort()
      listeners.want([])
    },
  }
}
