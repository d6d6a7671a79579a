// ECS on a Docker Engine: a sandbox container holds each task's network namespace, and the task's containers join it. Everything carries
// labels, so that a new process finds what an old one made.
import type { Clock } from '../../aws/clock.ts'
import type { Logs } from '../../aws/logs/service.ts'
import { PullError } from '../images.ts'
import { type Task, taskIdOf } from '../model.ts'
import { type Found, type Runtime, RuntimeError, type RuntimeListener, type Sandbox, type TaskSpec } from '../runtime.ts'
import { logTarget } from './awslogs.ts'
import { createOnce, listContainers, removeContainer } from './containers.ts'
import { type Engine, reasonOf, statusOf } from './engine.ts'
import { ensureNetwork, ensurePause, NETWORK } from './foundation.ts'
import { Images } from './images.ts'
import { LiveContainers, LOST } from './live.ts'
import { followLogs } from './log-follower.ts'
import { containerName, createOptions, LABELS, SANDBOX, type Shares, sandboxName } from './spec.ts'
import { TaskFoundations } from './task-foundations.ts'

/** How long to wait for the rest of a container's output after it exited. */
const LOG_PATIENCE = 5000

export interface DockerRuntimeOptions {
  readonly owner: string
  readonly logs: Logs
  readonly shares: Shares | undefined
  readonly listener: RuntimeListener
  readonly clock: Clock
  /** Reads `secrets` (Secrets Manager, SSM). */
  readonly secret: (valueFrom: string) => Promise<string>
  /** Variables that ECS sets in every container. */
  readonly environment: (task: Task, container: string) => Readonly<Record<string, string>>
  readonly log: (line: string) => void
}

export class DockerRuntime implements Runtime {
  readonly images: Images
  /** Address at which containers reach this machine. */
  readonly gateway: string
  readonly #engine: Engine
  readonly #options: DockerRuntimeOptions
  readonly #foundations: TaskFoundations
  readonly #live: LiveContainers
  #warnedOfInit = false

  private constructor(engine: Engine, gateway: string, options: DockerRuntimeOptions) {
    this.#engine = engine
    this.gateway = gateway
    this.#options = options
    this.images = new Images(engine)
    this.#foundations = new TaskFoundations({ engine, ...options })
    this.#live = new LiveContainers({ engine, ...options })
  }

  /** @throws when the engine has no usable network or cannot load the pause image. */
  static async open(engine: Engine, options: DockerRuntimeOptions): Promise<DockerRuntime> {
    const gateway = await ensureNetwork(engine)
    await ensurePause(engine)
    const runtime = new DockerRuntime(engine, gateway, options)
    await runtime.#live.open()
    return runtime
  }

  async prepare(spec: TaskSpec): Promise<Sandbox> {
    const { task, definition } = spec
    const made = this.#foundations.of(spec)
    if (definition.networkMode !== 'awsvpc') {
      await made
      return { privateIPv4Address: this.gateway, macAddress: '' }
    }
    const id = (await made)!
    try {
      await this.#engine.call(docker => docker.getContainer(id).start())
      this.#live.follow(task.taskArn, SANDBOX, id)
      const inspected = await this.#engine.call(docker => docker.getContainer(id).inspect())
      const network = inspected.NetworkSettings.Networks[NETWORK]
      return { privateIPv4Address: network?.IPAddress ?? '', macAddress: network?.MacAddress ?? '' }
    } catch (error) {
      throw new RuntimeError('ResourceInitializationError', `the task's network could not be made: ${reasonOf(error)}`)
    }
  }

  async pull(spec: TaskSpec, name: string): Promise<{ imageDigest?: string }> {
    const reference = imageOf(spec, name)
    try {
      return { imageDigest: (await this.images.get(reference)).digest }
    } catch (error) {
      if (error instanceof PullError) throw new RuntimeError('CannotPullContainerError', `${reference}: ${error.message}`)
      throw error
    }
  }

  async create(spec: TaskSpec, name: string): Promise<{ runtimeId: string }> {
    const { task, definition } = spec
    const container = definition.containerDefinitions.find(one => one.name === name)!
    const secrets: Record<string, string> = {}
    for (const { name: variable, valueFrom } of container.secrets ?? []) {
      try {
        secrets[variable] = await this.#options.secret(valueFrom)
      } catch (error) {
        throw new RuntimeError('ResourceInitializationError', `unable to pull secrets or registry auth: ${valueFrom}: ${reasonOf(error)}`)
      }
    }
    if (container.linuxParameters?.initProcessEnabled && !this.#engine.hasInit && !this.#warnedOfInit) {
      this.#warnedOfInit = true
      this.#options.log('local ECS: this Docker Engine has no init program (package tini): initProcessEnabled is ignored')
    }
    const sandbox = await this.#foundations.of(spec)
    const reference = imageOf(spec, name)
    const image = await this.images.get(reference)
    const options = createOptions(spec, name, {
      owner: this.#options.owner,
      // A digest of our own making means nothing to the engine.
      image: reference.includes('@') ? image.id : reference,
      sandbox,
      cgroupParent: this.#foundations.cgroup(spec),
      hasInit: this.#engine.hasInit,
      shares: this.#options.shares,
      secrets,
      environment: this.#options.environment(task, name),
    })
    if (definition.networkMode === 'bridge') Object.assign(options.HostConfig!, { NetworkMode: NETWORK })
    try {
      return { runtimeId: await createOnce(this.#engine, options) }
    } catch (error) {
      throw new RuntimeError('CannotCreateContainerError', reasonOf(error))
    }
  }

  async start(spec: TaskSpec, name: string): Promise<void> {
    const { taskArn } = spec.task
    const id = spec.task.containers.find(container => container.name === name)!.runtimeId!
    const live = this.#live.follow(taskArn, name, id)
    // A process of a few milliseconds is over before the engine has answered, and its container is released at once:
    //
    //   engine : starts it ..... it dies -> event -------------> answers the start
    //   we     :                            release: waits for live.logs  |
    //                                                                     '--> the output is read, then the container removed
    const running = this.#engine.call(docker => docker.getContainer(id).start())
    live.logs = running.then(
      () => this.#logs(spec, name, id),
      error => (isRunning(error) ? this.#logs(spec, name, id) : undefined),
    )
    try {
      await running
    } catch (error) {
      if (isRunning(error)) return
      this.#live.unfollow(taskArn, name)
      throw new RuntimeError('CannotStartContainerError', reasonOf(error))
    }
  }

  async stop(spec: TaskSpec, name: string, timeout: number): Promise<void> {
    const live = this.#live.get(spec.task.taskArn, name)
    if (!live) return
    const kill = async (signal: string) => {
      try {
        await this.#engine.call(docker => docker.getContainer(live.id).kill({ signal }))
      } catch (error) {
        // 404 and 409: it is gone, or not running any more; the event stream has said so or will.
        if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error
        await this.#live.look(live)
      }
    }
    const image = await this.images.find(imageOf(spec, name))
    await kill(image?.config.StopSignal || 'SIGTERM')
    const patience = setTimeout(() => {
      live.killed = true
      void kill('SIGKILL').catch(error => this.#live.troubled(live, error))
    }, timeout)
    await live.exited.promise
    clearTimeout(patience)
  }

  async release(spec: TaskSpec): Promise<void> {
    const { taskArn } = spec.task
    const names = [...spec.task.containers.map(({ name }) => name), SANDBOX]
    await Promise.all(
      names.map(async name => {
        const live = this.#live.unfollow(taskArn, name)
        if (name !== SANDBOX && live) await Promise.race([live.logs, new Promise(resolve => setTimeout(resolve, LOG_PATIENCE).unref())])
        await this.#remove(name === SANDBOX ? sandboxName(taskArn) : containerName(taskArn, name))
      }),
    )
    await this.#foundations.remove(spec)
  }

  async adopt(spec: TaskSpec): Promise<ReadonlyMap<string, Found>> {
    const { taskArn } = spec.task
    const found = new Map<string, Found>()
    const listed = await listContainers(this.#engine, this.#options.owner, [`${LABELS.task}=${taskArn}`])
    await Promise.all(
      listed.map(async ({ Id, Labels }) => {
        const name = Labels[LABELS.container] ?? ''
        // Followed first and looked at then: an end in between is seen by one or the other.
        const live = this.#live.follow(taskArn, name, Id)
        const state = await this.#live.stateOf(live)
        if (state.state !== 'created' && name !== SANDBOX) live.logs = this.#logs(spec, name, Id)
        if (state.state === 'exited') live.exited.resolve()
        found.set(name, state)
      }),
    )
    const sandbox = found.get(SANDBOX)
    if (sandbox?.state === 'exited') this.#options.listener.lost(taskArn, LOST)
    found.delete(SANDBOX)
    return found
  }

  async tidy(known: readonly TaskSpec[]): Promise<void> {
    const arns = new Set(known.map(({ task }) => task.taskArn))
    const all = await listContainers(this.#engine, this.#options.owner)
    const strays = all.filter(({ Labels }) => !arns.has(Labels[LABELS.task] ?? ''))
    await Promise.all(strays.map(({ Id }) => this.#remove(Id)))
    for (const { Labels } of strays) this.#foundations.forget(Labels[LABELS.task] ?? '')
    await this.#foundations.tidy(known)
  }

  async close(): Promise<void> {
    this.#live.close()
    this.#engine.close()
  }

  #logs(spec: TaskSpec, name: string, id: string): Promise<void> {
    const target = logTarget(spec, name, id)
    if (!target) return Promise.resolve()
    const tty = spec.definition.containerDefinitions.find(container => container.name === name)?.pseudoTerminal ?? false
    return followLogs(this.#engine, id, tty, this.#options.logs, target).catch(error => {
      this.#options.log(
        `local ECS: the output of container ${name} of task ${taskIdOf(spec.task.taskArn)} is lost from here on: ${reasonOf(error)}`,
      )
    })
  }

  async #remove(nameOrId: string): Promise<void> {
    try {
      await removeContainer(this.#engine, nameOrId)
    } catch (error) {
      this.#options.log(`local ECS: container ${nameOrId} could not be removed: ${reasonOf(error)}`)
    }
  }
}

/** 304: it runs already, started by a process that did not live to note it. */
const isRunning = (error: unknown): boolean => statusOf(error) === 304

const imageOf = ({ task }: TaskSpec, name: string): string => task.containers.find(container => container.name === name)!.image
