// The safety net: events get lost, processes die between two calls. Every so often, while there are pods of ours, what ECS runs is
// compared with what there should be. One key for the whole cluster, so that a thousand pods cost a dozen calls.
import type { Pod } from '../api/core/v1.ts'
import { PODS } from '../controllers/collections.ts'
import type { ControllerContext, Outcome } from '../controllers/types.ts'
import type { Ecs, Task } from './ecs.ts'
import { taskRecord } from './record.ts'
import { parseGroup, settle } from './settle.ts'

export const SWEEP_KEY = '/sweep'
const EVERY_MS = 300_000
/** A task younger than this may belong to a pod that this informer has not seen yet. */
const YOUNG_MS = 60_000
const UID_INDEX = 'pod-uid'

/** Whether a cluster of this deployment is still there, by its id. */
export type IsThere = (cluster: string) => Promise<boolean>

export class Sweeper {
  readonly #ecs: Ecs
  readonly #cluster: string
  readonly #isThere: IsThere
  #last = Number.NEGATIVE_INFINITY

  constructor(ecs: Ecs, cluster: string, isThere: IsThere) {
    this.#ecs = ecs
    this.#cluster = cluster
    this.#isThere = isThere
  }

  /** Whether nobody in this process has looked for longer than a round: the chain of rounds may have broken. */
  isDue(now: number): boolean {
    return now - this.#last > EVERY_MS * 1.2
  }

  async sweep(context: ControllerContext): Promise<Outcome | undefined> {
    const now = context.now()
    if (now - this.#last < EVERY_MS / 2) return undefined
    this.#last = now
    const informer = await context.informer(PODS)
    const live = informer
      .list()
      .map(({ object }) => object as Pod)
      .filter(pod => {
        const record = taskRecord(pod)
        return record !== undefined && record.launch > 0 && !record.finished
      })
    // One whose agent has not reported yet is looked after by the launcher.
    const pods = live.filter(pod => taskRecord(pod)?.task !== undefined)
    const tasks = new Map((await this.#ecs.describeTasks(pods.map(pod => taskRecord(pod)!.task!))).map(task => [task.taskArn, task]))
    for (const pod of pods) {
      const { task: arn } = taskRecord(pod)!
      // Forgotten by ECS: it stopped more than an hour ago and nobody was told.
      const task = tasks.get(arn!) ?? forgotten(pod, arn!)
      if (task.lastStatus === 'STOPPED') await settle(pod, task, context)
    }
    await this.#stopOrphans(context)
    return live.length > 0 ? { requeueAfter: EVERY_MS / 1000 } : undefined
  }

  async #stopOrphans(context: ControllerContext) {
    const informer = await context.informer(PODS)
    informer.addIndex(UID_INDEX, ({ metadata }) => (metadata.uid === undefined ? [] : [metadata.uid]))
    const tasks = await this.#ecs.describeTasks(await this.#ecs.listTasks({}))
    const clusters = new Map<string, Promise<boolean>>()
    for (const task of tasks) {
      const cluster = parseGroup(task.group)?.cluster
      // People run tasks in this ECS cluster, too.
      if (cluster === undefined || task.desiredStatus === 'STOPPED') continue
      if (context.now() - (task.createdAt ?? 0) < YOUNG_MS) continue
      if (cluster === this.#cluster) {
        if (informer.byIndex(UID_INDEX, task.startedBy ?? '').length === 0) await this.#ecs.stopTask(task.taskArn, 'the pod is gone')
        continue
      }
      // Other clusters look after their own, while there is anybody to do it: of a table that was set back in time there may not be.
      const known = clusters.get(cluster) ?? this.#isThere(cluster)
      clusters.set(cluster, known)
      if (!(await known)) await this.#ecs.stopTask(task.taskArn, 'the cluster is gone')
    }
  }
}

function forgotten(pod: Pod, taskArn: string): Task {
  return {
    taskArn,
    version: 0,
    lastStatus: 'STOPPED',
    desiredStatus: 'STOPPED',
    startedBy: pod.metadata.uid,
    stopCode: 'InfrastructureHealth',
    containers: [],
  }
}
