// The controller that brings bound pods to ECS and their tasks to an end: kubelet's part, as far as it is not the agent's.
//
// Promises: no task is started twice (the launch is claimed before the call), none is left without its pod (deletion stops the
// task before the pod goes; what slips through is stopped by the sweep, or leaves by itself when its agent is answered 410).
import type { Node, Pod } from '../api/core/v1.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { NODES, PODS } from '../controllers/collections.ts'
import { isFinished } from '../controllers/pods.ts'
import { parseTime } from '../controllers/time.ts'
import type { Controller, ControllerContext, Outcome } from '../controllers/types.ts'
import { splitName } from '../controllers/watches.ts'
import type { Change } from '../store/types.ts'
import type { Task } from './ecs.ts'
import { isGone, Launcher, type LaunchOptions, LOOK_AFTER_SECONDS } from './launch.ts'
import { capacityOf } from './ours.ts'
import { type TaskRecord, taskRecord, withRecord } from './record.ts'
import { isCurrent, settle } from './settle.ts'
import { podStatus } from './status.ts'
import { type IsThere, SWEEP_KEY, Sweeper } from './sweep.ts'

/** ECS may not list a task in the moment after it was started; a claim without a task is believed dead after this. */
const CLAIM_SETTLES_MS = 2_000
/** After the grace is over, how often ECS is asked whether the task has stopped. */
const ENDING_POLL_SECONDS = 10

const GONE = 'gone'

export interface LauncherOptions extends LaunchOptions {
  /** Default: every cluster is. */
  readonly isThere?: IsThere
}

/** @param resolve called when there is work for the first time. */
export function podLauncher(resolve: () => LauncherOptions): Controller {
  let parts: { readonly options: LauncherOptions; readonly launcher: Launcher; readonly sweeper: Sweeper } | undefined
  const open = () => {
    if (parts) return parts
    const options = resolve()
    parts = {
      options,
      launcher: new Launcher(options),
      sweeper: new Sweeper(options.ecs, options.settings.cluster, options.isThere ?? (async () => true)),
    }
    return parts
  }
  return {
    name: 'pod-launcher',
    component: 'kubelet',
    watches: [{ resource: PODS, keys: concerned }],
    async reconcile(key, context) {
      const { options, launcher, sweeper } = open()
      if (key === SWEEP_KEY) return sweeper.sweep(context)
      const { about, name: uid } = splitName(splitKey(key).name)
      if (about === GONE) return stopAll(uid, options)
      const pod = (await context.informer(PODS)).get(key)?.object as Pod | undefined
      if (!pod?.spec.nodeName) return undefined
      const node = (await context.informer(NODES)).get(objectKey(undefined, pod.spec.nodeName))?.object as Node | undefined
      if (!node || !capacityOf(node)) return undefined
      const outcome = await new PodWork(pod, node, context, options, launcher).run()
      return sweeper.isDue(context.now()) ? { ...outcome, also: [SWEEP_KEY] } : outcome
    },
  }
}

/** Bound pods; and of one that was removed at once, its task. */
function* concerned({ type, key, object }: Change): Iterable<string> {
  const pod = object as Pod
  if (type !== 'deleted') {
    if (pod.spec.nodeName) yield key
    return
  }
  const record = taskRecord(pod)
  if (record && record.launch > 0 && !record.finished) yield objectKey(pod.metadata.namespace, `${GONE}:${pod.metadata.uid}`)
}

async function stopAll(uid: string, { ecs }: LaunchOptions): Promise<undefined> {
  for (const arn of await ecs.listTasks({ startedBy: uid })) await ecs.stopTask(arn, 'the pod was deleted')
}

class PodWork {
  readonly #pod: Pod
  readonly #node: Node
  readonly #context: ControllerContext
  readonly #options: LaunchOptions
  readonly #launcher: Launcher

  constructor(pod: Pod, node: Node, context: ControllerContext, options: LaunchOptions, launcher: Launcher) {
    this.#pod = pod
    this.#node = node
    this.#context = context
    this.#options = options
    this.#launcher = launcher
  }

  async run(): Promise<Outcome | undefined> {
    const pod = this.#pod
    const record = taskRecord(pod)
    if (pod.metadata.deletionTimestamp !== undefined) return this.#end(record)
    if (isFinished(pod)) {
      // Its containers ended, or somebody failed it while they ran: then they must stop.
      if (record && record.launch > 0 && !record.finished) return this.#stop(record, pod.status?.reason ?? 'the pod has failed')
      return undefined
    }
    const deadline = this.#deadline()
    if (deadline !== undefined && deadline <= this.#context.now()) return this.#deadlineExceeded()
    const outcome = await this.#start(record)
    if (deadline === undefined) return outcome
    const left = (deadline - this.#context.now()) / 1000
    return { ...outcome, requeueAfter: Math.max(0, Math.min(left, outcome?.requeueAfter ?? left)) }
  }

  async #start(record: TaskRecord | undefined): Promise<Outcome | undefined> {
    if (!record || record.launch === 0 || record.retryAt !== undefined) return this.#launcher.launch(this.#pod, this.#node, this.#context)
    // The agent has reported: events, its reports and the sweep tell the rest.
    if (record.task !== undefined) {
      this.#launcher.forget(this.#pod, record.launch)
      return undefined
    }
    const age = this.#context.now() - record.at
    const known = this.#launcher.launchedHere(this.#pod, record.launch)
    if (known !== undefined && age < LOOK_AFTER_SECONDS * 1000) return { requeueAfter: LOOK_AFTER_SECONDS - age / 1000 }
    if (known === undefined && age < CLAIM_SETTLES_MS) return { requeueAfter: (CLAIM_SETTLES_MS - age) / 1000 }
    const task = await this.#find(record, known)
    if (task === undefined) return this.#launcher.resume(this.#pod, this.#node, this.#context)
    if (task.lastStatus !== 'STOPPED') return { requeueAfter: LOOK_AFTER_SECONDS }
    await settle(this.#pod, task, this.#context)
    return undefined
  }

  /** The pod is being deleted: its task is told to stop, and when nothing of it runs any more, the pod goes. */
  async #end(record: TaskRecord | undefined): Promise<Outcome | undefined> {
    if (!record || record.launch === 0 || (record.retryAt !== undefined && record.task === undefined)) return this.#remove()
    // The agent leaves by itself; should it not, the sweep finds its task without a pod.
    if (record.finished) return this.#remove()
    const arn = record.task ?? this.#launcher.launchedHere(this.#pod, record.launch) ?? (await this.#find(record))?.taskArn
    // Its signal is what tells the agent: it asks at once what grace there is.
    const task = arn === undefined ? undefined : await this.#options.ecs.stopTask(arn, 'the pod was deleted')
    if (task && task.lastStatus !== 'STOPPED') {
      const left = (parseTime(this.#pod.metadata.deletionTimestamp!) - this.#context.now()) / 1000
      return { requeueAfter: Math.max(left, 0) + ENDING_POLL_SECONDS }
    }
    await this.#finalStatus(record, task)
    return this.#remove()
  }

  /** Whoever counts ended pods (Jobs) sees how this one ended before it goes. */
  async #finalStatus(record: TaskRecord, task: Task | undefined) {
    if (task) {
      await settle(this.#pod, task, this.#context)
      return
    }
    if (isFinished(this.#pod)) return
    // Forgotten by ECS, or its call never got there: nothing runs.
    const now = this.#context.now()
    const ended: Task = { taskArn: record.task ?? '', version: 0, lastStatus: 'STOPPED', desiredStatus: 'STOPPED', containers: [] }
    const metadata = withRecord(this.#pod.metadata, { ...record, finished: true })
    await this.#context.client.updateStatus<Pod>(PODS, { ...this.#pod, metadata, status: podStatus(this.#pod, { now, task: ended }) })
  }

  async #remove(): Promise<undefined> {
    const { namespace, name, uid } = this.#pod.metadata
    try {
      await this.#context.client.delete(PODS, namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } })
    } catch (error) {
      // Gone already, or another pod of the same name has come.
      if (!isGone(error)) throw error
    }
  }

  async #stop(record: TaskRecord, reason: string): Promise<Outcome | undefined> {
    const task = await this.#find(record, this.#launcher.launchedHere(this.#pod, record.launch))
    if (!task || task.lastStatus === 'STOPPED') {
      if (task) await settle(this.#pod, task, this.#context)
      return undefined
    }
    if (task.desiredStatus !== 'STOPPED') await this.#options.ecs.stopTask(task.taskArn, reason)
    return { requeueAfter: LOOK_AFTER_SECONDS }
  }

  /** The task of the record's launch, if ECS knows one. */
  async #find(record: TaskRecord, arn?: string): Promise<Task | undefined> {
    const { ecs } = this.#options
    const known = record.task ?? arn
    if (known !== undefined) return (await ecs.describeTasks([known]))[0]
    const startedBy = this.#pod.metadata.uid
    const running = await ecs.listTasks({ startedBy })
    const arns = running.length > 0 ? running : await ecs.listTasks({ startedBy, desiredStatus: 'STOPPED' })
    return (await ecs.describeTasks(arns)).find(task => isCurrent(task, this.#pod, record))
  }

  #deadline(): number | undefined {
    const { activeDeadlineSeconds } = this.#pod.spec
    const { startTime } = this.#pod.status ?? {}
    return activeDeadlineSeconds === undefined || startTime === undefined ? undefined : parseTime(startTime) + activeDeadlineSeconds * 1000
  }

  async #deadlineExceeded(): Promise<undefined> {
    const pod = this.#pod
    const failed = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' }
    await this.#context.events.event(pod, 'Normal', failed.reason, failed.message)
    await this.#context.client.updateStatus<Pod>(PODS, { ...pod, status: podStatus(pod, { now: this.#context.now(), failed }) })
  }
}
