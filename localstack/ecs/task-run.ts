// One task's way from PROVISIONING to STOPPED, in ECS's order:
//
//   PROVISIONING --sandbox--> PENDING --images, containers--> ACTIVATING --all started or done--> RUNNING
//        |                       |                                |                                  |
//        +---------- failure ----+---------- failure -------------+      essential exit, StopTask ---+
//                                                                                                    v
//   STOPPED <--release-- DEPROVISIONING <--all exited-- STOPPING <--signals, dependents first-- DEACTIVATING
//
// What happened is in the task; nothing else is remembered, so that a new process goes on where the old one was killed.
import type { Cancel, Clock } from '../aws/clock.ts'
import type { Container, ContainerDefinition, HealthStatus, Task, TaskDefinition } from './model.ts'
import { type Exit, type Found, type Runtime, RuntimeError, type TaskSpec } from './runtime.ts'

const DEFAULT_STOP_TIMEOUT = 30
const DEFAULT_RESTART_PERIOD = 300

/** Makes a change of the task last, gives it a new version, and tells EventBridge. */
export type Commit = (task: Task) => void

type Readiness = 'ready' | 'waiting' | 'impossible'

export class TaskRun {
  readonly task: Task
  readonly #definition: TaskDefinition
  readonly #runtime: Runtime
  readonly #clock: Clock
  readonly #commit: Commit
  readonly #log: (line: string) => void
  /** Containers whose start was ordered in this life. */
  readonly #starting = new Set<string>()
  /** Starts under way: a stop waits for them, so that nothing starts behind its back. */
  readonly #startsUnderWay = new Set<Promise<void>>()
  readonly #stops = new Set<string>()
  readonly #timers = new Set<Cancel>()
  /** Containers exist and may be started. */
  #created = false
  #released = false
  #preparing: Promise<void> = Promise.resolve()
  readonly #stopWanted = Promise.withResolvers<void>()

  constructor(task: Task, definition: TaskDefinition, runtime: Runtime, clock: Clock, commit: Commit, log: (line: string) => void) {
    this.task = task
    this.#definition = definition
    this.#runtime = runtime
    this.#clock = clock
    this.#commit = commit
    this.#log = log
  }

  get spec(): TaskSpec {
    return { task: this.task, definition: this.#definition }
  }

  begin(): void {
    this.#preparing = this.#prepare()
  }

  /** Goes on with a task of an earlier life. */
  async resume(): Promise<void> {
    const found = await this.#runtime.adopt(this.spec)
    // A version may have been told and not kept: never give it to two different states.
    this.task.version++
    let changed = false
    for (const container of this.task.containers) {
      if (container.lastStatus !== 'STOPPED') changed = this.#adopt(container, found.get(container.name)) || changed
    }
    if (changed) this.#commit(this.task)
    const failure = this.#essentialExit()
    if (this.task.desiredStatus === 'STOPPED') this.#stopContainers()
    else if (failure) this.stop('EssentialContainerExited', 'Essential container in task exited')
    else if (this.task.lastStatus !== 'RUNNING') this.begin()
  }

  stop(stopCode: string, reason: string): void {
    const { task } = this
    if (task.desiredStatus === 'STOPPED') return
    task.desiredStatus = 'STOPPED'
    task.stopCode = stopCode
    task.stoppedReason = reason
    task.stoppingAt = this.#clock.now()
    task.lastStatus = task.lastStatus === 'RUNNING' ? 'DEACTIVATING' : 'STOPPING'
    this.#stopWanted.resolve()
    this.#commit(task)
    this.#stopContainers()
  }

  exited(name: string, exit: Exit): void {
    const container = this.#container(name)
    if (!container || container.lastStatus === 'STOPPED') return
    if (this.#restarts(container, exit)) return
    container.lastStatus = 'STOPPED'
    container.exitCode = exit.exitCode
    container.reason = exit.reason
    if (this.task.desiredStatus === 'RUNNING' && this.#essential(name)) {
      this.stop('EssentialContainerExited', 'Essential container in task exited')
      return
    }
    if (this.task.lastStatus === 'RUNNING') this.#commit(this.task)
    this.#advance()
  }

  health(name: string, status: HealthStatus): void {
    const container = this.#container(name)
    if (!container || container.healthStatus === status) return
    container.healthStatus = status
    // Task health comes from essential containers with a health check; it goes into no event.
    const essential = this.task.containers.filter(({ name: other }) => this.#essential(other) && this.#definitionOf(other).healthCheck)
    if (essential.some(({ healthStatus }) => healthStatus === 'UNHEALTHY')) this.task.healthStatus = 'UNHEALTHY'
    else if (essential.length > 0 && essential.every(({ healthStatus }) => healthStatus === 'HEALTHY')) this.task.healthStatus = 'HEALTHY'
    else this.task.healthStatus = 'UNKNOWN'
    this.#advance()
  }

  /** Stops timers; the task stays as it is. */
  close(): void {
    for (const cancel of this.#timers) cancel()
  }

  /** The network and the containers are made at the same time; the task is PENDING from when it has its address. */
  async #prepare(): Promise<void> {
    const { task } = this
    task.pullStartedAt ??= this.#clock.now()
    const making = await Promise.allSettled([this.#makeSandbox(), this.#makeContainers()])
    if (this.#wantsStop()) return
    const failure = making.find(result => result.status === 'rejected')
    if (failure) {
      this.#failed(failure.reason)
      return
    }
    task.lastStatus = 'ACTIVATING'
    this.#created = true
    this.#advance()
    this.#watchStartTimeouts()
  }

  async #makeSandbox(): Promise<void> {
    const { task } = this
    this.#attach(await this.#runtime.prepare(this.spec))
    if (this.#wantsStop()) return
    task.lastStatus = 'PENDING'
    task.connectivityAt ??= this.#clock.now()
    this.#commit(task)
  }

  async #makeContainers(): Promise<void> {
    // A pull may take minutes; who stops the task meanwhile does not wait for it.
    await Promise.race([
      this.#stopWanted.promise,
      this.#each(async container => {
        container.imageDigest = (await this.#runtime.pull(this.spec, container.name)).imageDigest
      }),
    ])
    if (this.#wantsStop()) return
    this.task.pullStoppedAt = this.#clock.now()
    await this.#each(async container => {
      container.runtimeId = (await this.#runtime.create(this.spec, container.name)).runtimeId
    })
  }

  /** Containers that did not end already, all at once; when some fail, waits for the others before it throws the first failure. */
  async #each(step: (container: Container) => Promise<void>): Promise<void> {
    const settled = await Promise.allSettled(
      this.task.containers
        .filter(({ lastStatus }) => lastStatus === 'PENDING')
        .map(async container => {
          try {
            await step(container)
          } catch (error) {
            container.reason = messageOf(error)
            throw error
          }
        }),
    )
    const failure = settled.find(result => result.status === 'rejected')
    if (failure) throw failure.reason
  }

  #failed(error: unknown): void {
    const reason = messageOf(error)
    const ofSandbox = error instanceof RuntimeError && error.code === 'ResourceInitializationError'
    this.stop('TaskFailedToStart', ofSandbox || this.task.launchType === 'FARGATE' ? reason : 'Task failed to start')
  }

  /** Starts what may start, and notices when the task runs or cannot. */
  #advance(): void {
    const { task } = this
    if (task.desiredStatus === 'STOPPED') {
      this.#stopContainers()
      return
    }
    if (!this.#created || task.lastStatus === 'RUNNING') return
    for (const container of task.containers) {
      if (container.lastStatus !== 'PENDING' || this.#starting.has(container.name)) continue
      const readiness = this.#readiness(container.name)
      if (readiness === 'impossible') {
        container.reason = 'A container that this one depends on did not reach the required condition'
        this.stop('TaskFailedToStart', 'Task failed to start')
        return
      }
      if (readiness === 'ready') this.#start(container)
    }
    if (task.containers.every(({ lastStatus }) => lastStatus !== 'PENDING')) {
      task.lastStatus = 'RUNNING'
      task.startedAt = this.#clock.now()
      this.#commit(task)
    }
  }

  #start(container: Container): void {
    this.#starting.add(container.name)
    const started = this.#runtime.start(this.spec, container.name).then(
      () => {
        // It may have ended before the engine answered.
        if (container.lastStatus === 'PENDING') container.lastStatus = 'RUNNING'
        container.startedAt = this.#clock.now()
      },
      error => {
        container.reason = messageOf(error)
        container.lastStatus = 'STOPPED'
        this.#failed(error)
      },
    )
    this.#startsUnderWay.add(started)
    void started.finally(() => {
      this.#startsUnderWay.delete(started)
      this.#advance()
    })
  }

  #readiness(name: string): Readiness {
    for (const { containerName, condition } of this.#definitionOf(name).dependsOn ?? []) {
      const other = this.#container(containerName)
      if (!other) continue
      const ended = other.lastStatus === 'STOPPED'
      if (condition === 'START' && other.lastStatus === 'PENDING') return 'waiting'
      if (condition === 'COMPLETE' && !ended) return 'waiting'
      if (condition === 'SUCCESS') {
        if (!ended) return 'waiting'
        if (other.exitCode !== 0) return 'impossible'
      }
      if (condition === 'HEALTHY') {
        if (ended) return 'impossible'
        if (other.healthStatus !== 'HEALTHY') return 'waiting'
      }
    }
    return 'ready'
  }

  /** startTimeout: how long a container's dependents wait for it to reach their condition. */
  #watchStartTimeouts(): void {
    for (const { name, startTimeout } of this.#definition.containerDefinitions) {
      if (startTimeout === undefined) continue
      const cancel = this.#clock.at(this.#clock.now() + startTimeout * 1000, () => {
        this.#timers.delete(cancel)
        if (this.task.desiredStatus === 'STOPPED') return
        const waiting = this.task.containers.some(
          container =>
            container.lastStatus === 'PENDING' &&
            this.#readiness(container.name) === 'waiting' &&
            this.#definitionOf(container.name).dependsOn?.some(({ containerName }) => containerName === name),
        )
        if (waiting) this.stop('TaskFailedToStart', 'Task failed to start')
      })
      this.#timers.add(cancel)
    }
  }

  /** Signals every container that no running one depends on; called again with each exit until none is left. */
  #stopContainers(): void {
    const { task } = this
    for (const container of task.containers) {
      if (container.lastStatus === 'PENDING' && !this.#starting.has(container.name)) container.lastStatus = 'STOPPED'
    }
    if (this.#startsUnderWay.size > 0) return
    const running = task.containers.filter(({ lastStatus }) => lastStatus !== 'STOPPED')
    for (const { name } of running) {
      if (this.#stops.has(name) || running.some(other => this.#dependsOn(other.name, name))) continue
      this.#stops.add(name)
      const timeout = (this.#definitionOf(name).stopTimeout ?? DEFAULT_STOP_TIMEOUT) * 1000
      this.#runtime.stop(this.spec, name, timeout).catch(error => this.exited(name, { reason: messageOf(error) }))
    }
    if (running.length === 0) this.#release().catch(error => this.#troubled(error))
  }

  /** What could not be released is left to the next life of this program, which finds the task in DEPROVISIONING. */
  #troubled(error: unknown): void {
    this.#log(`local ECS: task ${this.task.taskArn} could not be released: ${messageOf(error)}`)
  }

  async #release(): Promise<void> {
    if (this.#released) return
    this.#released = true
    const { task } = this
    this.close()
    task.lastStatus = 'DEPROVISIONING'
    task.executionStoppedAt ??= this.#clock.now()
    this.#commit(task)
    await this.#preparing
    await this.#runtime.release(this.spec)
    for (const attachment of task.attachments) attachment.status = 'DELETED'
    task.lastStatus = 'STOPPED'
    task.stoppedAt = this.#clock.now()
    this.#commit(task)
  }

  #attach(sandbox: { privateIPv4Address: string; macAddress: string }): void {
    const attachment = this.task.attachments[0]
    if (!attachment) return
    attachment.status = 'ATTACHED'
    const set = (name: string, value: string) => {
      attachment.details = [...attachment.details.filter(detail => detail.name !== name), { name, value }]
    }
    set('macAddress', sandbox.macAddress)
    set('privateIPv4Address', sandbox.privateIPv4Address)
    for (const container of this.task.containers) {
      container.networkInterfaces = [{ attachmentId: attachment.id, privateIpv4Address: sandbox.privateIPv4Address }]
    }
  }

  /** True when the container's state is another than this task believed. */
  #adopt(container: Container, found: Found | undefined): boolean {
    if (!found) {
      if (container.lastStatus === 'PENDING') return false
      container.lastStatus = 'STOPPED'
      container.reason = 'DockerStateError: the container is gone'
      return true
    }
    container.runtimeId = found.runtimeId
    if (found.state === 'created') return false
    if (found.state === 'exited') {
      container.lastStatus = 'STOPPED'
      container.exitCode = found.exitCode
      container.reason = found.reason
      return true
    }
    const changed = container.lastStatus !== 'RUNNING'
    container.lastStatus = 'RUNNING'
    container.startedAt ??= this.#clock.now()
    if (found.health) container.healthStatus = found.health
    return changed
  }

  /** ECS's own restart policy: in place, without an event. */
  #restarts(container: Container, exit: Exit): boolean {
    const policy = this.#definitionOf(container.name).restartPolicy
    if (!policy?.enabled || this.task.desiredStatus === 'STOPPED' || container.lastStatus !== 'RUNNING') return false
    if (policy.ignoredExitCodes?.includes(exit.exitCode ?? -1)) return false
    const ran = this.#clock.now() - (container.startedAt ?? this.#clock.now())
    if (ran < (policy.restartAttemptPeriod ?? DEFAULT_RESTART_PERIOD) * 1000) return false
    container.startedAt = this.#clock.now()
    this.#runtime.start(this.spec, container.name).catch(error => {
      container.startedAt = this.#clock.now()
      this.exited(container.name, { exitCode: exit.exitCode, reason: messageOf(error) })
    })
    return true
  }

  #essentialExit(): boolean {
    return this.task.containers.some(({ name, lastStatus }) => lastStatus === 'STOPPED' && this.#essential(name))
  }

  #dependsOn(name: string, other: string): boolean {
    return this.#definitionOf(name).dependsOn?.some(({ containerName }) => containerName === other) ?? false
  }

  #wantsStop(): boolean {
    return this.task.desiredStatus === 'STOPPED'
  }

  #essential(name: string): boolean {
    return this.#definitionOf(name).essential !== false
  }

  #container(name: string): Container | undefined {
    return this.task.containers.find(container => container.name === name)
  }

  #definitionOf(name: string): ContainerDefinition {
    return this.#definition.containerDefinitions.find(container => container.name === name)!
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
