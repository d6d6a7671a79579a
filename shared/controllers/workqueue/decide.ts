// How many Jobs a WorkQueue wants, what they are called, and when to look at the queue again. Pure.
import type { WorkQueueSpec, WorkQueueStatus } from '../../api/zeroplane/v1alpha1.ts'
import { parseTime, timestamp } from '../time.ts'
import type { QueueDepth } from './queues.ts'

/** Looks at a queue cost two requests to SQS, two messages through the pipeline, and two short calls of functions. */
const BUSY_SECONDS = 15
const IDLE_SECONDS = 60

export interface Situation {
  readonly spec: WorkQueueSpec
  readonly status: WorkQueueStatus
  readonly depth: QueueDepth
  /** Jobs of the WorkQueue that have not finished. */
  readonly active: number
  /** Milliseconds since the epoch. */
  readonly now: number
}

export interface Decision {
  /** Jobs to launch now. */
  readonly launch: number
  /** Seconds until the next look. */
  readonly next: number
}

/** One Job for each `itemsPerJob` messages that wait or are being worked on, within `min` and `max`. Running Jobs are never ended. */
export function decide({ spec, status, depth, active, now }: Situation): Decision {
  const { min = 0, max = 0, itemsPerJob = 1, coolDownSeconds = 0 } = spec
  const messages = depth.visible + depth.inFlight
  const wanted = Math.min(max, Math.max(min, Math.ceil(messages / itemsPerJob)))
  const missing = Math.max(0, wanted - active)
  const since = status.lastLaunchTime === undefined ? Number.POSITIVE_INFINITY : (now - parseTime(status.lastLaunchTime)) / 1000
  const rest = Math.max(0, coolDownSeconds - since)
  const busy = messages + depth.delayed + active + missing > 0
  const next = busy ? BUSY_SECONDS : IDLE_SECONDS
  if (missing > 0 && rest > 0) return { launch: 0, next: Math.min(next, rest) }
  return { launch: missing, next }
}

/**
 * Numbers for the next Jobs, without end: the lowest ones above the count in the status that no Job has. They follow from what is stored, so that a
 * repeated reconcile chooses the same ones, and creates nothing twice:
 *
 *   launched = 0, wanted 3      A creates 1, 2 and dies            launched is still 0, two Jobs are active
 *                               A' finds 1, 2; one is missing      creates 3
 *   and at the same time        B, which saw none, creates 1, 2, 3: AlreadyExists, AlreadyExists, and one of the two 3s
 */
export function* nextNumbers(launched: number, taken: ReadonlySet<number>): Generator<number> {
  for (let number = launched + 1; ; number++) if (!taken.has(number)) yield number
}

/**
 * Members of the status that tell of the backlog. SQS does not answer how old a message is, but it cannot be older than the time for
 * which the queue has not been empty. In whole minutes, so that a queue that stands still is not written at every look.
 */
export function backlog({
  depth,
  status,
  now,
}: Pick<Situation, 'depth' | 'status' | 'now'>): Pick<WorkQueueStatus, 'backlogSince' | 'oldestAgeSeconds'> {
  if (depth.visible + depth.inFlight + depth.delayed === 0) return { backlogSince: undefined, oldestAgeSeconds: undefined }
  const backlogSince = status.backlogSince ?? timestamp(now)
  return { backlogSince, oldestAgeSeconds: Math.max(0, Math.floor((now - parseTime(backlogSince)) / 60_000) * 60) }
}
