// "ECS Task State Change" events from EventBridge: at least once, in any order. Only the last state of a task says something that its
// agent does not say itself and sooner, and nothing comes after it; so order and repetition do not matter.
import type { Pod } from '../api/core/v1.ts'
import { PODS } from '../controllers/collections.ts'
import type { Task } from './ecs.ts'
import { parseGroup, type SettleContext, settle } from './settle.ts'

/** The members that are looked at. New ones may appear; times are ISO strings. */
export interface TaskStateChange {
  readonly taskArn?: string
  readonly version?: number
  readonly lastStatus?: string
  readonly desiredStatus?: string
  readonly startedBy?: string
  readonly group?: string
  readonly createdAt?: string
  readonly startedAt?: string
  readonly stoppedAt?: string
  readonly stopCode?: string
  readonly stoppedReason?: string
  readonly containers?: readonly {
    readonly name?: string
    readonly lastStatus?: string
    readonly exitCode?: number
    readonly reason?: string
  }[]
}

export function taskOf(detail: TaskStateChange): Task {
  // A time that cannot be read is one that is not known.
  const time = (text: string | undefined) => Date.parse(text ?? '') || undefined
  return {
    taskArn: detail.taskArn ?? '',
    version: detail.version ?? 0,
    lastStatus: detail.lastStatus ?? '',
    desiredStatus: detail.desiredStatus ?? '',
    startedBy: detail.startedBy,
    group: detail.group,
    createdAt: time(detail.createdAt),
    startedAt: time(detail.startedAt),
    stoppedAt: time(detail.stoppedAt),
    stopCode: detail.stopCode,
    stoppedReason: detail.stoppedReason,
    containers: (detail.containers ?? []).map(({ name = '', lastStatus = '', exitCode, reason }) => ({
      name,
      lastStatus,
      exitCode,
      reason,
    })),
  }
}

/** Throws when the pod could not be written (a lost compare-and-swap too): the event is delivered again. */
export async function taskChanged(detail: TaskStateChange, contextOf: (cluster: string) => SettleContext): Promise<void> {
  const task = taskOf(detail)
  const origin = parseGroup(task.group)
  if (task.lastStatus !== 'STOPPED' || !origin) return
  const context = contextOf(origin.cluster)
  const pod = await context.client.get<Pod>(PODS, origin.namespace, origin.name)
  if (pod && pod.metadata.uid === task.startedBy) await settle(pod, task, context)
}
