// What runs containers: Docker, or the simulation. The task's state machine (task-run.ts) is the same over both.
import type { HealthStatus, Task, TaskDefinition } from './model.ts'

/** A task and the definition it was launched from. */
export interface TaskSpec {
  readonly task: Task
  readonly definition: TaskDefinition
}

/** The task's network namespace. */
export interface Sandbox {
  readonly privateIPv4Address: string
  readonly macAddress: string
}

export interface Exit {
  readonly exitCode?: number
  /** e.g. "OutOfMemoryError: Container killed due to memory usage" */
  readonly reason?: string
}

/** What an earlier life left of a container. */
export type Found =
  | { readonly state: 'created'; readonly runtimeId: string }
  | { readonly state: 'running'; readonly runtimeId: string; readonly health?: HealthStatus }
  | ({ readonly state: 'exited'; readonly runtimeId: string } & Exit)

/** Every step may be asked for again after a crash, and then finds what it made before. `pull` and `create` do not wait for `prepare`; `start` does. */
export interface Runtime {
  /** @throws RuntimeError */
  prepare(spec: TaskSpec): Promise<Sandbox>
  /** Makes the image available. Answers its digest where it has one. @throws RuntimeError CannotPullContainerError */
  pull(spec: TaskSpec, container: string): Promise<{ imageDigest?: string }>
  /** @throws RuntimeError CannotCreateContainerError */
  create(spec: TaskSpec, container: string): Promise<{ runtimeId: string }>
  /** @throws RuntimeError CannotStartContainerError */
  start(spec: TaskSpec, container: string): Promise<void>
  /** Sends the stop signal, and SIGKILL after `timeout` milliseconds. Resolves when the container has exited; the listener is told before. */
  stop(spec: TaskSpec, container: string, timeout: number): Promise<void>
  /** Removes everything that was made for the task; output is in the log before this resolves. */
  release(spec: TaskSpec): Promise<void>
  /** What there is of the task's containers, and follows them from here on. */
  adopt(spec: TaskSpec): Promise<ReadonlyMap<string, Found>>
  /** Removes what belongs to no task of these. */
  tidy(known: readonly TaskSpec[]): Promise<void>
  close(): Promise<void>
}

export interface RuntimeListener {
  exited(taskArn: string, container: string, exit: Exit): void
  health(taskArn: string, container: string, status: HealthStatus): void
  /** The network namespace is gone: nothing of the task can go on. */
  lost(taskArn: string, reason: string): void
}

export type RuntimeErrorCode =
  | 'ResourceInitializationError'
  | 'CannotPullContainerError'
  | 'CannotCreateContainerError'
  | 'CannotStartContainerError'

/** Its message begins with the code, as ECS shows it in a container's reason. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError'
  readonly code: RuntimeErrorCode
  constructor(code: RuntimeErrorCode, reason: string) {
    super(`${code}: ${reason}`)
    this.code = code
  }
}
