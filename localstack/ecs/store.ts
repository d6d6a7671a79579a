// Clusters, container instances, task definitions and tasks, in memory and in a journal. A stopped task is kept for an hour, as on AWS.
import { join } from 'node:path'
import { Journal } from '../aws/journal.ts'
import type { World } from '../aws/service.ts'
import { type Cluster, type ContainerInstance, isStopped, type Resources, type Task, type TaskDefinition, taskIdOf } from './model.ts'

type Entry =
  | { k: 'cluster'; c: Cluster }
  | { k: 'instance'; i: ContainerInstance }
  | { k: 'noinstance'; arn: string }
  | { k: 'definition'; d: TaskDefinition }
  | { k: 'nodefinition'; arn: string }
  | { k: 'task'; t: Task }
  | { k: 'notask'; arn: string }

export const STOPPED_TASKS_ARE_KEPT = 3_600_000

export class EcsStore {
  readonly clusters = new Map<string, Cluster>()
  readonly instances = new Map<string, ContainerInstance>()
  readonly definitions = new Map<string, TaskDefinition>()
  readonly tasks = new Map<string, Task>()
  /** Highest revision of a family ever given out. */
  readonly #revisions = new Map<string, number>()
  readonly #byId = new Map<string, Task>()
  readonly #startedBy = new Map<string, Set<Task>>()
  readonly #tokens = new Map<string, Set<Task>>()
  /** What tasks that are not stopped hold of each container instance. */
  readonly #used = new Map<string, { cpu: number; memory: number }>()
  readonly #holding = new Set<string>()
  /** Stopped tasks, oldest first. */
  readonly #stopped = new Set<Task>()
  readonly #journal: Journal<Entry>
  readonly #world: World

  constructor(world: World) {
    this.#world = world
    this.#journal = new Journal<Entry>({
      file: world.dataDir && join(world.dataDir, 'ecs.jsonl'),
      replay: entry => this.#replay(entry),
      snapshot: () => this.#snapshot(),
    })
  }

  putCluster(c: Cluster): void {
    this.#apply({ k: 'cluster', c })
  }

  putInstance(i: ContainerInstance): void {
    this.#apply({ k: 'instance', i })
  }

  deleteInstance(arn: string): void {
    this.#apply({ k: 'noinstance', arn })
  }

  putDefinition(d: TaskDefinition): void {
    this.#apply({ k: 'definition', d })
  }

  deleteDefinition(arn: string): void {
    this.#apply({ k: 'nodefinition', arn })
  }

  /** The same object each time: tasks are changed in place, then put. */
  putTask(t: Task): void {
    this.#apply({ k: 'task', t })
  }

  nextRevision(family: string): number {
    return (this.#revisions.get(family) ?? 0) + 1
  }

  startedBy(name: string): Iterable<Task> {
    return this.#startedBy.get(name) ?? []
  }

  /** By the last part of its ARN, whatever the cluster. */
  byId(taskId: string): { task: Task; definition: TaskDefinition } | undefined {
    const task = this.#byId.get(taskId)
    const definition = task && this.definitions.get(task.taskDefinitionArn)
    return definition && { task, definition }
  }

  withToken(clusterArn: string, token: string): readonly Task[] {
    return [...(this.#tokens.get(`${clusterArn} ${token}`) ?? [])]
  }

  used(instanceArn: string): Resources {
    return this.#used.get(instanceArn) ?? { cpu: 0, memory: 0 }
  }

  /** Forgets tasks that stopped more than an hour ago. Called when tasks are looked at: no timer. */
  sweep(): void {
    const oldest = this.#world.clock.now() - STOPPED_TASKS_ARE_KEPT
    for (const task of this.#stopped) {
      if ((task.stoppedAt ?? 0) > oldest) break
      this.#apply({ k: 'notask', arn: task.taskArn })
    }
  }

  close(): void {
    this.#journal.close()
  }

  #apply(entry: Entry): void {
    this.#journal.append(entry)
    this.#replay(entry)
  }

  #replay(entry: Entry): void {
    switch (entry.k) {
      case 'cluster':
        this.clusters.set(entry.c.clusterArn, entry.c)
        break
      case 'instance':
        this.instances.set(entry.i.containerInstanceArn, entry.i)
        break
      case 'noinstance':
        this.instances.delete(entry.arn)
        break
      case 'definition': {
        const { family, revision } = entry.d
        this.definitions.set(entry.d.taskDefinitionArn, entry.d)
        this.#revisions.set(family, Math.max(revision, this.#revisions.get(family) ?? 0))
        break
      }
      case 'nodefinition':
        this.definitions.delete(entry.arn)
        break
      case 'task':
        this.#task(entry.t)
        break
      case 'notask':
        this.#forget(entry.arn)
        break
    }
  }

  #task(task: Task): void {
    const before = this.tasks.get(task.taskArn)
    if (before && before !== task) this.#unindex(before)
    this.tasks.set(task.taskArn, task)
    this.#byId.set(taskIdOf(task.taskArn), task)
    if (task.startedBy) indexed(this.#startedBy, task.startedBy).add(task)
    if (task.clientToken) indexed(this.#tokens, `${task.clusterArn} ${task.clientToken.token}`).add(task)
    this.#hold(task)
    if (isStopped(task)) this.#stopped.add(task)
  }

  #forget(arn: string): void {
    const task = this.tasks.get(arn)
    if (!task) return
    this.tasks.delete(arn)
    this.#unindex(task)
  }

  #unindex(task: Task): void {
    this.#stopped.delete(task)
    this.#byId.delete(taskIdOf(task.taskArn))
    for (const [index, key] of [
      [this.#startedBy, task.startedBy],
      [this.#tokens, task.clientToken && `${task.clusterArn} ${task.clientToken.token}`],
    ] as const) {
      if (key === undefined) continue
      const set = index.get(key)
      set?.delete(task)
      if (set?.size === 0) index.delete(key)
    }
  }

  /** A task holds its resources from placement until it is stopped. */
  #hold(task: Task): void {
    const arn = task.containerInstanceArn
    const holds = this.#holding.has(task.taskArn)
    if (!arn || holds === !isStopped(task)) return
    const sign = holds ? -1 : 1
    const used = this.used(arn)
    this.#used.set(arn, { cpu: used.cpu + sign * Number(task.cpu), memory: used.memory + sign * Number(task.memory) })
    if (holds) this.#holding.delete(task.taskArn)
    else this.#holding.add(task.taskArn)
  }

  *#snapshot(): Iterable<Entry> {
    for (const c of this.clusters.values()) yield { k: 'cluster', c }
    for (const i of this.instances.values()) yield { k: 'instance', i }
    for (const d of this.definitions.values()) yield { k: 'definition', d }
    for (const t of this.tasks.values()) yield { k: 'task', t }
  }
}

function indexed(index: Map<string, Set<Task>>, key: string): Set<Task> {
  let set = index.get(key)
  if (!set) {
    set = new Set()
    index.set(key, set)
  }
  return set
}
