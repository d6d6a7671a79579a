// ECS on a Docker Engine: a sandbox container holds each task's network namespace, and the task's containers join it. Everything carries
// labels, so that a new process finds what an old one made.
import type Docker from 'dockerode'
import type { Clock } from '../../aws/clock.ts'
import type { Logs } from '../../aws/logs/service.ts'
import { PullError } from '../images.ts'
import type { HealthStatus, Task, Volume } from '../model.ts'
import { taskIdOf } from '../model.ts'
import { type Exit, type Found, type Runtime, RuntimeError, type RuntimeListener, type Sandbox, type TaskSpec } from '../runtime.ts'
import { checkLogGroups, logTarget } from './awslogs.ts'
import { type TaskCgroups, taskCgroups } from './cgroup.ts'
import { type Engine, isMissing, reasonOf, statusOf } from './engine.ts'
import { ensureNetwork, ensurePause, NETWORK, PAUSE_IMAGE } from './foundation.ts'
import { Images } from './images.ts'
import { followLogs } from './log-follower.ts'
import { endedForMemory, KILLED, readKernelLog } from './memory-death.ts'
import {
  containerName,
  createOptions,
  hostPath,
  isEngines,
  isShared,
  LABELS,
  SANDBOX,
  type Shares,
  sandboxName,
  sandboxOptions,
  taskBytes,
  taskCores,
  volumeName,
} from './spec.ts'
import { type EngineEvent, EngineWatch } from './watch.ts'

/** How long to wait for the rest of a container's output after it exited. */
const LOG_PATIENCE = 5000
const OUT_OF_MEMORY = 'OutOfMemoryError: Container killed due to memory usage'
const LOST = "ResourceInitializationError: the task's network namespace is gone"

/** One container that exists at the engine. */
interface Live {
  readonly taskArn: string
  readonly name: string
  id: string
  exited: PromiseWithResolvers<void>
  /** The engine says that it ran out of memory. */
  oom: PromiseWithResolvers<void>
  /** It was sent SIGKILL by us. */
  killed: boolean
  logs: Promise<void>
}

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
  readonly #cgroups: TaskCgroups
  readonly #watch: EngineWatch
  readonly #live = new Map<string, Live>()
  /** By task: the sandbox's id, when volumes and sandbox are made. */
  readonly #made = new Map<string, Promise<string | undefined>>()
  #warnedOfInit = false
  #closed = false

  private constructor(engine: Engine, gateway: string, options: DockerRuntimeOptions) {
    this.#engine = engine
    this.gateway = gateway
    this.#options = options
    this.images = new Images(engine)
    this.#cgroups = taskCgroups(engine, options.log)
    const filters = { type: ['container'], label: [`${LABELS.owner}=${options.owner}`], event: ['die', 'oom', 'health_status'] }
    this.#watch = new EngineWatch(
      engine,
      filters,
      event => this.#event(event),
      () => this.#lookAtAll(),
    )
  }

  /** @throws when the engine has no usable network or cannot load the pause image. */
  static async open(engine: Engine, options: DockerRuntimeOptions): Promise<DockerRuntime> {
    const gateway = await ensureNetwork(engine)
    await ensurePause(engine)
    const runtime = new DockerRuntime(engine, gateway, options)
    await runtime.#watch.open()
    return runtime
  }

  async prepare(spec: TaskSpec): Promise<Sandbox> {
    const { task, definition } = spec
    const made = this.#foundations(spec)
    if (definition.networkMode !== 'awsvpc') {
      await made
      return { privateIPv4Address: this.gateway, macAddress: '' }
    }
    const id = (await made)!
    try {
      await this.#engine.call(docker => docker.getContainer(id).start())
      this.#follow(task.taskArn, SANDBOX, id)
      const inspected = await this.#engine.call(docker => docker.getContainer(id).inspect())
      const network = inspected.NetworkSettings.Networks[NETWORK]
      return { privateIPv4Address: network?.IPAddress ?? '', macAddress: network?.MacAddress ?? '' }
    } catch (error) {
      throw new RuntimeError('ResourceInitializationError', `the task's network could not be made: ${reasonOf(error)}`)
    }
  }

  /** What containers of the task can be created on: volumes, and the sandbox, which need not run for that. Made once, for whoever asks first. */
  #foundations(spec: TaskSpec): Promise<string | undefined> {
    const { taskArn } = spec.task
    let made = this.#made.get(taskArn)
    if (!made) {
      made = this.#makeFoundations(spec)
      this.#made.set(taskArn, made)
    }
    return made
  }

  async #makeFoundations(spec: TaskSpec): Promise<string | undefined> {
    const { definition, task } = spec
    checkLogGroups(spec, this.#options.logs)
    const volumes = definition.volumes.map(async volume => {
      if (!this.#pathOf(volume)) await this.#volume(spec, volume.name)
    })
    const cgroupParent = this.#cgroups.make(taskIdOf(task.taskArn), { cpu: taskCores(spec), memory: taskBytes(spec) })
    const options = sandboxOptions(spec, { owner: this.#options.owner, image: PAUSE_IMAGE, network: NETWORK, cgroupParent })
    try {
      const [sandbox] = await Promise.all([definition.networkMode === 'awsvpc' ? this.#createOnce(options) : undefined, ...volumes])
      return sandbox
    } catch (error) {
      throw new RuntimeError('ResourceInitializationError', reasonOf(error))
    }
  }

  #pathOf(volume: Volume): string | undefined {
    try {
      return hostPath(volume, this.#options.shares)
    } catch (error) {
      throw new RuntimeError('ResourceInitializationError', `failed to set up volume ${volume.name}: ${reasonOf(error)}`)
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
    const sandbox = await this.#foundations(spec)
    const limits = { cpu: taskCores(spec), memory: taskBytes(spec) }
    const reference = imageOf(spec, name)
    const image = await this.images.get(reference)
    const options = createOptions(spec, name, {
      owner: this.#options.owner,
      // A digest of our own making means nothing to the engine.
      image: reference.includes('@') ? image.id : reference,
      sandbox,
      cgroupParent: this.#cgroups.make(taskIdOf(task.taskArn), limits),
      hasInit: this.#engine.hasInit,
      shares: this.#options.shares,
      secrets,
      environment: this.#options.environment(task, name),
    })
    if (definition.networkMode === 'bridge') Object.assign(options.HostConfig!, { NetworkMode: NETWORK })
    try {
      return { runtimeId: await this.#createOnce(options) }
    } catch (error) {
      throw new RuntimeError('CannotCreateContainerError', reasonOf(error))
    }
  }

  async start(spec: TaskSpec, name: string): Promise<void> {
    const { taskArn } = spec.task
    const id = spec.task.containers.find(container => container.name === name)!.runtimeId!
    const live = this.#follow(taskArn, name, id)
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
      this.#live.delete(key(taskArn, name))
      throw new RuntimeError('CannotStartContainerError', reasonOf(error))
    }
  }

  async stop(spec: TaskSpec, name: string, timeout: number): Promise<void> {
    const live = this.#live.get(key(spec.task.taskArn, name))
    if (!live) return
    const kill = async (signal: string) => {
      try {
        await this.#engine.call(docker => docker.getContainer(live.id).kill({ signal }))
      } catch (error) {
        // 404 and 409: it is gone, or not running any more; the event stream has said so or will.
        if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error
        await this.#look(live)
      }
    }
    const image = await this.images.find(imageOf(spec, name))
    await kill(image?.config.StopSignal || 'SIGTERM')
    const patience = setTimeout(() => {
      live.killed = true
      void kill('SIGKILL').catch(error => this.#troubled(live, error))
    }, timeout)
    await live.exited.promise
    clearTimeout(patience)
  }

  async release(spec: TaskSpec): Promise<void> {
    const { taskArn } = spec.task
    const names = [...spec.task.containers.map(({ name }) => name), SANDBOX]
    await Promise.all(
      names.map(async name => {
        const live = this.#live.get(key(taskArn, name))
        this.#live.delete(key(taskArn, name))
        if (name !== SANDBOX && live) await Promise.race([live.logs, new Promise(resolve => setTimeout(resolve, LOG_PATIENCE).unref())])
        await this.#remove(name === SANDBOX ? sandboxName(taskArn) : containerName(taskArn, name))
      }),
    )
    for (const volume of spec.definition.volumes) {
      if (isShared(volume) || !isEngines(volume)) continue
      await this.#engine.call(docker => docker.getVolume(volumeName(taskArn, volume.name)).remove({ force: true })).catch(() => {})
    }
    this.#cgroups.remove(taskIdOf(taskArn))
    this.#made.delete(taskArn)
  }

  async adopt(spec: TaskSpec): Promise<ReadonlyMap<string, Found>> {
    const { taskArn } = spec.task
    const found = new Map<string, Found>()
    const listed = await this.#list([`${LABELS.task}=${taskArn}`])
    await Promise.all(
      listed.map(async ({ Id, Labels }) => {
        const name = Labels[LABELS.container] ?? ''
        // Followed first and looked at then: an end in between is seen by one or the other.
        const live = this.#follow(taskArn, name, Id)
        const state = await this.#stateOf(live)
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
    const strays = (await this.#list([])).filter(({ Labels }) => !arns.has(Labels[LABELS.task] ?? ''))
    await Promise.all(strays.map(({ Id }) => this.#remove(Id)))
    for (const { Labels } of strays) this.#cgroups.remove(taskIdOf(Labels[LABELS.task] ?? ''))
    const ids = new Set(known.map(({ task }) => taskIdOf(task.taskArn)))
    const filters = { label: [`${LABELS.owner}=${this.#options.owner}`] }
    const { Volumes } = await this.#engine.call(docker => docker.listVolumes({ filters }))
    const stray = (Volumes ?? []).filter(({ Name }) => !ids.has(Name.split('-')[1] ?? ''))
    await Promise.all(stray.map(({ Name }) => this.#engine.call(docker => docker.getVolume(Name).remove({ force: true })).catch(() => {})))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#watch.close()
    this.#engine.close()
  }

  #event(event: EngineEvent): void {
    const attributes = event.Actor.Attributes
    const taskArn = attributes[LABELS.task]
    const name = attributes[LABELS.container]
    const live = taskArn && name ? this.#live.get(key(taskArn, name)) : undefined
    if (!live || live.id !== event.Actor.ID) return
    if (event.Action === 'oom') live.oom.resolve()
    else if (event.Action === 'die') this.#ended(live, Number(attributes.exitCode)).catch(error => this.#troubled(live, error))
    else if (event.Action.startsWith('health_status'))
      this.#options.listener.health(live.taskArn, live.name, healthOf(event.Action.split(': ')[1]))
  }

  async #ended(live: Live, exitCode: number): Promise<void> {
    if (!this.#live.has(key(live.taskArn, live.name))) return
    // Nothing more is to be learned about the sandbox, nor about a container that ended well.
    const exit = live.name === SANDBOX || exitCode === 0 ? { exitCode } : await this.#exitOf(live, exitCode)
    live.exited.resolve()
    if (live.name === SANDBOX) this.#options.listener.lost(live.taskArn, LOST)
    else this.#options.listener.exited(live.taskArn, live.name, exit)
  }

  #troubled({ taskArn, name }: Live, error: unknown): void {
    if (!this.#closed) this.#options.log(`local ECS: container ${name} of task ${taskIdOf(taskArn)}: ${reasonOf(error)}`)
  }

  /** After a gap in the event stream: who ended meanwhile? */
  async #lookAtAll(): Promise<void> {
    await Promise.all([...this.#live.values()].map(live => this.#look(live)))
  }

  async #look(live: Live): Promise<void> {
    try {
      const { State } = await this.#engine.call(docker => docker.getContainer(live.id).inspect())
      if (State.Status === 'exited' || State.Status === 'dead') await this.#ended(live, State.ExitCode)
      else if (State.Health) this.#options.listener.health(live.taskArn, live.name, healthOf(State.Health.Status))
    } catch (error) {
      if (!isMissing(error)) throw error
      live.exited.resolve()
      if (live.name === SANDBOX) this.#options.listener.lost(live.taskArn, LOST)
      else this.#options.listener.exited(live.taskArn, live.name, { reason: 'DockerStateError: the container is gone' })
    }
  }

  async #exitOf(live: Live, known?: number): Promise<Exit> {
    try {
      const { State } = await this.#engine.call(docker => docker.getContainer(live.id).inspect())
      const exitCode = known ?? State.ExitCode
      if (State.OOMKilled) return { exitCode, reason: OUT_OF_MEMORY }
      if (State.Error) return { exitCode, reason: `CannotStartContainerError: ${State.Error}` }
      const witness = { clock: this.#options.clock, kernelLog: readKernelLog }
      if (exitCode === KILLED && !live.killed && (await endedForMemory(live.id, live.oom.promise, witness)))
        return { exitCode, reason: OUT_OF_MEMORY }
      return { exitCode }
    } catch (error) {
      if (!isMissing(error)) throw error
      return { exitCode: known, reason: known === undefined ? 'DockerStateError: the container is gone' : undefined }
    }
  }

  async #stateOf(live: Live): Promise<Found> {
    const { id } = live
    const { State } = await this.#engine.call(docker => docker.getContainer(id).inspect())
    if (State.Status === 'created') return { state: 'created', runtimeId: id }
    if (State.Running) return { state: 'running', runtimeId: id, health: State.Health ? healthOf(State.Health.Status) : undefined }
    return { state: 'exited', runtimeId: id, ...(await this.#exitOf(live)) }
  }

  #follow(taskArn: string, name: string, id: string): Live {
    const existing = this.#live.get(key(taskArn, name))
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

  async #volume(spec: TaskSpec, name: string): Promise<void> {
    const volume = spec.definition.volumes.find(one => one.name === name)!
    const docker = volume.dockerVolumeConfiguration
    await this.#engine.call(engine =>
      engine.createVolume({
        Name: isShared(volume) ? name : volumeName(spec.task.taskArn, name),
        Driver: docker?.driver ?? 'local',
        DriverOpts: { ...docker?.driverOpts },
        Labels: isShared(volume)
          ? { ...docker?.labels }
          : { ...docker?.labels, [LABELS.owner]: this.#options.owner, [LABELS.task]: spec.task.taskArn },
      }),
    )
  }

  /** Its name is the same each time, so a second creation finds the first one's container. Answers the id. */
  async #createOnce(options: Docker.ContainerCreateOptions): Promise<string> {
    try {
      return (await this.#engine.call(docker => docker.createContainer(options))).id
    } catch (error) {
      if (statusOf(error) !== 409) throw error
      return (await this.#engine.call(docker => docker.getContainer(options.name!).inspect())).Id
    }
  }

  async #remove(nameOrId: string): Promise<void> {
    try {
      await this.#engine.call(docker => docker.getContainer(nameOrId).remove({ force: true, v: true }))
    } catch (error) {
      // 409: its removal is under way already.
      if (!isMissing(error) && statusOf(error) !== 409)
        this.#options.log(`local ECS: container ${nameOrId} could not be removed: ${reasonOf(error)}`)
    }
  }

  #list(labels: readonly string[]): Promise<Docker.ContainerInfo[]> {
    const filters = { label: [`${LABELS.owner}=${this.#options.owner}`, ...labels] }
    return this.#engine.call(docker => docker.listContainers({ all: true, filters }))
  }
}

/** 304: it runs already, started by a process that did not live to note it. */
const isRunning = (error: unknown): boolean => statusOf(error) === 304

const key = (taskArn: string, name: string): string => `${taskArn} ${name}`

const imageOf = ({ task }: TaskSpec, name: string): string => task.containers.find(container => container.name === name)!.image

function healthOf(status: string | undefined): HealthStatus {
  return status === 'healthy' ? 'HEALTHY' : status === 'unhealthy' ? 'UNHEALTHY' : 'UNKNOWN'
}
