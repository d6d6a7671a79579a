// A pod's task has stopped: what that means for the pod. Called with what ECS's events, a poll or the launcher's own look at the
// task found, in any order and any number of times: STOPPED is a task's last word, and the record says which task is meant.
import type { Pod } from '../api/core/v1.ts'
import type { Client } from '../apimachinery/client.ts'
import { PODS } from '../controllers/collections.ts'
import { isFinished } from '../controllers/pods.ts'
import type { EventRecorder } from '../controllers/types.ts'
import { backOff, LONG_ENOUGH_MS } from './back-off.ts'
import { podContainers } from './containers.ts'
import type { Task } from './ecs.ts'
import { type TaskRecord, taskRecord, withRecord } from './record.ts'
import { type Facts, podStatus, taskEnd } from './status.ts'

export interface SettleContext {
  readonly client: Client
  readonly events: EventRecorder
  now(): number
}

export interface TaskOrigin {
  readonly cluster: string
  readonly namespace: string
  readonly name: string
  readonly launch: number
}

/**
 * The task group says which launch of which pod a task is: "pod/<cluster>/<namespace>/<name>/<launch>". ECS takes 255 characters: with a
 * name as long as names can be, nobody is told of the task by events, and the launcher's and the sweep's looks have to do.
 */
export function taskGroup({ cluster, namespace, name, launch }: TaskOrigin): string {
  return `pod/${cluster}/${namespace}/${name}/${launch}`.slice(0, 255)
}

export function parseGroup(group: string | undefined): TaskOrigin | undefined {
  const [, cluster, namespace, name, launch] = /^pod\/([^/]+)\/([^/]+)\/([^/]+)\/(\d+)$/.exec(group ?? '') ?? []
  return cluster && namespace && name && launch ? { cluster, namespace, name, launch: Number(launch) } : undefined
}

/** Whether the task is the one that the pod has now, and not that of an earlier launch. */
export function isCurrent(task: Task, pod: Pod, record: TaskRecord): boolean {
  if (task.startedBy !== pod.metadata.uid) return false
  if (record.task !== undefined) return record.task === task.taskArn
  return parseGroup(task.group)?.launch === record.launch
}

/** Writes what the end of the task means. Answers the pod as it is then. */
export async function settle(pod: Pod, task: Task, context: SettleContext): Promise<Pod> {
  const record = taskRecord(pod)
  if (!record || task.lastStatus !== 'STOPPED' || !isCurrent(task, pod, record)) return pod
  // Known already: the agent said it, or an earlier call did.
  if (record.finished || record.retryAt !== undefined) return pod
  const now = context.now()
  const final = { ...record, task: task.taskArn, finished: true }
  if (isFinished(pod) || pod.metadata.deletionTimestamp) return write(pod, final, { now, task }, context)
  switch (taskEnd(task)) {
    case 'orderly':
      return write(pod, final, { now, task }, context)
    case 'machine': {
      const message = 'Pod was terminated in response to imminent node shutdown.'
      return write(pod, final, { now, task, failed: { reason: 'Terminated', message } }, context)
    }
    case 'killed':
      if (pod.spec.restartPolicy === 'Never') return write(pod, final, { now, task }, context)
      await context.events.event(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
      return write(pod, again(record, task, now), { now, task, relaunched: true }, context)
    case 'never started':
      return neverStarted(pod, task, record, now, context)
  }
}

/** The next launch: at once if this one lived long or was the first to fail, later and later otherwise. */
function again(record: TaskRecord, task: Task, now: number): TaskRecord {
  const lived = (task.stoppedAt ?? now) - (task.startedAt ?? task.stoppedAt ?? now)
  const failures = lived > LONG_ENOUGH_MS ? 0 : (record.failures ?? 0)
  return { launch: record.launch, at: record.at, failures: failures + 1, retryAt: failures === 0 ? now : now + backOff(failures) }
}

/** ECS could not start it: an image that its machine cannot pull, no address, no log group ... */
async function neverStarted(pod: Pod, task: Task, record: TaskRecord, now: number, context: SettleContext): Promise<Pod> {
  const failures = (record.failures ?? 0) + 1
  const next = { launch: record.launch, at: record.at, failures, retryAt: now + backOff(failures) }
  const unpulled = task.containers.filter(({ reason }) => reason?.startsWith('CannotPullContainerError'))
  const waiting = new Map<string, { reason: string; message: string }>()
  for (const { name, reason = '' } of unpulled) {
    const entry = podContainers(pod).find(({ container }) => container.name === name)
    if (!entry) continue
    const message = reason.replace(/^CannotPullContainerError:\s*/i, '')
    waiting.set(name, { reason: 'ErrImagePull', message })
    const failed = `Failed to pull image ${JSON.stringify(entry.container.image)}: ${message}`
    await context.events.event(pod, 'Warning', 'Failed', failed, undefined, `spec.containers{${name}}`)
    await context.events.event(pod, 'Warning', 'Failed', 'Error: ErrImagePull', undefined, `spec.containers{${name}}`)
  }
  if (waiting.size === 0) {
    const reason = [task.stoppedReason, ...task.containers.map(container => container.reason)].find(text => text) ?? 'ECS gave no reason'
    await context.events.event(pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${reason}`)
  }
  return write(pod, next, { now, task, relaunched: true, waiting }, context)
}

function write(pod: Pod, record: TaskRecord, facts: Facts, { client }: SettleContext): Promise<Pod> {
  return client.updateStatus<Pod>(PODS, { ...pod, metadata: withRecord(pod.metadata, record), status: podStatus(pod, facts) })
}
