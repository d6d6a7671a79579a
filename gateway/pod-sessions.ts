// exec, attach, port-forward and proxy as actions on a pod, for the API machinery: it has decided who asks and found pod and container; here the
// session is opened, and the client's connection switched to it.
import type { ClientHttp2Stream } from 'node:http2'
import type { Pod } from '../shared/api/core/v1.ts'
import { forbiddenError } from '../shared/apimachinery/server/server.ts'
import { badRequest, internalError } from '../shared/apimachinery/status-error.ts'
import type { Authorizer } from '../shared/auth/types.ts'
import { MASTERS } from '../shared/auth/types.ts'
import { taskRecord } from '../shared/pods/record.ts'
import { CHANNEL, jsonFrame, PORT_HEADER, type Start } from '../shared/pods/tunnel-protocol.ts'
import type { PodStreams, StreamRequest } from '../shared/resources/pod/streams.ts'
import { CHANNEL_PROTOCOLS, channelStreams } from './client/channels.ts'
import { PORT_PROTOCOL, PORT_TUNNEL_PROTOCOL, portStreams } from './client/port-streams.ts'
import type { RemoteStreams, Wanted } from './client/remote-streams.ts'
import { SPDY_PROTOCOLS, spdyStreams } from './client/spdy-remote.ts'
import { joinForward } from './forward.ts'
import { proxyToPod } from './pod-proxy.ts'
import { joinSession } from './remote-command.ts'
import { type Tunnels, tunnelKey } from './tunnels.ts'
import type { Upgrade } from './upgrade.ts'

export interface PodSessionsOptions {
  readonly tunnels: Pick<Tunnels, 'stream'>
  readonly authorizer: Authorizer
  /** The upgrade that a request asks for. */
  upgradeOf(request: Request): Upgrade | undefined
  /** Attaches to a container that takes no input: its output is in its log. */
  followLog(stream: StreamRequest, client: RemoteStreams): Promise<void>
  failed(error: unknown): void
}

/** Nothing to answer: the connection is no longer HTTP's. */
const switched = () => new Response(null, { status: 204 })

export function podSessions(options: PodSessionsOptions): Required<Pick<PodStreams, 'exec' | 'attach' | 'portforward' | 'proxy'>> {
  const { tunnels, failed } = options

  /** @throws StatusError */
  const begin = async (stream: StreamRequest, subresource: string): Promise<Upgrade> => {
    const upgrade = options.upgradeOf(stream.request)
    if (!upgrade?.kind) throw badRequest('Upgrade request required')
    await mayCreate(stream, subresource, options.authorizer)
    return upgrade
  }

  const open = async (pod: Pod, headers: Record<string, string>): Promise<ClientHttp2Stream> => {
    const launch = taskRecord(pod)?.launch
    const { uid, name, namespace } = pod.metadata
    if (launch === undefined || uid === undefined) throw new Error(`error dialing backend: no agent of ours runs pod ${namespace}/${name}`)
    try {
      return await tunnels.stream(tunnelKey({ uid, launch }), { ':method': 'POST', ...headers })
    } catch (error) {
      throw new Error(`error dialing backend: pod ${namespace}/${name}: ${error instanceof Error ? error.message : error}`)
    }
  }

  /** exec or attach through the agent. */
  const session = async (stream: StreamRequest, path: string, start: Start, upgrade: Upgrade): Promise<Response> => {
    const wanted = wantedOf(start)
    const choice = choose(upgrade)
    if (choice === undefined) return unnegotiable(upgrade)
    const tunnel = await opened(() => open(stream.pod, { ':path': path }))
    tunnel.write(jsonFrame(CHANNEL.start, start))
    const refusal = await refused(tunnel)
    if (refusal) return refusal
    if (!upgrade.alive) {
      tunnel.destroy()
      return switched()
    }
    void switchTo(upgrade, choice, wanted)
      .then(client => joinSession(client, tunnel))
      .catch(error => {
        tunnel.destroy()
        failed(error)
      })
    return switched()
  }

  return {
    async exec(stream) {
      const upgrade = await begin(stream, 'exec')
      const { query } = stream.call
      const command = query.getAll('command')
      if (command.length === 0) throw badRequest('you must specify at least 1 command for the container')
      const start = startOf(stream, command)
      if (!isRunning(stream.pod, start.container)) return notRunning(start.container)
      return session(stream, '/exec', start, upgrade)
    },

    async attach(stream) {
      const upgrade = await begin(stream, 'attach')
      const start = startOf(stream)
      if (!isRunning(stream.pod, start.container)) return notRunning(start.container)
      const spec = [...(stream.pod.spec?.containers ?? []), ...(stream.pod.spec?.initContainers ?? [])].find(
        ({ name }) => name === start.container,
      )
      // Whether there is a terminal was decided when the container began, whatever the client thinks.
      const actual = { ...start, tty: spec?.tty === true, stdin: start.stdin && spec?.stdin === true }
      if (spec?.stdin || spec?.tty) return session(stream, '/attach', actual, upgrade)
      const choice = choose(upgrade)
      if (choice === undefined) return unnegotiable(upgrade)
      void switchTo(upgrade, choice, wantedOf(start))
        .then(client => options.followLog(stream, client))
        .catch(failed)
      return switched()
    },

    async portforward(stream) {
      const upgrade = await begin(stream, 'portforward')
      const { pod } = stream
      if (pod.status?.phase !== 'Running') return text(500, `pod not found (${JSON.stringify(pod.metadata.name)})`)
      const { offered, kind } = upgrade
      const protocol = kind === 'spdy' ? PORT_PROTOCOL : PORT_TUNNEL_PROTOCOL
      if (!offered.includes(protocol)) return unnegotiable(upgrade, [protocol])
      // Whether there is an agent is better said now than with every connection.
      const probe = await opened(() => open(pod, { ':path': '/' }))
      probe.close()
      const bytes = kind === 'spdy' ? upgrade.spdy(protocol) : await upgrade.websocketBytes(protocol)
      void portStreams(bytes, pair => {
        joinForward(pair, pod.metadata, port => open(pod, { ':path': '/portforward', [PORT_HEADER]: `${port}` })).catch(failed)
      }).catch(failed)
      return switched()
    },

    proxy: proxied =>
      proxyToPod(proxied, async port => {
        const tunnel = await open(proxied.pod, { ':path': '/portforward', [PORT_HEADER]: `${port}` })
        const refusal = await refused(tunnel)
        if (refusal) throw new Error(await refusal.text())
        return tunnel
      }),
  }
}

interface Choice {
  readonly kind: 'websocket' | 'spdy'
  readonly protocol: string
}

const known = (kind: Upgrade['kind']): readonly string[] => (kind === 'websocket' ? CHANNEL_PROTOCOLS : SPDY_PROTOCOLS)

/** The client's first that we know; one that says nothing speaks the first version. */
function choose({ kind, offered }: Upgrade): Choice | undefined {
  if (kind === undefined) return undefined
  if (offered.length === 0) return { kind, protocol: '' }
  const protocol = offered.find(name => known(kind).includes(name))
  return protocol === undefined ? undefined : { kind, protocol }
}

function unnegotiable({ kind, offered }: Upgrade, accepted = known(kind).filter(Boolean)): Response {
  const answer = text(
    403,
    `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${accepted.join(' ')}]`,
  )
  for (const name of accepted) answer.headers.append('x-accepted-stream-protocol-versions', name)
  return answer
}

async function switchTo(upgrade: Upgrade, { kind, protocol }: Choice, wanted: Wanted): Promise<RemoteStreams> {
  if (kind === 'websocket') return channelStreams(await upgrade.websocket(protocol), protocol, wanted)
  return await spdyStreams(upgrade.spdy(protocol), protocol, wanted)
}

/** Upgrading is more than reading, also when it comes as a GET, as a WebSocket must. @throws StatusError 403 */
async function mayCreate({ call, request, context }: StreamRequest, subresource: string, authorizer: Authorizer): Promise<void> {
  if (request.method === 'POST' || context.user.groups.includes(MASTERS)) return
  const info = {
    isResource: true,
    verb: 'create',
    group: '',
    version: 'v1',
    apiVersion: 'v1',
    resource: 'pods',
    subresource,
    namespace: call.namespace,
    name: call.name,
    path: '',
    named: true,
    rest: '',
    watchPrefix: false,
  }
  const { allowed, reason } = await authorizer.authorize({ user: context.user, ...info })
  if (!allowed) throw forbiddenError(context.user, info, reason)
}

/** @throws StatusError 400 in upstream's words */
function startOf({ call, container }: StreamRequest, command?: readonly string[]): Start {
  const isTrue = (name: string, otherwise: boolean) => {
    const value = call.query.get(name)
    return value === null ? otherwise : value !== '' && value !== '0' && value.toLowerCase() !== 'false'
  }
  const tty = isTrue('tty', false)
  const start: Start = {
    container: container ?? '',
    command,
    stdin: isTrue('stdin', false),
    stdout: isTrue('stdout', command === undefined),
    stderr: isTrue('stderr', command === undefined) && !tty,
    tty,
  }
  if (!start.stdin && !start.stdout && !start.stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr')
  return start
}

const wantedOf = ({ stdin, stdout, stderr, tty }: Start): Wanted => ({ stdin, stdout, stderr, tty })

function isRunning({ status }: Pod, container: string): boolean {
  const all = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ]
  return all.some(({ name, state }) => name === container && state?.running !== undefined)
}

const notRunning = (container: string) => text(500, `container not found (${JSON.stringify(container)})`)

const text = (status: number, message: string) =>
  new Response(message, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } })

/** @throws StatusError 500: there is no way to the pod */
async function opened(open: () => Promise<ClientHttp2Stream>): Promise<ClientHttp2Stream> {
  try {
    return await open()
  } catch (error) {
    throw internalError(error instanceof Error ? error.message : String(error))
  }
}

/** What the agent says instead of serving the session. */
async function refused(tunnel: ClientHttp2Stream): Promise<Response | undefined> {
  const status = await new Promise<number>(resolve => {
    tunnel.on('response', headers => resolve(headers[':status'] ?? 500))
    tunnel.on('close', () => resolve(0))
  })
  if (status === 200) return undefined
  if (status === 0) return text(500, 'error dialing backend: the connection to the pod was lost')
  let body = ''
  tunnel.setEncoding('utf8')
  for await (const chunk of tunnel as AsyncIterable<string>) if (body.length < 4096) body += chunk
  return text(status, body)
}
