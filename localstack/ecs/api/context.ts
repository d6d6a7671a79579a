// What the operations of the ECS API share: finding what a name or an ARN means, and pages.
import { arn, parseArn } from '../../aws/identity.ts'
import type { World } from '../../aws/service.ts'
import { clusterNotFound, invalidParameter, throttled } from '../errors.ts'
import { type Cluster, type ContainerInstance, isStopped, type Task, type TaskDefinition } from '../model.ts'
import type { EcsStore } from '../store.ts'

/** What the API does with tasks; tasks.ts does it. */
export interface TaskControl {
  launch(task: Task, definition: TaskDefinition): void
  stop(task: Task, stopCode: string, reason: string): void
}

/** Refuses calls beyond a rate, like AWS; by name of the operation. */
export type Throttle = (operation: string) => boolean

export class EcsContext {
  readonly world: World
  readonly store: EcsStore
  readonly control: TaskControl
  readonly #throttle: Throttle

  constructor(world: World, store: EcsStore, control: TaskControl, throttle: Throttle = () => false) {
    this.world = world
    this.store = store
    this.control = control
    this.#throttle = throttle
  }

  /** @throws AwsError ThrottlingException */
  limit(operation: string): void {
    if (this.#throttle(operation)) throw throttled()
  }

  /** @throws AwsError ClusterNotFoundException */
  cluster(nameOrArn: string | undefined): Cluster {
    const cluster = this.store.clusters.get(this.clusterArn(nameOrArn ?? 'default'))
    if (cluster?.status !== 'ACTIVE') throw clusterNotFound()
    return cluster
  }

  clusterArn(nameOrArn: string): string {
    return parseArn(nameOrArn) ? nameOrArn : arn(this.world.identity, 'ecs', `cluster/${nameOrArn}`)
  }

  task(cluster: Cluster, idOrArn: string): Task | undefined {
    const task = this.store.tasks.get(this.taskArn(cluster, idOrArn))
    return task?.clusterArn === cluster.clusterArn ? task : undefined
  }

  taskArn(cluster: Cluster, idOrArn: string): string {
    return parseArn(idOrArn) ? idOrArn : arn(this.world.identity, 'ecs', `task/${cluster.clusterName}/${idOrArn}`)
  }

  *tasksOf(cluster: Cluster): Iterable<Task> {
    for (const task of this.store.tasks.values()) if (task.clusterArn === cluster.clusterArn) yield task
  }

  /** Those that are not stopped. */
  *tasksOn({ containerInstanceArn }: ContainerInstance): Iterable<Task> {
    for (const task of this.store.tasks.values()) {
      if (task.containerInstanceArn === containerInstanceArn && !isStopped(task)) yield task
    }
  }

  instance(cluster: Cluster, idOrArn: string): ContainerInstance | undefined {
    const instance = this.store.instances.get(this.instanceArn(cluster, idOrArn))
    return instance?.clusterArn === cluster.clusterArn ? instance : undefined
  }

  instanceArn(cluster: Cluster, idOrArn: string): string {
    return parseArn(idOrArn) ? idOrArn : arn(this.world.identity, 'ecs', `container-instance/${cluster.clusterName}/${idOrArn}`)
  }

  *instancesOf(cluster: Cluster): Iterable<ContainerInstance> {
    for (const instance of this.store.instances.values()) if (instance.clusterArn === cluster.clusterArn) yield instance
  }

  /** By ARN, by family:revision, or by family (its newest active revision). */
  definition(name: string | undefined): TaskDefinition | undefined {
    const text = parseArn(name ?? '')?.resource.replace(/^task-definition\//, '') ?? name ?? ''
    const [family = '', revision] = text.split(':')
    if (revision !== undefined) return this.store.definitions.get(this.definitionArn(family, Number(revision)))
    for (let newest = this.store.nextRevision(family) - 1; newest > 0; newest--) {
      const definition = this.store.definitions.get(this.definitionArn(family, newest))
      if (definition?.status === 'ACTIVE') return definition
    }
    return undefined
  }

  definitionArn(family: string, revision: number): string {
    return arn(this.world.identity, 'ecs', `task-definition/${family}:${revision}`)
  }
}

/** As DescribeClusters and DescribeContainerInstances count tasks. */
export function countTasks(tasks: Iterable<Task>): { runningTasksCount: number; pendingTasksCount: number } {
  const count = { runningTasksCount: 0, pendingTasksCount: 0 }
  for (const { lastStatus } of tasks) {
    if (lastStatus === 'RUNNING') count.runningTasksCount++
    else if (lastStatus === 'PROVISIONING' || lastStatus === 'PENDING' || lastStatus === 'ACTIVATING') count.pendingTasksCount++
  }
  return count
}

export const PAGE = 100

/** Pages by position: the token is the place of the next item. */
export function page<T>(
  all: readonly T[],
  input: { maxResults?: number; nextToken?: string },
): { items: readonly T[]; nextToken?: string } {
  const limit = input.maxResults ?? PAGE
  if (limit < 1 || limit > PAGE) throw invalidParameter(`maxResults must be between 1 and ${PAGE}.`)
  const from = input.nextToken === undefined ? 0 : Number(input.nextToken)
  if (!Number.isInteger(from) || from < 0) throw invalidParameter('Invalid token.')
  const items = all.slice(from, from + limit)
  return { items, nextToken: from + limit < all.length ? String(from + limit) : undefined }
}
