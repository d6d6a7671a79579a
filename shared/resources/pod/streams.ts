// What comes out of a pod and goes into it: log, exec, attach, portforward, proxy. Which pod and which container is decided here;
// where the bytes come from is not this room's business, but of whoever runs pods.
import type { Node, Pod } from '../../api/core/v1.ts'
import type { RequestContext } from '../../apimachinery/context.ts'
import { type FieldError, forbidden, invalid } from '../../apimachinery/field-error.ts'
import type { Action, ActionCall } from '../../apimachinery/resource.ts'
import { badRequest, invalid as invalidObject, notFound, serviceUnavailable } from '../../apimachinery/status-error.ts'
import { visitContainers } from '../pod-spec/visit.ts'
import { PODS } from './bind.ts'

export interface LogOptions {
  readonly container: string
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  /** At least 1. */
  readonly sinceSeconds?: number
  /** RFC 3339. */
  readonly sinceTime?: string
  readonly tailLines?: number
  readonly limitBytes?: number
}

export interface StreamRequest {
  readonly pod: Pod
  /** Undefined for portforward. */
  readonly container?: string
  readonly call: ActionCall
  readonly request: Request
  readonly context: RequestContext
}

/** A request to a pod's port, whose path and query stand in `call` and `request`. */
export interface ProxyRequest extends Omit<StreamRequest, 'container'> {
  /** "" is http. */
  readonly scheme: string
  readonly port: number
}

/** Whoever can reach running pods. What is absent is answered with 503. */
export interface PodStreams {
  log?(pod: Pod, options: LogOptions, request: Request, context: RequestContext): Promise<Response>
  exec?(stream: StreamRequest): Promise<Response>
  attach?(stream: StreamRequest): Promise<Response>
  portforward?(stream: StreamRequest): Promise<Response>
  proxy?(proxied: ProxyRequest): Promise<Response>
}

const NODES = { group: '', resource: 'nodes' }

async function podOf({ namespace, name }: ActionCall, context: RequestContext): Promise<Pod> {
  const pod = await context.read.get<Pod>(PODS, namespace, name)
  if (pod === undefined) throw notFound(PODS, name)
  return pod
}

/** The only container, or the one that was asked for. @throws StatusError 400 */
function containerOf(pod: Pod, wanted: string): string {
  const name = pod.metadata.name ?? ''
  const names: string[] = []
  if (pod.spec !== undefined) visitContainers(pod.spec, '', container => names.push(container.name))
  if (wanted !== '') {
    if (!names.includes(wanted)) throw badRequest(`container ${wanted} is not valid for pod ${name}`)
    return wanted
  }
  const only = names.length === 1 ? names[0] : undefined
  if (only !== undefined) return only
  if (names.length === 0) throw badRequest(`a container name must be specified for pod ${name}`)
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`)
}

/** Upstream asks the node's kubelet; a node that is not there is told of as if it were a pod. */
async function checkNode(pod: Pod, context: RequestContext): Promise<void> {
  const node = pod.spec?.nodeName ?? ''
  if ((await context.read.get<Node>(NODES, undefined, node)) === undefined) throw notFound(PODS, node)
}

const isTrue = (text: string | null) => text !== null && text !== '' && text !== '0' && text.toLowerCase() !== 'false'

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^-?\d+$/.test(text)) {
    const why = `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`
    throw badRequest(why)
  }
  return Number(text)
}

/** @throws StatusError 400, 422 */
function logOptions(pod: string, query: URLSearchParams): LogOptions {
  const options = {
    container: query.get('container') ?? '',
    follow: isTrue(query.get('follow')),
    previous: isTrue(query.get('previous')),
    timestamps: isTrue(query.get('timestamps')),
    sinceSeconds: integer(query, 'sinceSeconds'),
    sinceTime: query.get('sinceTime') || undefined,
    tailLines: integer(query, 'tailLines'),
    limitBytes: integer(query, 'limitBytes'),
  }
  const { tailLines, limitBytes, sinceSeconds, sinceTime } = options
  if (sinceTime !== undefined && Number.isNaN(Date.parse(sinceTime)))
    throw badRequest(`parsing time ${JSON.stringify(sinceTime)} as "2006-01-02T15:04:05Z07:00": cannot parse it`)
  const errors: FieldError[] = []
  if (tailLines !== undefined && tailLines < 0) errors.push(invalid('tailLines', tailLines, 'must be greater than or equal to 0'))
  if (limitBytes !== undefined && limitBytes < 1) errors.push(invalid('limitBytes', limitBytes, 'must be greater than 0'))
  if (sinceSeconds !== undefined && sinceTime !== undefined)
    errors.push(forbidden('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified'))
  else if (sinceSeconds !== undefined && sinceSeconds < 1) errors.push(invalid('sinceSeconds', sinceSeconds, 'must be greater than 0'))
  if (errors.length > 0) throw invalidObject('', 'PodLogOptions', pod, errors)
  return options
}

const nobody = (what: string) => serviceUnavailable(`${what} is not available on this server`)

/** @throws StatusError 503 where nobody can reach pods, or there is no such port */
export async function proxyTo(streams: PodStreams, proxied: ProxyRequest): Promise<Response> {
  if (streams.proxy === undefined) throw nobody('proxy')
  const { port } = proxied
  if (!(port > 0 && port < 65_536)) throw serviceUnavailable(`error trying to reach service: dial tcp: address ${port}: invalid port`)
  return streams.proxy(proxied)
}

export function streamActions(streams: PodStreams): Readonly<Record<string, Action>> {
  const log: Action = {
    verbs: ['get'],
    async connect(call, request, context) {
      const options = logOptions(call.name, call.query)
      const pod = await podOf(call, context)
      const container = containerOf(pod, options.container)
      if (!pod.spec?.nodeName) return new Response(null, { status: 204 })
      await checkNode(pod, context)
      if (streams.log === undefined) throw nobody('log')
      return streams.log(pod, { ...options, container }, request, context)
    },
  }
  const stream = (name: 'exec' | 'attach' | 'portforward', kind: string, inContainer: boolean): Action => ({
    kind: { group: '', version: 'v1', kind },
    verbs: ['create', 'get'],
    async connect(call, request, context) {
      const pod = await podOf(call, context)
      const container = inContainer ? containerOf(pod, call.query.get('container') ?? '') : undefined
      if (!pod.spec?.nodeName) throw badRequest(`pod ${call.name} does not have a host assigned`)
      await checkNode(pod, context)
      const open = streams[name]
      if (open === undefined) throw nobody(name)
      return open.call(streams, { pod, container, call, request, context })
    },
  })
  const proxy: Action = {
    kind: { group: '', version: 'v1', kind: 'PodProxyOptions' },
    verbs: ['create', 'delete', 'get', 'patch', 'update'],
    anyPath: true,
    async connect(call, request, context) {
      const target = parseProxyName(call.name)
      if (target === undefined) throw badRequest(`invalid pod request ${JSON.stringify(call.name)}`)
      const pod = await podOf({ ...call, name: target.name }, context)
      if (!pod.status?.podIPs?.[0]?.ip) throw badRequest('address not allowed')
      const { scheme } = target
      const port = target.port || pod.spec?.containers.find(({ ports }) => ports?.length)?.ports?.[0]?.containerPort
      return proxyTo(streams, { pod, scheme, port: Number(port ?? (scheme === 'https' ? 443 : 80)), call, request, context })
    },
  }
  return {
    attach: stream('attach', 'PodAttachOptions', true),
    exec: stream('exec', 'PodExecOptions', true),
    log,
    portforward: stream('portforward', 'PodPortForwardOptions', false),
    proxy,
  }
}

/** "[https:|http:]name[:port]" */
export function parseProxyName(text: string): { scheme: string; name: string; port: string } | undefined {
  const parts = text.split(':')
  if (parts.length > 3) return undefined
  const [first = '', second = '', third = ''] = parts
  if (parts.length === 3)
    return first === 'http' || first === 'https' || first === '' ? { scheme: first, name: second, port: third } : undefined
  return first === '' ? undefined : { scheme: '', name: first, port: second }
}
