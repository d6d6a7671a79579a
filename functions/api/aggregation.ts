// Group versions that other servers serve (APIServices with a Service). What is decided here is whether to look for them at all: hardly any
// request is about one, and the code that asks them is loaded for the first that is.
import { createReader, type Machinery } from '../../shared/apimachinery/machinery.ts'
import type { Elsewhere } from '../../shared/apimachinery/server/server.ts'

/** Ours, and somebody else's where an APIService names another: metrics-server's, or that of an adapter. */
const REPLACEABLE = ['metrics.k8s.io', 'external.metrics.k8s.io']
const API_SERVICES = { group: 'apiregistration.k8s.io', resource: 'apiservices' }

export function aggregation({ store, registry, engines }: Machinery): Elsewhere {
  const read = createReader(store)
  let loading: Promise<Aggregator> | undefined
  const load = async () => {
    const { Remotes, serveRemote } = await import('../../shared/aggregation/index.ts')
    const remotes = new Remotes({ read, store })
    return (call: Parameters<typeof serveRemote>[1]) => serveRemote(remotes, call)
  }
  type Aggregator = Awaited<ReturnType<typeof load>>

  let served = { generation: -1, groups: new Set<string>() }
  const isServedHere = (group: string) => {
    const { generation } = registry
    if (served.generation !== generation)
      served = { generation, groups: new Set([...registry.endpoints()].map(endpoint => endpoint.group)) }
    return !REPLACEABLE.includes(group) && served.groups.has(group)
  }

  return async ({ request, url, user }, local) => {
    const [, root, ...rest] = url.pathname.split('/')
    if (root !== 'apis' && !url.pathname.startsWith('/openapi/v3')) return undefined
    // /apis/<group>/..., /openapi/v3/apis/<group>/...
    const group = (root === 'apis' ? rest[0] : rest[2]) ?? ''
    if (group !== '' && isServedHere(group)) return undefined
    const { items } = await store.list(API_SERVICES)
    if (!items.some(({ object }) => (object as { spec?: { service?: unknown } }).spec?.service !== undefined)) return undefined
    loading ??= load()
    const serve = await loading
    return serve({ request, url, user, engines, local })
  }
}
