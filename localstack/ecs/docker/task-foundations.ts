// What a task's containers stand on: its cgroup, its volumes, and the sandbox container that holds its network namespace.
import type { Logs } from '../../aws/logs/service.ts'
import { taskIdOf, type Volume } from '../model.ts'
import { RuntimeError, type TaskSpec } from '../runtime.ts'
import { checkLogGroups } from './awslogs.ts'
import { type TaskCgroups, taskCgroups } from './cgroup.ts'
import { createOnce } from './containers.ts'
import { type Engine, reasonOf } from './engine.ts'
import { NETWORK, PAUSE_IMAGE } from './foundation.ts'
import { hostPath, isEngines, isShared, LABELS, type Shares, sandboxOptions, taskBytes, taskCores, volumeName } from './spec.ts'

export interface TaskFoundationsOptions {
  readonly engine: Engine
  readonly owner: string
  readonly logs: Logs
  readonly shares: Shares | undefined
  readonly log: (line: string) => void
}

export class TaskFoundations {
  readonly #options: TaskFoundationsOptions
  readonly #cgroups: TaskCgroups
  /** By task: the sandbox's id, when volumes and sandbox are made. */
  readonly #made = new Map<string, Promise<string | undefined>>()

  constructor(options: TaskFoundationsOptions) {
    this.#options = options
    this.#cgroups = taskCgroups(options.engine, options.log)
  }

  /**
   * The sandbox's id (it need not run for containers to be created on it); undefined where the task has no network of its own. Made once, for
   * whoever asks first. @throws RuntimeError
   */
  of(spec: TaskSpec): Promise<string | undefined> {
    const { taskArn } = spec.task
    let made = this.#made.get(taskArn)
    if (!made) {
      made = this.#make(spec)
      this.#made.set(taskArn, made)
    }
    return made
  }

  /** The task's cgroup, for its containers; undefined where the engine gives none. */
  cgroup(spec: TaskSpec): ReturnType<TaskCgroups['make']> {
    return this.#cgroups.make(taskIdOf(spec.task.taskArn), { cpu: taskCores(spec), memory: taskBytes(spec) })
  }

  /** Volumes and cgroup; the sandbox goes as a container. */
  async remove({ task: { taskArn }, definition }: TaskSpec): Promise<void> {
    for (const volume of definition.volumes) {
      if (!isShared(volume) && isEngines(volume)) await this.#removeVolume(volumeName(taskArn, volume.name))
    }
    this.forget(taskArn)
    this.#made.delete(taskArn)
  }

  /** The cgroup of a task that nobody knows. */
  forget(taskArn: string): void {
    this.#cgroups.remove(taskIdOf(taskArn))
  }

  /** Removes volumes that belong to none of these tasks. */
  async tidy(known: readonly TaskSpec[]): Promise<void> {
    const { engine, owner } = this.#options
    const ids = new Set(known.map(({ task }) => taskIdOf(task.taskArn)))
    const filters = { label: [`${LABELS.owner}=${owner}`] }
    const { Volumes } = await engine.call(docker => docker.listVolumes({ filters }))
    const stray = (Volumes ?? []).filter(({ Name }) => !ids.has(Name.split('-')[1] ?? ''))
    await Promise.all(stray.map(({ Name }) => this.#removeVolume(Name)))
  }

  async #make(spec: TaskSpec): Promise<string | undefined> {
    const { engine, logs, owner } = this.#options
    const { volumes, networkMode } = spec.definition
    checkLogGroups(spec, logs)
    const making = volumes.map(async volume => {
      if (!this.#pathOf(volume)) await this.#makeVolume(spec, volume)
    })
    const cgroupParent = this.cgroup(spec)
    const options = sandboxOptions(spec, { owner, image: PAUSE_IMAGE, network: NETWORK, cgroupParent })
    try {
      const [sandbox] = await Promise.all([networkMode === 'awsvpc' ? createOnce(engine, options) : undefined, ...making])
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

  async #makeVolume({ task: { taskArn } }: TaskSpec, volume: Volume): Promise<void> {
    const { engine, owner } = this.#options
    const { driver = 'local', driverOpts, labels } = volume.dockerVolumeConfiguration ?? {}
    await engine.call(docker =>
      docker.createVolume({
        Name: isShared(volume) ? volume.name : volumeName(taskArn, volume.name),
        Driver: driver,
        DriverOpts: { ...driverOpts },
        Labels: isShared(volume) ? { ...labels } : { ...labels, [LABELS.owner]: owner, [LABELS.task]: taskArn },
      }),
    )
  }

  async #removeVolume(name: string): Promise<void> {
    await this.#options.engine.call(docker => docker.getVolume(name).remove({ force: true })).catch(() => {})
  }
}
