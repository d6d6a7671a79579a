// A request to a Service through the API: it goes to one of the pods that are ready behind the port it names.
import type { EndpointAddress, Endpoints, Pod, Service } from '../../api/core/v1.ts'
import type { RequestContext } from '../../apimachinery/context.ts'
import type { Action } from '../../apimachinery/resource.ts'
import { badRequest, notFound, serviceUnavailable } from '../../apimachinery/status-error.ts'
import { type PodStreams, parseProxyName, proxyTo } from '../pod/streams.ts'

const SERVICES = { group: '', resource: 'services' }
const ENDPOINTS = { group: '', resource: 'endpoints' }
const PODS = { group: '', resource: 'pods' }

/** The pod at that address, if it still has it: another may have come by it since (pkg/registry/core/service/storage). */
async function podAt({ ip, targetRef }: EndpointAddress, namespace: string, context: RequestContext): Promise<Pod | undefined> {
  if (targetRef?.kind !== 'Pod' || !targetRef.name || (targetRef.namespace ?? namespace) !== namespace) return undefined
  const pod = await context.read.get<Pod>(PODS, namespace, targetRef.name)
  return pod?.status?.podIPs?.some(own => own.ip === ip) ? pod : undefined
}

export const serviceProxy = (streams: PodStreams): Action => ({
  kind: { group: '', version: 'v1', kind: 'ServiceProxyOptions' },
  verbs: ['create', 'delete', 'get', 'patch', 'update'],
  anyPath: true,
  async connect(call, request, context) {
    const { namespace, name } = call
    const target = parseProxyName(name)
    if (target === undefined) throw badRequest(`invalid service request ${JSON.stringify(name)}`)
    const service = await context.read.get<Service>(SERVICES, namespace, target.name)
    if (service === undefined) throw notFound(SERVICES, target.name)
    let portName = target.port
    if (/^\d+$/.test(target.port)) {
      const numbered = service.spec?.ports?.find(({ port }) => port === Number(target.port))
      if (numbered === undefined)
        throw serviceUnavailable(`no service port ${target.port} found for service ${JSON.stringify(target.name)}`)
      portName = numbered.name ?? ''
    }
    const endpoints = await context.read.get<Endpoints>(ENDPOINTS, namespace, target.name)
    if (endpoints === undefined) throw notFound(SERVICES, target.name)
    for (const { addresses = [], ports = [] } of shuffled(endpoints.subsets ?? [])) {
      const port = ports.find(({ name = '' }) => name === portName)?.port
      if (port === undefined) continue
      for (const address of shuffled(addresses)) {
        const pod = await podAt(address, namespace, context)
        if (pod !== undefined) return proxyTo(streams, { pod, scheme: target.scheme, port, call, request, context })
      }
    }
    throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(target.name)}`)
  },
})

/** From a place of chance on: each is tried once. */
function shuffled<T>(items: readonly T[]): T[] {
  const first = Math.floor(Math.random() * items.length)
  return [...items.slice(first), ...items.slice(0, first)]
}
