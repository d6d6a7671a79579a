// Where a Service can be reached: addresses and ports of its ready endpoints. Pure. Nothing here goes through a cluster address, which
// exists inside pods only.
import type { ServiceReference } from '../api/apiregistration/v1.ts'
import type { Service } from '../api/core/v1.ts'
import type { EndpointSlice } from '../api/discovery/v1.ts'

export interface Target {
  readonly host: string
  readonly port: number
}

/** Why a Service cannot be reached, as the condition Available tells it. */
export class ServiceProblem extends Error {
  readonly reason: string
  constructor(reason: string, message: string) {
    super(message)
    this.reason = reason
  }
}

export const DEFAULT_PORT = 443

/** The name that the certificate of the server must be good for. */
export const serverNameOf = ({ name, namespace }: ServiceReference): string => `${name}.${namespace}.svc`

/** @throws ServiceProblem */
export function targetsOf(reference: ServiceReference, service: Service | undefined, slices: readonly EndpointSlice[]): readonly Target[] {
  const { name, namespace, port = DEFAULT_PORT } = reference
  const what = `service/${name} in ${JSON.stringify(namespace)}`
  if (service === undefined) throw new ServiceProblem('ServiceNotFound', `${what} is not present`)
  const { type, externalName, ports = [] } = service.spec ?? {}
  if (type === 'ExternalName') return [{ host: externalName ?? '', port }]
  const found = ports.find(candidate => candidate.port === port)
  if (found === undefined) throw new ServiceProblem('ServicePortError', `${what} is not listening on port ${port}`)
  if (slices.length === 0) {
    throw new ServiceProblem('EndpointsNotFound', `cannot find endpointslices for service/${name} in ${JSON.stringify(namespace)}`)
  }
  const portName = found.name ?? ''
  const targets = slices.flatMap(({ endpoints, ports: slicePorts }) => {
    const number = (slicePorts ?? []).find(candidate => (candidate.name ?? '') === portName)?.port
    if (number === undefined) return []
    const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)
    return ready.flatMap(({ addresses }) => addresses.slice(0, 1)).map(host => ({ host, port: number }))
  })
  if (targets.length > 0) return targets
  throw new ServiceProblem('MissingEndpoints', `endpoints for ${what} have no addresses with port name ${JSON.stringify(portName)}`)
}
