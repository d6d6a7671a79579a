// The agent's side of a simulated pod: speaks the same sync call as the real one (shared/pods/agent-protocol.ts), over containers that
// only exist as stages. It sends no events, and says to use what the stages' rules say.
import {
  ACKNOWLEDGED_HEADER,
  type Deletion,
  type Orders,
  type PodPlan,
  type Report,
  SYNC_PATH,
  type Usage,
} from '../../../shared/pods/agent-protocol.ts'
import type { Cancel, Clock } from '../../aws/clock.ts'
import type { Fetch } from './agent-call.ts'
import { SimulatedContainer } from './container.ts'
import type { Behaviour } from './stages.ts'

export interface SimulatedAgentOptions {
  readonly url: string
  readonly token: string
  readonly fetch: Fetch
  readonly clock: Clock
  readonly podIP: string
  readonly taskArn: string
  /** The containers run since an earlier process. */
  readonly resumed: boolean
  readonly behaviour: (container: string, environment: ReadonlyMap<string, string>) => Behaviour
  /** The agent and the holders leave: exit codes by container, and the agent's own. */
  readonly leave: (codes: ReadonlyMap<string, number>, own: number) => void
}

const RETRY_FIRST = 250
const RETRY_LAST = 30_000
/** The real agent's, between SIGTERM and leaving on its own account. */
const PATIENCE = 5_000
const USAGE_PERIOD = 15_000
/** The agent's own exit code when the task was stopped and the pod was not. */
const INTERRUPTED = 75

export class SimulatedAgent {
  readonly #options: SimulatedAgentOptions
  #plan: PodPlan | undefined
  #containers: SimulatedContainer[] = []
  #sequence: number
  #news = Promise.withResolvers<void>()
  #hasNews = false
  #stopping = false
  #interrupted = false
  #finished = false
  #left = false
  #cancelWait: Cancel = () => {}
  #cancelPatience: Cancel = () => {}
  #cancelCall: Cancel = () => {}

  constructor(options: SimulatedAgentOptions) {
    this.#options = options
    // Beyond any number that an earlier process used for the same task.
    this.#sequence = options.clock.now()
  }

  begin(): void {
    void this.#run()
  }

  /** SIGTERM: only the control plane knows whether that is the pod's end. One that holds its answer or does not come is not waited for. */
  terminate(): void {
    const { clock } = this.#options
    this.#interrupted = true
    this.#changed()
    this.#cancelPatience = clock.at(clock.now() + PATIENCE, () => {
      if (!this.#stopping) this.#leave(() => 143, INTERRUPTED)
    })
  }

  /** SIGKILL */
  kill(): void {
    this.#leave(() => 137, 137)
  }

  close(): void {
    this.#left = true
    this.#cancelWait()
    this.#cancelPatience()
    this.#cancelCall()
    for (const container of this.#containers) container.close()
    this.#changed()
  }

  async #run(): Promise<void> {
    let retry = RETRY_FIRST
    while (!this.#left) {
      let wait: number
      // What happens at one moment is told in one report.
      await new Promise(resolve => setImmediate(resolve))
      try {
        wait = await this.#exchange()
        retry = RETRY_FIRST
      } catch {
        wait = retry
        retry = Math.min(retry * 2, RETRY_LAST)
        await this.#sleep(wait, false)
        continue
      }
      if (!this.#hasNews && !this.#left) await this.#sleep(wait, true)
    }
  }

  /** Answers how long to wait before the next call, in milliseconds. */
  async #exchange(): Promise<number> {
    const { url, token, fetch, podIP, taskArn } = this.#options
    this.#hasNews = false
    this.#news = Promise.withResolvers<void>()
    const finished = this.#finished
    const report: Report = {
      sequence: ++this.#sequence,
      taskArn,
      podIPs: [podIP],
      containers: this.#containers.map(container => container.report()),
      events: [],
      usage: this.#usage(),
      plan: this.#plan?.version,
      wantsPlan: this.#plan === undefined,
      finished,
    }
    const giveUp = new AbortController()
    this.#cancelCall = () => giveUp.abort()
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await fetch(
      new Request(`${url.replace(/\/$/, '')}${SYNC_PATH}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(report),
        signal: giveUp.signal,
      }),
    )
    if (this.#left) return 0
    if (response.status === 410) {
      this.#leave(() => 137, 0)
      return 0
    }
    if (response.status !== 200) throw new Error(`the control plane answered ${response.status}`)
    if (finished && response.headers.has(ACKNOWLEDGED_HEADER)) {
      this.#leave(container => container.exitCode, 0)
      giveUp.abort()
      return 0
    }
    // The report is recorded; a held answer is given up when there is more to say.
    const text = await Promise.race([response.text(), this.#news.promise])
    if (text === undefined || this.#left) {
      giveUp.abort()
      return 0
    }
    return this.#obey(JSON.parse(text) as Orders)
  }

  /** As of the last full quarter of a minute: the real agent measures that often. */
  #usage(): Usage {
    const at = Math.floor(this.#options.clock.now() / USAGE_PERIOD) * USAGE_PERIOD
    const containers = this.#containers.map(container => container.usage(at)).filter(usage => usage !== undefined)
    return { timestamp: new Date(at).toISOString().replace(/\.\d+Z$/, 'Z'), windowSeconds: USAGE_PERIOD / 1000, containers }
  }

  #obey(orders: Orders): number {
    if (orders.plan && !this.#plan) this.#adopt(orders.plan)
    if (orders.deletion) this.#stop(orders.deletion)
    else if (this.#interrupted) this.#leave(() => 143, INTERRUPTED)
    return orders.syncAfterSeconds * 1000
  }

  #adopt(plan: PodPlan): void {
    this.#plan = plan
    const { clock, behaviour, taskArn } = this.#options
    const id = `ecs://${taskArn.slice(taskArn.lastIndexOf('/') + 1)}`
    this.#containers = plan.containers.map(container => {
      const environment = new Map(container.env.map(({ name, value }) => [name, value]))
      return new SimulatedContainer(container, plan, id, behaviour(container.name, environment), clock, () => this.#step())
    })
    if (this.#options.resumed) {
      for (const container of this.#containers) {
        if (container.plan.role !== 'init') container.resume()
      }
    } else this.#step()
  }

  /** Whose turn is it? */
  #step(): void {
    this.#changed()
    if (this.#stopping) {
      if (this.#containers.every(({ ended }) => ended)) this.#finished = true
      return
    }
    for (const container of this.#containers) {
      const { role } = container.plan
      if (role === 'init' && this.#options.resumed) continue
      if (container.idle) container.start()
      if (role === 'init' && !(container.ended && container.exitCode === 0)) {
        if (container.ended) this.#stop({ secondsLeft: 0 })
        return
      }
      if (role === 'sidecar' && !container.running) return
    }
    const apps = this.#containers.filter(({ plan }) => plan.role === 'app')
    if (apps.every(({ ended }) => ended)) this.#stop({ secondsLeft: this.#plan?.terminationGracePeriodSeconds ?? 30 })
  }

  #stop({ secondsLeft }: Pick<Deletion, 'secondsLeft'>): void {
    if (this.#stopping) return
    this.#stopping = true
    for (const container of this.#containers) container.stop(Math.max(0, secondsLeft * 1000))
    this.#step()
  }

  #leave(code: (container: SimulatedContainer) => number, own: number): void {
    if (this.#left) return
    this.close()
    this.#options.leave(new Map(this.#containers.map(container => [container.plan.name, code(container)])), own)
  }

  #changed(): void {
    this.#hasNews = true
    this.#news.resolve()
  }

  /** Until the time is over, or (when told) until there is news. */
  #sleep(milliseconds: number, interruptible: boolean): Promise<void> {
    if (this.#left) return Promise.resolve()
    const { clock } = this.#options
    return new Promise(resolve => {
      const cancel = clock.at(clock.now() + milliseconds, resolve)
      this.#cancelWait = cancel
      if (!interruptible) return
      void this.#news.promise.then(() => {
        cancel()
        resolve()
      })
    })
  }
}
