// One container of the pod through all its attempts: what kubelet does for it, against a holder instead of a container runtime.
import { join } from 'node:path'
import type { ContainerState } from '../shared/api/core/v1.ts'
import { agentPath, type ContainerPlan, type ContainerReport, type PodPlan, volumePath } from '../shared/pods/agent-protocol.ts'
import type { Attachable } from './attachable.ts'
import { type AttemptOutcome, commandOf, exitOutcome, isRestarted, startFailure } from './attempt.ts'
import { after, timestamp } from './clock.ts'
import type { ContainerContext } from './container-context.ts'
import { CrashLoop, goDuration } from './crash-loop.ts'
import { Holder, type Usage } from './holder.ts'
import { perform } from './hooks.ts'
import { Probes } from './probes.ts'
import { startScript } from './script.ts'

/** Time between two tries when configuration is missing. */
const CONFIG_RETRY_MS = 10_000
/** A hook without a time-out of its own. */
const HOOK_TIMEOUT_MS = 3_600_000
/** kubelet gives a process this long after preStop, even if the hook took all the grace there was. */
const LEAST_GRACE_MS = 2_000
const SETUP_POLL_MS = 15
const SETUP_RETRY_MS = 1000

/** idle: has not run, or may run again; active: from being prepared until its process has ended; backoff: waits to run again; ended: for good. */
type Phase = 'idle' | 'active' | 'backoff' | 'ended'

export class Container {
  plan: ContainerPlan
  #pod: PodPlan
  readonly #context: ContainerContext
  readonly #holder: Holder
  readonly #crashLoop = new CrashLoop()
  #phase: Phase = 'idle'
  #state: ContainerState
  #lastState: ContainerState | undefined
  #restartCount: number
  #started = false
  #ready = false
  #attempt = -1
  /** Of the attempt that has begun; the next one's when it begins. */
  #containerID: string | undefined
  #startedAt = 0
  readonly #probes: Probes
  #holderReady: Promise<void>
  #unmounted = ''
  #onEnd: (() => void)[] = []
  #stopping = false
  #lost = false
  #attachable: Attachable | undefined
  #cancelRetry = () => {}

  constructor(plan: ContainerPlan, pod: PodPlan, context: ContainerContext) {
    this.plan = plan
    this.#pod = pod
    this.#context = context
    const initFirst = pod.containers.some(({ role }) => role !== 'app')
    this.#state = plan.done ?? { waiting: { reason: initFirst ? 'PodInitializing' : 'ContainerCreating' } }
    if (plan.done) this.#phase = 'ended'
    this.#lastState = plan.lastState
    this.#restartCount = plan.restartCount
    let ready = () => {}
    this.#holderReady = new Promise(resolve => {
      ready = resolve
    })
    this.#holder = new Holder((context.path ?? agentPath)(plan.name), {
      ready: () => ready(),
      started: () => void this.#begun(),
      failed: (_, why) => this.#over(startFailure(why, this.#command().argv[0] ?? '')),
      exited: (_, code, oomKills) => this.#over(exitOutcome(this.plan, code, oomKills, (file, limit) => this.#holder.read(file, limit))),
      lost: () => this.#gone(),
    })
    this.#probes = new Probes({
      clock: context.clock,
      target: () => this.#target(),
      failed: message => context.event('Warning', 'Unhealthy', message, this.name),
      unhealthy: (kind, graceSeconds) => void this.#unhealthy(kind, graceSeconds),
      ready: ready => {
        if (this.#ready === ready) return
        this.#ready = ready
        context.changed()
      },
    })
    this.#open()
  }

  get name() {
    return this.plan.name
  }

  /** Its turn has come and it has nothing to wait for. */
  get idle() {
    return this.#phase === 'idle'
  }

  /** Ended, and will not run again. */
  get ended() {
    return this.#phase === 'ended'
  }

  get started() {
    return this.#started
  }

  get ready() {
    return this.#ready
  }

  /** It ended for good, and well. A sidecar that has started counts as well for those behind it, but not here. */
  get succeeded() {
    return this.ended && this.#state.terminated?.exitCode === 0
  }

  get exitCode() {
    return this.#state.terminated?.exitCode ?? 0
  }

  report(): ContainerReport {
    return {
      name: this.name,
      state: this.#state,
      lastState: this.#lastState,
      restartCount: this.#restartCount,
      started: this.#started,
      ready: this.#ready,
      containerID: this.#containerID,
    }
  }

  /** Where sessions run, while the process does. */
  get session(): { readonly plan: ContainerPlan; readonly holder: Holder; readonly attachable?: Attachable } | undefined {
    return this.#state.running ? { plan: this.plan, holder: this.#holder, attachable: this.#attachable } : undefined
  }

  usage(callback: (usage: Usage) => void) {
    if (this.#state.running) this.#holder.usage(callback)
  }

  async start() {
    this.#phase = 'active'
    try {
      this.#pod = await this.#context.freshPlan()
    } catch {
      // The link to the control plane tries for ever; it gives up only when the pod is over.
      return
    }
    if (this.#stopping) return this.#finish()
    this.plan = this.#pod.containers.find(({ name }) => name === this.name) ?? this.plan
    if (this.plan.configError !== undefined) return this.#misconfigured(this.plan.configError)
    await this.#holderReady
    if (this.plan.stdin || this.plan.tty) {
      const { Attachable } = await import('./attachable.ts')
      this.#attachable ??= await Attachable.prepare(this.#holder, this.plan)
    }
    if (this.#stopping) return this.#finish()
    const placed = this.#place()
    if (placed === undefined) return
    this.#attempt++
    await this.#context.starting?.(this.#attempt > 0)
    if (this.#stopping) return this.#finish()
    const { terminationMessagePath, terminationMessagePolicy } = this.plan
    this.#holder.start(
      this.#attempt,
      startScript({ ...this.#command(), placed }),
      terminationMessagePath,
      terminationMessagePolicy === 'FallbackToLogsOnError',
      this.#attachable,
    )
  }

  #misconfigured(message: string) {
    this.#pulled()
    this.#context.event('Warning', 'Failed', `Error: ${message}`, this.name)
    this.#moved({ waiting: { reason: 'CreateContainerConfigError', message } })
    this.#cancelRetry = after(this.#context.clock, CONFIG_RETRY_MS, () => void this.start())
  }

  /** Single files of volumes go into the holder's own volume; its script takes them to their place. Undefined: there is none of that name. */
  #place(): readonly string[] | undefined {
    const files = this.plan.files ?? []
    for (const [index, { volume, folder, path }] of files.entries()) {
      try {
        this.#holder.place(index, join((this.#context.volume ?? volumePath)(folder), path))
      } catch {
        this.#misconfigured(`failed to prepare subPath for volumeMount "${volume}" of container "${this.name}"`)
        return undefined
      }
    }
    return files.map(({ mountPath }) => mountPath)
  }

  /** Ends the process if there is one: preStop, the stop signal, and SIGKILL when the grace is over. Resolves when it is gone. */
  async stop(graceMs: number, message: string): Promise<void> {
    if (!this.#state.running) return
    const ended = new Promise<void>(resolve => this.#onEnd.push(resolve))
    const deadline = this.#context.clock.now() + graceMs
    this.#probes.stop()
    this.#context.event('Normal', 'Killing', message, this.name)
    const cancelKill = after(this.#context.clock, graceMs, () => this.#holder.kill())
    ended.then(cancelKill)
    const preStop = this.plan.lifecycle?.preStop
    if (preStop && graceMs > 0) {
      const failure = await Promise.race([this.#perform(preStop, graceMs), ended.then(() => null)])
      if (failure !== null) this.#context.event('Warning', 'FailedPreStopHook', 'PreStopHook failed', this.name)
      if (this.#context.clock.now() + LEAST_GRACE_MS > deadline) {
        cancelKill()
        ended.then(after(this.#context.clock, LEAST_GRACE_MS, () => this.#holder.kill()))
      }
    }
    this.#holder.signal(this.plan.stopSignal ?? this.#context.image(this.name).stopSignal ?? 'SIGTERM')
    await ended
  }

  /** The pod is over: it is not started again. */
  retire() {
    this.#stopping = true
    this.#cancelRetry()
    if (this.#phase === 'backoff' && this.#lastState?.terminated) this.#state = this.#lastState
    if (this.#phase === 'idle' || this.#phase === 'backoff' || !this.#state.running) this.#finish()
  }

  /** The pod's grace was cut short. */
  kill() {
    this.#holder.kill()
  }

  end(code: number) {
    this.#holder.end(code)
  }

  close() {
    this.#holder.close()
  }

  #open() {
    // Setup runs beside us; it takes some tens of milliseconds.
    if (this.#holder.open(this.#pod.terminationGracePeriodSeconds)) return
    const problem = this.#holder.unmounted
    // One of them tells it for the pod.
    if (problem !== '' && problem !== this.#unmounted) {
      if (this.#pod.containers[0]?.name === this.name) this.#context.event('Warning', 'FailedMount', problem)
      this.#unmounted = problem
    }
    after(this.#context.clock, problem === '' ? SETUP_POLL_MS : SETUP_RETRY_MS, () => this.#open())
  }

  async #begun() {
    // Ordered before the pod was over, begun after it.
    if (this.ended) return this.#holder.kill()
    const attempt = this.#attempt
    if (this.#state.terminated || this.#lastState?.terminated) {
      if (this.#state.terminated) this.#lastState = this.#state
      if (attempt > 0) this.#restartCount++
    }
    this.#startedAt = this.#context.clock.now()
    this.#containerID = this.#id()
    this.#pulled()
    this.#context.event('Normal', 'Created', 'Container created', this.name)
    this.#context.event('Normal', 'Started', 'Container started', this.name)
    this.#state = { running: { startedAt: timestamp(this.#startedAt) } }
    const postStart = this.plan.lifecycle?.postStart
    if (postStart) {
      this.#moved(this.#state)
      const failure = await this.#perform(postStart, HOOK_TIMEOUT_MS)
      if (this.#attempt !== attempt || !this.#state.running) return
      if (failure !== null) {
        this.#context.event('Warning', 'FailedPostStartHook', 'PostStartHook failed', this.name)
        void this.stop(this.#grace(), 'FailedPostStartHook')
        return
      }
    }
    if (this.#probes.startup(this.plan, () => this.#up())) this.#moved(this.#state)
    else this.#up()
  }

  #pulled() {
    const image = JSON.stringify(this.plan.image)
    const there = this.#attempt > 0 || this.#context.image(this.name).present
    const message = there
      ? `Container image ${image} already present on machine and can be accessed by the pod`
      : `Successfully pulled image ${image}`
    this.#context.event('Normal', 'Pulled', message, this.name)
  }

  /** It has started: the other probes begin. */
  #up() {
    if (this.#started) return
    this.#started = true
    this.#ready = !this.plan.readinessProbe
    this.#probes.up(this.plan)
    this.#moved(this.#state)
  }

  async #unhealthy(kind: string, graceSeconds: number | undefined) {
    const grace = graceSeconds === undefined ? this.#grace() : graceSeconds * 1000
    await this.stop(grace, `Container ${this.name} failed ${kind} probe, will be restarted`)
  }

  /** The process has ended, or could not be run. */
  #over(outcome: AttemptOutcome) {
    const now = this.#context.clock.now()
    this.#probes.stop()
    this.#attachable?.ended()
    const begun = this.#state.running !== undefined
    if (!begun) {
      this.#pulled()
      this.#context.event('Normal', 'Created', 'Container created', this.name)
      this.#context.event('Warning', 'Failed', `Error: ${outcome.message}`, this.name)
      if (this.#state.terminated) this.#lastState = this.#state
      if (this.#attempt > 0) this.#restartCount++
    }
    this.#started = false
    this.#ready = false
    this.#containerID = this.#id()
    const startedAt = begun ? timestamp(this.#startedAt) : timestamp(now)
    this.#state = { terminated: { ...outcome, startedAt, finishedAt: timestamp(now), containerID: this.#containerID } }
    for (const resolve of this.#onEnd.splice(0)) resolve()
    if (this.#stopping || !isRestarted(this.plan.role, this.#pod.restartPolicy, outcome.exitCode)) return this.#finish()
    if (this.#lost) {
      this.#context.changed()
      return this.#context.lost()
    }
    const delay = this.#crashLoop.delayAfter(now)
    this.#phase = 'backoff'
    if (delay === 0) return this.#again(now)
    const { name, namespace, uid } = this.#pod
    const pod = `${name}_${namespace}(${uid})`
    this.#context.event('Warning', 'BackOff', `Back-off restarting failed container ${this.name} in pod ${pod}`, this.name)
    this.#lastState = this.#state
    const message = `back-off ${goDuration(delay)} restarting failed container=${this.name} pod=${pod}`
    this.#moved({ waiting: { reason: 'CrashLoopBackOff', message } })
    this.#cancelRetry = after(this.#context.clock, delay, () => this.#again(now))
  }

  /** Somebody killed the holder, and the kernel everything below it. */
  #gone() {
    if (this.ended) return
    if (this.#state.running) {
      this.#lost = true
      this.#over({ exitCode: 137, reason: 'Error' })
    } else this.#context.lost()
  }

  #again(finished: number) {
    this.#crashLoop.restarted(this.#context.clock.now(), finished)
    this.#phase = 'idle'
    this.#context.changed()
  }

  #finish() {
    this.#phase = 'ended'
    this.#context.changed()
  }

  #command() {
    return commandOf(this.plan, this.#context.image(this.name))
  }

  #id() {
    return `${this.#context.taskID()}/${this.name}/${this.#attempt}`
  }

  #perform(action: Parameters<typeof perform>[0], timeoutMs: number) {
    return perform(action, this.#target(), timeoutMs)
  }

  #target() {
    return { plan: this.plan, holder: this.#holder, podIP: this.#context.podIP() }
  }

  #grace() {
    return this.#pod.terminationGracePeriodSeconds * 1000
  }

  #moved(state: ContainerState) {
    this.#state = state
    this.#context.changed()
  }
}
