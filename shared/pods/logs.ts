// The log subresource of pods, over CloudWatch Logs: which stream and which attempt is meant, and its lines as kubectl wants them.
// Streams outlive tasks, so a log can be read as long as its pod's status says where it is.
import type { ContainerStatus, Pod } from '../api/core/v1.ts'
import { badRequest } from '../apimachinery/status-error.ts'
import { AttemptLines, AttemptTail, type LogEvent } from './log-lines.ts'
import { logStream } from './settings.ts'

export interface LogPage {
  readonly events: readonly LogEvent[]
  /** Where to go on, forwards and backwards. The same as given: nothing more there for now. */
  readonly forward: string | undefined
  readonly backward: string | undefined
}

/** Pages of one stream of the pods' log group, of at most some thousand events, each in the events' order. */
export interface LogReader {
  /** Undefined: there is no such stream (yet). */
  page(stream: string, from: { token?: string; startTime?: number; endTime?: number; fromHead: boolean }): Promise<LogPage | undefined>
}

export interface LogQuery {
  readonly container: string
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  readonly sinceSeconds?: number
  /** RFC 3339. */
  readonly sinceTime?: string
  readonly tailLines?: number
  readonly limitBytes?: number
}

export interface LogOptions {
  readonly reader: LogReader
  /** The pod as it is now; undefined when it is gone. */
  readonly refresh: () => Promise<Pod | undefined>
  readonly now: () => number
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  /** A followed log ends after this, in milliseconds: whatever serves it has its own limit. */
  readonly longest: number
}

interface Place {
  readonly stream: string
  readonly attempt: number
  /** Milliseconds; the status has whole seconds. */
  readonly startedAt: number | undefined
  readonly finishedAt: number | undefined
}

/** Where a container's log is. @throws StatusError 400 in kubelet's words. */
export function logPlace(pod: Pod, { container: name, previous }: Pick<LogQuery, 'container' | 'previous'>): Place {
  const about = `container ${JSON.stringify(name)} in pod ${JSON.stringify(pod.metadata.name)}`
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  const status = all.find(entry => entry.name === name)
  const last = status?.lastState?.terminated
  if (previous) {
    if (!last?.containerID) throw badRequest(`previous terminated ${about} not found`)
    return placeOf(last.containerID, last.startedAt, last.finishedAt)
  }
  const { running, terminated, waiting } = status?.state ?? {}
  const id = terminated?.containerID ?? (running ? status?.containerID : (last?.containerID ?? undefined))
  if (id) return placeOf(id, (running ?? terminated ?? last)?.startedAt, (terminated ?? (running ? undefined : last))?.finishedAt)
  throw badRequest(`${about} is waiting to start: ${whyWaiting(status, waiting?.reason)}`)
}

function whyWaiting(status: ContainerStatus | undefined, reason: string | undefined): string {
  if (reason === 'ErrImagePull') return "image can't be pulled"
  if (reason === 'ImagePullBackOff') return 'trying and failing to pull image'
  return reason ?? (status ? 'ContainerCreating' : 'no logs yet')
}

/** "ecs://<task id>/<container>/<attempt>" */
function placeOf(containerID: string, startedAt: string | undefined, finishedAt: string | undefined): Place {
  const [, task = '', container = '', attempt] = /^ecs:\/\/([^/]+)\/([^/]+)\/(\d+)$/.exec(containerID) ?? []
  const time = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text))
  return { stream: logStream(container, task), attempt: Number(attempt ?? 0), startedAt: time(startedAt), finishedAt: time(finishedAt) }
}

/** Whole seconds and two clocks: look this much around a time that a status tells. */
const SLACK_MS = 2_000
/** Between two looks at a followed log: at first, and when nothing comes. GetLogEvents may be called 25 times a second by an account. */
const FIRST_POLL_MS = 250
const LAST_POLL_MS = 2_000
/** How often a followed container that says nothing is looked at, and how long its last lines may be under way after its end. */
const STATUS_EVERY_MS = 10_000
const UNDER_WAY_MS = 8_000

/** The log as bytes, in pieces as they come. Ends by itself; stops when the signal does. */
export async function* podLog(pod: Pod, query: LogQuery, options: LogOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const place = logPlace(pod, query)
  const format = formatter(query)
  let left = query.limitBytes ?? Number.POSITIVE_INFINITY
  const cut = (events: readonly LogEvent[]) => {
    const bytes = Buffer.from(events.map(format).join(''))
    left -= bytes.length
    // Cut where it falls, as upstream does.
    return left < 0 ? bytes.subarray(0, left) : bytes
  }
  for await (const events of query.tailLines === undefined ? whole(place, query, options, signal) : tail(place, query, options, signal)) {
    if (events.length > 0) yield cut(events)
    if (left <= 0) return
  }
}

function sinceOf({ sinceSeconds, sinceTime }: LogQuery, now: number): number | undefined {
  if (sinceTime !== undefined) return Date.parse(sinceTime)
  return sinceSeconds === undefined ? undefined : now - sinceSeconds * 1000
}

async function* whole(place: Place, query: LogQuery, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogEvent[]> {
  const since = sinceOf(query, options.now())
  const begin = place.startedAt === undefined ? undefined : place.startedAt - SLACK_MS
  const passed = since !== undefined && place.startedAt !== undefined && since > place.startedAt + SLACK_MS
  const lines = new AttemptLines(place.attempt, passed)
  yield* forwards(
    place,
    lines,
    undefined,
    since !== undefined && begin !== undefined ? Math.max(since, begin) : (since ?? begin),
    since,
    query,
    options,
    signal,
  )
}

async function* tail(place: Place, query: LogQuery, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogEvent[]> {
  const { reader } = options
  const since = sinceOf(query, options.now())
  const last = new AttemptTail(place.attempt, query.tailLines ?? 0)
  const range = { startTime: since, endTime: place.finishedAt === undefined ? undefined : place.finishedAt + UNDER_WAY_MS, fromHead: false }
  let page = await reader.page(place.stream, range)
  const forward = page?.forward
  while (page && !signal.aborted) {
    last.unshift(page.events)
    if (last.isComplete(!query.previous)) break
    const earlier: LogPage | undefined = await reader.page(place.stream, { ...range, token: page.backward })
    // An empty page is not the end yet; the same token again is.
    if (!earlier || earlier.backward === page.backward) break
    page = earlier
  }
  yield last.lines()
  if (!query.follow || place.finishedAt !== undefined) return
  yield* forwards(place, new AttemptLines(place.attempt, true), forward, since, since, query, options, signal)
}

/** From a token or a time to the end, and with `follow` on from there until the attempt has ended. */
async function* forwards(
  place: Place,
  lines: AttemptLines,
  token: string | undefined,
  startTime: number | undefined,
  since: number | undefined,
  query: LogQuery,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogEvent[]> {
  const { reader, now, sleep, longest } = options
  const recent = (events: LogEvent[]) => (since === undefined ? events : events.filter(({ timestamp }) => timestamp >= since))
  const until = now() + longest
  let wait = FIRST_POLL_MS
  let looked = now()
  let settled = false
  while (!signal.aborted) {
    const page = await reader.page(place.stream, { token, startTime, fromHead: true })
    const found = recent(lines.push(page?.events ?? []))
    yield found
    const atEnd = !page || page.forward === token
    token = page?.forward ?? token
    if (found.length > 0) wait = FIRST_POLL_MS
    if (!atEnd && !lines.over) continue
    yield recent(lines.flush())
    if (!query.follow || lines.over || settled || now() >= until) return
    // Once more after the end, for the other output's last lines.
    settled = lines.ended
    await sleep(wait, signal)
    wait = Math.min(wait * 1.5, LAST_POLL_MS)
    if (now() - looked >= STATUS_EVERY_MS) {
      looked = now()
      if (await isOver(place, query, options)) return
    }
  }
}

/** No end was logged (the task was killed), but the container has ended, or the pod is gone. */
async function isOver(place: Place, { container }: LogQuery, { refresh, now }: LogOptions): Promise<boolean> {
  const pod = await refresh()
  if (!pod) return true
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  const status = all.find(({ name }) => name === container)
  const ended = [status?.state?.terminated, status?.lastState?.terminated].find(
    end =>
      end?.containerID !== undefined &&
      placeOf(end.containerID, undefined, undefined).stream === place.stream &&
      placeOf(end.containerID, undefined, undefined).attempt >= place.attempt,
  )
  return ended?.finishedAt !== undefined && now() - Date.parse(ended.finishedAt) > UNDER_WAY_MS
}

function formatter({ timestamps }: LogQuery): (event: LogEvent) => string {
  // Nanoseconds, of which CloudWatch keeps the first six zeros' worth.
  return ({ timestamp, message }) =>
    timestamps ? `${new Date(timestamp).toISOString().replace('Z', '000000Z')} ${message}\n` : `${message}\n`
}
