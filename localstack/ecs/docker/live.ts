// The containers that exist at the engine, and how each of them ends: told by the event stream, or found out by looking after a gap in it.
import type { Clock } from '../../aws/clock.ts'
import { type HealthStatus, taskIdOf } from '../model.ts'
import type { Exit, Found, RuntimeListener } from '../runtime.ts'
import { type Engine, isMissing, reasonOf } from './engine.ts'
import { endedForMemory, KILLED, readKernelLog } from './memory-death.ts'
import { LABELS, SANDBOX } from './spec.ts'
import { type EngineEvent, EngineWatch } from './watch.ts'

const OUT_OF_MEMORY = 'OutOfMemoryError: Container killed due to memory usage'
const GONE = 'DockerStateError: the container is gone'
export const LOST = "ResourceInitializationError: the task's network namespace is gone"

/** One container that exists at the engine. */
export interface Live {
  readonly taskArn: string
  readonly name: string
  readonly id: string
  readonly exited: PromiseWithResolvers<void>
  /** The engine says that it ran out of memory. */
  readonly oom: PromiseWithResolvers<void>
  /** It was sent SIGKILL by us. */
  killed: boolean
  /** Resolves when its output is read. */
  logs: Promise<void>
}

export interface LiveContainersOptions {
  readonly engine: Engine
  readonly owner: string
  readonly listener: RuntimeListener
  readonly clock: Clock
  readonly log: (line: string) => void
}

export class LiveContainers {
  readonly #options: LiveContainersOptions
  readonly #watch: EngineWatch
  readonly #live = new Map<string, Live>()
  #closed = false

  constructor(options: LiveContainersOptions) {
    this.#options = options
    const filters = { type: ['container'], label: [`${LABELS.owner}=${options.owner}`], event: ['die', 'oom', 'health_status'] }
    this.#watch = new EngineWatch(
      options.engine,
      filters,
      event => this.#event(event),
      () => this.#lookAtAll(),
    )
  }

  open(): Promise<void> {
    return this.#watch.open()
  }

  close(): void {
    this.#closed = true
    this.#watch.close()
  }

  get(taskArn: string, name: string): Live | undefined {
    return this.#live.get(key(taskArn, name))
  }

  /** From here on its end is told. A container of that name that is followed already is followed no more. */
  follow(taskArn: string, name: string, id: string): Live {
    const existing = this.get(taskArn, name)
    const live: Live = {
      taskArn,
      name,
      id,
      exited: Promise.withResolvers<void>(),
      oom: Promise.withResolvers<void>(),
      killed: false,
      logs: existing?.logs ?? Promise.resolve(),
    }
    this.#live.set(key(taskArn, name), live)
    return live
  }

  /** Its end is not told any more. Answers it, if it was followed. */
  unfollow(taskArn: string, name: string): Live | undefined {
    const live = this.get(taskArn, name)
    this.#live.delete(key(taskArn, name))
    return live
  }

  /** Tells its end or health as the engine says it is now. */
  async look(live: Live): Promise<void> {
    const { engine, listener } = this.#options
    try {
      const { State } = await engine.call(docker => docker.getContainer(live.id).inspect())
      if (State.Status === 'exited' || State.Status === 'dead') await this.#ended(live, State.ExitCode)
      else if (State.Health) listener.health(live.taskArn, live.name, healthOf(State.Health.Status))
    } catch (error) {
      if (!isMissing(error)) throw error
      live.exited.resolve()
      if (live.name === SANDBOX) listener.lost(live.taskArn, LOST)
      else listener.exited(live.taskArn, live.name, { reason: GONE })
    }
  }

  async stateOf(live: Live): Promise<Found> {
    const { id } = live
    const { State } = await this.#options.engine.call(docker => docker.getContainer(id).inspect())
    if (State.Status === 'created') return { state: 'created', runtimeId: id }
    if (State.Running) return { state: 'running', runtimeId: id, health: State.Health ? healthOf(State.Health.Status) : undefined }
    return { state: 'exited', runtimeId: id, ...(await this.#exitOf(live)) }
  }

  /** Something about it went wrong that nobody waits for. */
  troubled({ taskArn, name }: Live, error: unknown): void {
    if (!this.#closed) this.#options.log(`local ECS: container ${name} of task ${taskIdOf(taskArn)}: ${reasonOf(error)}`)
  }

  #event(event: EngineEvent): void {
    const attributes = event.Actor.Attributes
    const taskArn = attributes[LABELS.task]
    const name = attributes[LABELS.container]
    const live = taskArn && name ? this.get(taskArn, name) : undefined
    if (!live || live.id !== event.Actor.ID) return
    if (event.Action === 'oom') live.oom.resolve()
    else if (event.Action === 'die') this.#ended(live, Number(attributes.exitCode)).catch(error => this.troubled(live, error))
    else if (event.Action.startsWith('health_status'))
      this.#options.listener.health(live.taskArn, live.name, healthOf(event.Action.split(': ')[1]))
  }

  async #ended(live: Live, exitCode: number): Promise<void> {
    if (this.get(live.taskArn, live.name) === undefined) return
    // Nothing more is to be learned about the sandbox, nor about a container that ended well.
    const exit = live.name === SANDBOX || exitCode === 0 ? { exitCode } : await this.#exitOf(live, exitCode)
    live.exited.resolve()
    if (live.name === SANDBOX) this.#options.listener.lost(live.taskArn, LOST)
    else this.#options.listener.exited(live.taskArn, live.name, exit)
  }

  /** After a gap in the event stream: who ended meanwhile? */
  async #lookAtAll(): Promise<void> {
    await Promise.all([...this.#live.values()].map(live => this.look(live)))
  }

  async #exitOf(live: Live, known?: number): Promise<Exit> {
    try {
      const { State } = await this.#options.engine.call(docker => docker.getContainer(live.id).inspect())
      const exitCode = known ?? State.ExitCode
      if (State.OOMKilled) return { exitCode, reason: OUT_OF_MEMORY }
      if (State.Error) return { exitCode, reason: `CannotStartContainerError: ${State.Error}` }
      const witness = { clock: this.#options.clock, kernelLog: readKernelLog }
      if (exitCode === KILLED && !live.killed && (await endedForMemory(live.id, live.oom.promise, witness)))
        return { exitCode, reason: OUT_OF_MEMORY }
      return { exitCode }
    } catch (error) {
      if (!isMissing(error)) throw error
      return { exitCode: known, reason: known === undefined ? GONE : undefined }
    }
  }
}

const key = (taskArn: string, name: string): string => `${taskArn} ${name}`

function healthOf(status: string | undefined): HealthStatus {
  return status === 'healthy' ? 'HEALTHY' : status === 'unhealthy' ? 'UNHEALTHY' : 'UNKNOWN'
}
