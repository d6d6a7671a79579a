// ECS without containers: every step of a task takes the time that the stages say, and a simulated agent speaks for the pod in it.
import { createHash } from 'node:crypto'
import { AGENT_ENV } from '../../../shared/pods/agent-protocol.ts'
import { AGENT, SETUP } from '../../../shared/pods/status.ts'
import type { Cancel, Clock } from '../../aws/clock.ts'
import { PullError } from '../images.ts'
import { type Found, type Runtime, RuntimeError, type RuntimeListener, type Sandbox, type TaskSpec } from '../runtime.ts'
import { SimulatedAgent } from './agent.ts'
import { type Fetch, fetchWithAuthority } from './agent-call.ts'
import type { SimulatedImages } from './images.ts'
import { Behaviour, type Rule } from './stages.ts'

export interface SimulatedRuntimeOptions {
  readonly rules: readonly Rule[]
  /** The same seed and the same order of launches: the same run. */
  readonly seed: string
  readonly clock: Clock
  readonly images: SimulatedImages
  readonly listener: RuntimeListener
  /** The agents' sync call, for a host in the same process. Absent: over HTTP, to where the agent's environment points. */
  readonly agentSync?: Fetch
}

/** A task that runs, or is about to. */
interface Live {
  /** Counts launches: chance is drawn by it. */
  readonly ordinal: number
  readonly address: number
  readonly running: Set<string>
  /** What is due for its containers. */
  readonly timers: Set<Cancel>
  agent?: SimulatedAgent
}

const NO_ENVIRONMENT: ReadonlyMap<string, string> = new Map()

export class SimulatedRuntime implements Runtime {
  readonly #options: SimulatedRuntimeOptions
  readonly #live = new Map<string, Live>()
  readonly #fetches = new Map<string | undefined, Fetch>()
  /** Steps that take their time; of tasks that were released meanwhile too. */
  readonly #sleeps = new Set<Cancel>()
  readonly #freeAddresses: number[] = []
  #launches = 0
  #addresses = 0
  #closed = false

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options
  }

  async prepare(spec: TaskSpec): Promise<Sandbox> {
    const live = this.#task(spec)
    const provision = this.#behaviour(spec, spec.definition.containerDefinitions.at(-1)!.name).time('provision')
    if (provision) await this.#sleep(provision)
    return sandboxOf(live.address)
  }

  async pull(spec: TaskSpec, name: string): Promise<{ imageDigest?: string }> {
    const behaviour = this.#behaviour(spec, name)
    const time = behaviour.time('pull')
    if (time) await this.#sleep(time)
    const image = imageOf(spec, name)
    const failure = behaviour.failure('pull')
    if (failure) throw new RuntimeError('CannotPullContainerError', `${image}: ${failure}`)
    try {
      return { imageDigest: (await this.#options.images.get(image)).digest }
    } catch (error) {
      if (error instanceof PullError) throw new RuntimeError('CannotPullContainerError', `${image}: ${error.message}`)
      throw error
    }
  }

  async create(spec: TaskSpec, name: string): Promise<{ runtimeId: string }> {
    const failure = this.#behaviour(spec, name).failure('create')
    if (failure) throw new RuntimeError('CannotCreateContainerError', failure)
    return { runtimeId: createHash('sha256').update(`${spec.task.taskArn}/${name}`).digest('hex') }
  }

  async start(spec: TaskSpec, name: string): Promise<void> {
    const { taskArn } = spec.task
    const live = this.#task(spec)
    live.running.add(name)
    if (name === SETUP) {
      queueMicrotask(() => this.#exit(taskArn, name, 0))
      return
    }
    const agent = this.#agentEnvironment(spec)
    if (name === AGENT && agent) this.#startAgent(spec, live, agent, false)
    // The processes of a pod are its agent's to start; its containers are only holders.
    if (agent) return
    const behaviour = this.#behaviour(spec, name, environmentOf(spec, name))
    const time = behaviour.time('start')
    if (time) await this.#sleep(time)
    const failure = behaviour.failure('start')
    if (failure) {
      live.running.delete(name)
      throw new RuntimeError('CannotStartContainerError', failure)
    }
    const run = behaviour.time('run')
    if (run !== undefined) this.#after(live, run, () => this.#exit(taskArn, name, behaviour.exitCode))
  }

  async stop(spec: TaskSpec, name: string, timeout: number): Promise<void> {
    const { taskArn } = spec.task
    const live = this.#live.get(taskArn)
    if (!live?.running.has(name)) return
    if (live.agent) {
      if (name === AGENT) live.agent.terminate()
      this.#after(live, timeout, () => (name === AGENT ? live.agent?.kill() : this.#exit(taskArn, name, 137)))
      return
    }
    const wanted = this.#behaviour(spec, name).time('stop') ?? 0
    if (wanted > 0) this.#after(live, Math.min(wanted, timeout), () => this.#exit(taskArn, name, wanted > timeout ? 137 : 143))
    else queueMicrotask(() => this.#exit(taskArn, name, 143))
  }

  async release({ task }: TaskSpec): Promise<void> {
    const live = this.#live.get(task.taskArn)
    if (!live) return
    this.#end(live)
    this.#live.delete(task.taskArn)
    this.#freeAddresses.push(live.address)
  }

  async adopt(spec: TaskSpec): Promise<ReadonlyMap<string, Found>> {
    const found = new Map<string, Found>()
    const address = spec.task.attachments[0]?.details.find(({ name }) => name === 'privateIPv4Address')?.value
    const live = this.#task(spec, address)
    for (const { name, lastStatus, runtimeId = '' } of spec.task.containers) {
      if (lastStatus !== 'RUNNING') continue
      live.running.add(name)
      found.set(name, { state: 'running', runtimeId })
    }
    const agent = this.#agentEnvironment(spec)
    if (agent && live.running.has(AGENT)) this.#startAgent(spec, live, agent, true)
    return found
  }

  async tidy(): Promise<void> {}

  async close(): Promise<void> {
    this.#closed = true
    for (const live of this.#live.values()) this.#end(live)
    for (const cancel of this.#sleeps) cancel()
    this.#sleeps.clear()
  }

  /** A timer that is left keeps the process, and so `npm stop`, waiting for what nobody hears any more. */
  #end({ agent, timers }: Live): void {
    agent?.close()
    for (const cancel of timers) cancel()
    timers.clear()
  }

  #startAgent(spec: TaskSpec, live: Live, environment: ReadonlyMap<string, string>, resumed: boolean): void {
    const { taskArn } = spec.task
    const agent = new SimulatedAgent({
      url: environment.get(AGENT_ENV.url)!,
      token: environment.get(AGENT_ENV.token)!,
      fetch: this.#options.agentSync ?? this.#fetchWith(environment.get(AGENT_ENV.ca)),
      clock: this.#options.clock,
      podIP: sandboxOf(live.address).privateIPv4Address,
      taskArn,
      resumed,
      behaviour: (container, variables) => this.#behaviour(spec, container, variables),
      leave: (codes, own) => {
        for (const name of live.running) if (name !== AGENT) this.#exit(taskArn, name, codes.get(name) ?? 0)
        this.#exit(taskArn, AGENT, own)
      },
    })
    live.agent = agent
    agent.begin()
  }

  #exit(taskArn: string, name: string, exitCode: number): void {
    if (this.#closed || !this.#live.get(taskArn)?.running.delete(name)) return
    this.#options.listener.exited(taskArn, name, { exitCode })
  }

  /** Of a pod's agent, when the task has one. */
  #agentEnvironment(spec: TaskSpec): ReadonlyMap<string, string> | undefined {
    if (!spec.definition.containerDefinitions.some(({ name }) => name === AGENT)) return undefined
    const environment = environmentOf(spec, AGENT)
    return environment.has(AGENT_ENV.url) && environment.has(AGENT_ENV.token) ? environment : undefined
  }

  #behaviour(spec: TaskSpec, name: string, environment = NO_ENVIRONMENT): Behaviour {
    const image = this.#options.images.named(imageOf(spec, name))
    return new Behaviour(this.#options.rules, image, environment, `${this.#options.seed}/${this.#task(spec).ordinal}/${name}`)
  }

  #task({ task }: TaskSpec, address?: string): Live {
    let live = this.#live.get(task.taskArn)
    if (!live) {
      live = {
        ordinal: ++this.#launches,
        address: address ? this.#claim(address) : (this.#freeAddresses.shift() ?? ++this.#addresses),
        running: new Set(),
        timers: new Set(),
      }
      this.#live.set(task.taskArn, live)
    }
    return live
  }

  /** An adopted task keeps its address. */
  #claim(address: string): number {
    const [, , high = 0, low = 0] = address.split('.').map(Number)
    const number = ((Number(address.split('.')[1]) - FIRST_NETWORK) << 16) | (high << 8) | low
    while (this.#addresses < number) this.#freeAddresses.push(++this.#addresses)
    const at = this.#freeAddresses.indexOf(number)
    if (at >= 0) this.#freeAddresses.splice(at, 1)
    return number
  }

  #fetchWith(ca: string | undefined): Fetch {
    let fetch = this.#fetches.get(ca)
    if (!fetch) {
      fetch = fetchWithAuthority(ca)
      this.#fetches.set(ca, fetch)
    }
    return fetch
  }

  #after(live: Live, milliseconds: number, run: () => void): void {
    this.#timer(live.timers, milliseconds, run)
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise(resolve => this.#timer(this.#sleeps, milliseconds, resolve))
  }

  #timer(timers: Set<Cancel>, milliseconds: number, run: () => void): void {
    if (this.#closed) return
    const { clock } = this.#options
    const cancel = clock.at(clock.now() + milliseconds, () => {
      timers.delete(cancel)
      run()
    })
    timers.add(cancel)
  }
}

const FIRST_NETWORK = 88

/** 10.88.0.0 and up: half a million addresses before they leave the private range. */
function sandboxOf(address: number): Sandbox {
  const parts = [10, FIRST_NETWORK + (address >> 16), (address >> 8) & 255, address & 255]
  const hex = parts.map(part => part.toString(16).padStart(2, '0')).join(':')
  return { privateIPv4Address: parts.join('.'), macAddress: `02:42:${hex}` }
}

const imageOf = ({ task }: TaskSpec, name: string): string => task.containers.find(container => container.name === name)!.image

function environmentOf({ task, definition }: TaskSpec, name: string): ReadonlyMap<string, string> {
  const variables = [
    ...(definition.containerDefinitions.find(container => container.name === name)?.environment ?? []),
    ...(task.overrides.containerOverrides?.find(container => container.name === name)?.environment ?? []),
  ]
  return new Map(variables.map(variable => [variable.name, variable.value]))
}
