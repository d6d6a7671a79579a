// One container of a simulated pod through its attempts, as its agent would see it: the stages decide what its process does.
import { CrashLoop, goDuration } from '../../../agent/crash-loop.ts'
import type { ContainerState } from '../../../shared/api/core/v1.ts'
import type { ContainerPlan, ContainerReport, ContainerUsage, PodPlan } from '../../../shared/pods/agent-protocol.ts'
import type { Cancel, Clock } from '../../aws/clock.ts'
import type { Behaviour } from './stages.ts'

export class SimulatedContainer {
  readonly plan: ContainerPlan
  readonly #pod: PodPlan
  readonly #clock: Clock
  readonly #behaviour: Behaviour
  readonly #changed: () => void
  readonly #id: string
  readonly #crashLoop = new CrashLoop()
  readonly #timers = new Set<Cancel>()
  #state: ContainerState
  #lastState: ContainerState | undefined
  #restartCount: number
  #attempt = -1
  #ready = false
  #phase: 'idle' | 'active' | 'ended' = 'idle'
  #stopping = false
  #closed = false

  constructor(plan: ContainerPlan, pod: PodPlan, id: string, behaviour: Behaviour, clock: Clock, changed: () => void) {
    this.plan = plan
    this.#pod = pod
    this.#id = id
    this.#behaviour = behaviour
    this.#clock = clock
    this.#changed = changed
    this.#restartCount = plan.restartCount
    this.#lastState = plan.lastState
    this.#state = plan.done ?? { waiting: { reason: 'ContainerCreating' } }
    if (plan.done) this.#phase = 'ended'
  }

  get idle(): boolean {
    return this.#phase === 'idle'
  }

  get ended(): boolean {
    return this.#phase === 'ended'
  }

  get running(): boolean {
    return this.#state.running !== undefined
  }

  get exitCode(): number {
    return this.#state.terminated?.exitCode ?? 0
  }

  report(): ContainerReport {
    return {
      name: this.plan.name,
      state: this.#state,
      lastState: this.#lastState,
      restartCount: this.#restartCount,
      started: this.running,
      ready: this.#ready,
      containerID: this.#attempt < 0 ? undefined : `${this.#id}/${this.plan.name}/${this.#attempt}`,
    }
  }

  /** Absent while it does not run. */
  usage(at: number): ContainerUsage | undefined {
    if (!this.running) return undefined
    const nanoCores = Math.round(this.#behaviour.use('cpu', at) * 1e9)
    // Memory comes in pages.
    const memoryBytes = Math.round(this.#behaviour.use('memory', at) * 256) * 4096
    return { name: this.plan.name, nanoCores, memoryBytes }
  }

  start(): void {
    this.#phase = 'active'
    if (this.plan.configError !== undefined) {
      this.#state = { waiting: { reason: 'CreateContainerConfigError', message: this.plan.configError } }
      return
    }
    this.#after(this.#behaviour.time('start') ?? 0, () => this.#begun())
  }

  /** The task goes on in a new process: it was running before. */
  resume(): void {
    this.#phase = 'active'
    this.#attempt = 0
    this.#running()
  }

  stop(graceMs: number): void {
    this.#stopping = true
    if (!this.running) {
      this.#cancelAll()
      this.#phase = 'ended'
      if (this.#state.waiting && this.#lastState?.terminated) this.#state = this.#lastState
      return
    }
    const wanted = this.#behaviour.time('stop') ?? 0
    this.#cancelAll()
    this.#after(Math.min(wanted, graceMs), () => this.#over(wanted > graceMs ? 137 : this.#behaviour.exitCode))
  }

  close(): void {
    this.#closed = true
    this.#cancelAll()
  }

  #begun(): void {
    const failure = this.#behaviour.failure('start')
    this.#attempt++
    if (this.#state.terminated) this.#lastState = this.#state
    if (this.#attempt > 0) this.#restartCount++
    if (failure) this.#over(128, failure)
    else this.#running()
  }

  #running(): void {
    this.#state = { running: { startedAt: timestamp(this.#clock.now()) } }
    this.#ready = false
    const run = this.#behaviour.time('run') ?? (this.plan.role === 'init' ? 0 : undefined)
    const ready = this.#behaviour.time('ready') ?? 0
    if (run !== undefined) this.#after(run, () => this.#over(this.#behaviour.exitCode))
    if (run === undefined || ready < run) {
      this.#after(ready, () => {
        this.#ready = true
        this.#changed()
      })
    }
    this.#changed()
  }

  #over(exitCode: number, message?: string): void {
    const now = this.#clock.now()
    const startedAt = this.#state.running?.startedAt ?? timestamp(now)
    const reason = message !== undefined ? 'StartError' : exitCode === 0 ? 'Completed' : 'Error'
    this.#cancelAll()
    this.#ready = false
    this.#state = {
      terminated: {
        exitCode,
        reason,
        message,
        startedAt,
        finishedAt: timestamp(now),
        containerID: `${this.#id}/${this.plan.name}/${this.#attempt}`,
      },
    }
    if (this.#stopping || !this.#restarts(exitCode)) {
      this.#phase = 'ended'
    } else {
      const delay = this.#crashLoop.delayAfter(now)
      if (delay > 0) {
        this.#lastState = this.#state
        const { name, namespace, uid } = this.#pod
        const about = `back-off ${goDuration(delay)} restarting failed container=${this.plan.name} pod=${name}_${namespace}(${uid})`
        this.#state = { waiting: { reason: 'CrashLoopBackOff', message: about } }
      }
      this.#after(delay, () => {
        this.#crashLoop.restarted(this.#clock.now(), now)
        this.start()
      })
    }
    this.#changed()
  }

  #restarts(exitCode: number): boolean {
    const { restartPolicy } = this.#pod
    if (this.plan.role === 'sidecar') return true
    if (this.plan.role === 'init') return exitCode !== 0 && restartPolicy !== 'Never'
    return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0)
  }

  /** No timer for what happens at once. */
  #after(milliseconds: number, run: () => void): void {
    if (this.#closed) return
    if (milliseconds <= 0) {
      queueMicrotask(run)
      return
    }
    const cancel = this.#clock.at(this.#clock.now() + milliseconds, () => {
      this.#timers.delete(cancel)
      run()
    })
    this.#timers.add(cancel)
  }

  #cancelAll(): void {
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
  }
}

const timestamp = (milliseconds: number): string => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z')
