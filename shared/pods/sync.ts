// The control plane's end of the agents' sync call (agent-protocol.ts has the rules): Request -> Response.
import type { Pod, PodStatus } from '../api/core/v1.ts'
import type { Client } from '../apimachinery/client.ts'
import type { Reader } from '../apimachinery/context.ts'
import { asStatusError, badRequest, isStatus, StatusError, tooLarge, unauthorized } from '../apimachinery/status-error.ts'
import { objectKey } from '../apimachinery/types.ts'
import { PODS } from '../controllers/collections.ts'
import { equal } from '../controllers/equality.ts'
import type { EventRecorder } from '../controllers/types.ts'
import { REPORT_SECONDS } from '../metrics/usage.ts'
import type { Store } from '../store/types.ts'
import { ACKNOWLEDGED_HEADER, type Orders, type PodVolumes, REPORT_LIMIT, type Report, type VolumesAsked } from './agent-protocol.ts'
import { type AgentClaims, verifyToken } from './agent-token.ts'
import { podContainers } from './containers.ts'
import { deletionOf, syncAfter } from './orders.ts'
import { podPlan } from './plan.ts'
import { type TaskRecord, taskRecord, withRecord } from './record.ts'
import type { UsageSink } from './report-usage.ts'
import type { KnownServices, ServiceNews } from './services/protocol.ts'
import { podStatus } from './status.ts'

export interface AgentSyncOptions {
  readonly client: Client
  readonly read: Reader
  /** For waiting until a pod changes; used only when holdSeconds is more than 0. */
  readonly store: Pick<Store, 'watch'>
  readonly key: () => Promise<Buffer>
  readonly events: EventRecorder
  readonly now: () => number
  /** How long a call may be held open until the pod changes. 0 where an open call costs money. */
  readonly holdSeconds: number
  /** Base URL of the gateway, where there is one. */
  readonly gateway?: string
  readonly usage?: UsageSink
  /** Asks ECS for the task of a pod, for an agent that has no task metadata endpoint. Its ARN. */
  readonly findTask: (uid: string) => Promise<string | undefined>
  readonly services?: Services
  /** What agents show to clients of the API in their pods, where the API's own certificate will not do. */
  readonly apiCertificate?: () => Promise<{ readonly cert: string; readonly key: string } | undefined>
}

/** What agents are told of Services (services/catalog.ts). */
export interface Services {
  news(pod: Pod, known: KnownServices): Promise<ServiceNews | undefined>
  nextNews(pod: Pod, known: KnownServices, signal: AbortSignal): Promise<ServiceNews | undefined>
}

/** A lost compare-and-swap is tried again so often before the agent is asked to. */
const ATTEMPTS = 8

export function createAgentSync(options: AgentSyncOptions): (request: Request) => Promise<Response> {
  return async request => {
    try {
      const claims = await authenticate(request, options)
      const report = await readReport(request)
      return await answer(claims, report, options, request.signal)
    } catch (error) {
      const { status, code } = asStatusError(error)
      return Response.json(status, { status: code })
    }
  }
}

async function authenticate(request: Request, { key }: AgentSyncOptions): Promise<AgentClaims> {
  const token = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
  const claims = token === undefined ? undefined : verifyToken(await key(), token)
  if (!claims) throw unauthorized()
  return claims
}

async function readReport(request: Request): Promise<Report> {
  const text = await request.text()
  if (text.length > REPORT_LIMIT) throw tooLarge(`a report is at most ${REPORT_LIMIT} bytes`)
  try {
    const report = JSON.parse(text) as Report
    if (Number.isInteger(report.sequence) && Array.isArray(report.containers) && Array.isArray(report.events)) return report
  } catch {
    // Told below.
  }
  throw badRequest('this is not a report: sequence, containers and events are required')
}

const gone = () => new StatusError(410, 'Gone', 'the pod is gone, or another task has taken its place')

async function answer(claims: AgentClaims, report: Report, options: AgentSyncOptions, disconnected: AbortSignal): Promise<Response> {
  const pod = await record(claims, report, options)
  for (const { id: _, container, type, reason, message } of report.events) {
    // In order, because they may be counted together; they never fail.
    await options.events.event(pod, type, reason, message, undefined, container === undefined ? undefined : fieldPath(pod, container))
  }
  const rhythm = rhythmOf(options, await options.usage?.(pod, report))
  const headers = {
    'content-type': 'application/json',
    [ACKNOWLEDGED_HEADER]: `${report.sequence} ${report.events.at(-1)?.id ?? 0}`,
  }
  const orders = await ordersFor(pod, report, options, rhythm)
  const hold = rhythm.holdSeconds > 0 && !orders.plan && !orders.volumes && !orders.services && !orders.deletion && !report.finished
  if (!hold) return new Response(JSON.stringify(orders), { headers })
  return new Response(held(pod, report, options, rhythm, disconnected), { headers })
}

/** How long calls are held, and the longest time between two of them. */
interface Rhythm {
  readonly holdSeconds: number
  readonly longestSeconds: number
}

/** Figures that somebody wants come with reports: an agent that has nothing else to say makes one for them. */
function rhythmOf({ holdSeconds }: AgentSyncOptions, usageWanted: boolean | undefined): Rhythm {
  const longestSeconds = usageWanted ? REPORT_SECONDS : Number.POSITIVE_INFINITY
  return { holdSeconds: Math.min(holdSeconds, longestSeconds), longestSeconds }
}

const fieldPath = (pod: Pod, name: string) =>
  podContainers(pod).some(({ container, role }) => container.name === name && role !== 'app')
    ? `spec.initContainers{${name}}`
    : `spec.containers{${name}}`

/** Puts what the report says into the pod's status, unless it is there. Answers the pod as it is afterwards. @throws gone */
async function record(claims: AgentClaims, report: Report, { client, now }: AgentSyncOptions): Promise<Pod> {
  for (let attempt = 1; ; attempt++) {
    const pod = await client.get<Pod>(PODS, claims.namespace, claims.name)
    const known = pod === undefined ? undefined : taskRecord(pod)
    if (!pod || pod.metadata.uid !== claims.uid || known?.launch !== claims.launch) throw gone()
    // Started twice by accident (StartTask has no client token): the first to report is the pod's task. Agents whose metadata endpoint
    // is late do not know their task, so they are told apart by a name of their own as well.
    //
    //   task 1: ... metadata late, reports: it is the pod's ........... goes on
    //   task 2: ......... metadata late, reports: would be told task 1's ARN, and go on beside it
    if (isOther(known.agent, report.agent) || isOther(known.task, report.taskArn)) throw gone()
    // A late report knows less than the pod.
    if (report.sequence <= (known.report ?? 0) || saysNothing(pod, report)) return pod
    const next: TaskRecord = {
      ...known,
      task: known.task ?? report.taskArn,
      agent: known.agent ?? report.agent,
      report: report.sequence,
      finished: known.finished || report.finished || undefined,
    }
    const failed = report.evicted === undefined ? undefined : { reason: 'Evicted', message: report.evicted }
    const status = podStatus(pod, { now: now(), report, failed })
    if (isKnown(pod, status) && next.finished === known.finished && next.task === known.task && next.agent === known.agent) return pod
    try {
      return await client.updateStatus<Pod>(PODS, { ...pod, metadata: withRecord(pod.metadata, next), status })
    } catch (error) {
      if (isStatus(error, 'NotFound')) throw gone()
      if (!isStatus(error, 'Conflict') || attempt === ATTEMPTS) throw error
    }
  }
}

const isOther = (known: string | undefined, said: string | undefined) => known !== undefined && said !== undefined && known !== said

/** Deleting a pod makes a new generation of it; that alone is not worth a write that nobody waits for. */
function isKnown(pod: Pod, status: PodStatus): boolean {
  if (pod.metadata.deletionTimestamp === undefined) return equal(status, pod.status)
  const plain = ({ conditions, ...rest }: PodStatus = {}) => ({
    ...rest,
    observedGeneration: undefined,
    conditions: conditions?.map(condition => ({ ...condition, observedGeneration: undefined })),
  })
  return equal(plain(status), plain(pod.status))
}

/** Nothing has run yet and every container waits for what it is known to wait for: the first start is soon enough to write of. */
function saysNothing(pod: Pod, { containers, finished }: Report): boolean {
  const known = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  return (
    !finished &&
    containers.every(({ name, state, lastState }) => {
      const before = known.find(status => status.name === name)
      return (
        state.waiting !== undefined &&
        state.waiting.reason === before?.state?.waiting?.reason &&
        equal(lastState ?? {}, before?.lastState ?? {})
      )
    })
  )
}

async function ordersFor(pod: Pod, report: Report, options: AgentSyncOptions, { holdSeconds, longestSeconds }: Rhythm): Promise<Orders> {
  const { read, now, gateway, findTask } = options
  const known = report.taskArn ?? taskRecord(pod)?.task
  const [plan, taskArn, volumes, services] = await Promise.all([
    report.wantsPlan ? podPlan(pod, read, report.podIPs, await options.apiCertificate?.()) : undefined,
    report.wantsPlan ? (known ?? findTask(pod.metadata.uid ?? '')) : undefined,
    report.volumes ? volumesFor(pod, report.volumes, options) : undefined,
    report.services && options.services?.news(pod, report.services),
  ])
  const deletion = deletionOf(pod, now())
  return {
    plan: plan && { ...plan, taskArn },
    volumes,
    deletion,
    services,
    // A call that is held answers with the next change; one about a deletion is not held, and must not be repeated at once.
    syncAfterSeconds: holdSeconds > 0 && !deletion ? 0 : Math.min(syncAfter(pod), longestSeconds),
    holdSeconds,
    gateway,
  }
}

/** Loaded when an agent asks: of the API's requests few are of this kind. */
async function volumesFor(pod: Pod, asked: VolumesAsked, { read, client }: AgentSyncOptions): Promise<PodVolumes> {
  const { podVolumes } = await import('./pod-volumes.ts')
  return podVolumes(pod, asked, { read, client })
}

/** A body that comes when the pod's orders or its Services change, or the time is over. The headers go out before. */
function held(
  pod: Pod,
  report: Report,
  options: AgentSyncOptions,
  { holdSeconds }: Rhythm,
  disconnected: AbortSignal,
): ReadableStream<Uint8Array> {
  const { gateway, now } = options
  const over = new AbortController()
  const first = new AbortController()
  const signal = AbortSignal.any([over.signal, first.signal, disconnected, AbortSignal.timeout(holdSeconds * 1000)])
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      const done = () => first.abort()
      const [newest, services] = await Promise.all([
        changed(pod, options, signal).finally(done),
        // What is the matter there the agent hears with its next call.
        report.services &&
          options.services
            ?.nextNews(pod, report.services, signal)
            .catch(() => undefined)
            .finally(done),
      ])
      if (over.signal.aborted || disconnected.aborted) return
      const deletion = deletionOf(newest, now())
      const orders: Orders = { deletion, services, syncAfterSeconds: deletion ? syncAfter(newest) : 0, holdSeconds, gateway }
      controller.enqueue(new TextEncoder().encode(JSON.stringify(orders)))
      controller.close()
    },
    cancel: () => over.abort(),
  })
}

/** The pod when its orders are others than now; as it was when the signal says so before that. */
async function changed(pod: Pod, { store, now }: AgentSyncOptions, signal: AbortSignal): Promise<Pod> {
  const key = objectKey(pod.metadata.namespace, pod.metadata.name)
  const launch = taskRecord(pod)?.launch
  try {
    for await (const item of store.watch(PODS, { from: Number(pod.metadata.resourceVersion), prefix: key, signal })) {
      if (!('change' in item) || item.change.key !== key) continue
      const { type, object } = item.change
      const newest = object as Pod
      // Gone or taken over: the agent asks again and is told so.
      if (type === 'deleted' || taskRecord(newest)?.launch !== launch || deletionOf(newest, now())) return newest
    }
  } catch {
    // The log no longer reaches back so far: the agent asks again.
  }
  return pod
}
