// The tasks that are not stopped, each with its run; turns what they go through into journal entries and events.
import type { Events } from '../aws/events/service.ts'
import type { World } from '../aws/service.ts'
import type { TaskControl } from './api/context.ts'
import { isStopped, type Task, type TaskDefinition } from './model.ts'
import type { Runtime, RuntimeListener, TaskSpec } from './runtime.ts'
import type { EcsStore } from './store.ts'
import { TaskRun } from './task-run.ts'
import { eventDetail } from './wire.ts'

export class Tasks implements TaskControl, RuntimeListener {
  readonly #world: World
  readonly #store: EcsStore
  readonly #events: Events
  readonly #runs = new Map<string, TaskRun>()
  #runtime: Runtime | undefined

  constructor(world: World, store: EcsStore, events: Events) {
    this.#world = world
    this.#store = store
    this.#events = events
  }

  use(runtime: Runtime): void {
    this.#runtime = runtime
  }

  /** Takes over what an earlier life left: goes on with every task, and removes what belongs to none. */
  async adopt(): Promise<void> {
    const specs: TaskSpec[] = []
    const old: TaskRun[] = []
    for (const task of this.#store.tasks.values()) {
      const definition = this.#store.definitions.get(task.taskDefinitionArn)
      if (isStopped(task) || !definition) continue
      specs.push({ task, definition })
      if (this.#runs.has(task.taskArn)) continue
      const run = this.#run(task, definition)
      this.#runs.set(task.taskArn, run)
      old.push(run)
    }
    await this.#runtime!.tidy(specs)
    await Promise.all(old.map(run => run.resume()))
  }

  launch(task: Task, definition: TaskDefinition): void {
    const run = this.#run(task, definition)
    this.#runs.set(task.taskArn, run)
    this.#tell(task)
    run.begin()
  }

  stop(task: Task, stopCode: string, reason: string): void {
    this.#runs.get(task.taskArn)?.stop(stopCode, reason)
  }

  exited(taskArn: string, container: string, exit: { exitCode?: number; reason?: string }): void {
    this.#runs.get(taskArn)?.exited(container, exit)
  }

  health(taskArn: string, container: string, status: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN'): void {
    this.#runs.get(taskArn)?.health(container, status)
  }

  lost(taskArn: string, reason: string): void {
    this.#runs.get(taskArn)?.stop('EssentialContainerExited', reason)
  }

  /** Nothing that happens to containers from here on happens to their tasks. */
  close(): void {
    for (const run of this.#runs.values()) run.close()
    this.#runs.clear()
  }

  #run(task: Task, definition: TaskDefinition): TaskRun {
    const commit = (changed: Task) => {
      changed.version++
      changed.updatedAt = this.#world.clock.now()
      if (isStopped(changed)) this.#runs.delete(changed.taskArn)
      this.#tell(changed)
    }
    return new TaskRun(task, definition, this.#runtime!, this.#world.clock, commit, this.#world.log)
  }

  /** The event first: killed in between, the next life finds the old state, sees the same change and tells it again, which is allowed. */
  #tell(task: Task): void {
    this.#events.publish({
      source: 'aws.ecs',
      detailType: 'ECS Task State Change',
      resources: [task.taskArn],
      detail: eventDetail(task),
      time: task.updatedAt,
    })
    this.#store.putTask(task)
  }
}
