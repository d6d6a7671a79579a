// The agent's end of the sync call: says what changed as soon as it changed, otherwise when told to, and never two at a time.
import { randomUUID } from 'node:crypto'
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { ACKNOWLEDGED_HEADER, type AgentEvent, type Orders, type PodPlan, type Report, SYNC_PATH } from '../shared/pods/agent-protocol.ts'
import { after, type Clock } from './clock.ts'

export interface LinkOptions {
  readonly url: string
  readonly token: string
  readonly ca?: string
  readonly clock: Clock
  /** The pod as it is now. */
  report(): Pick<Report, 'podIPs' | 'taskArn' | 'containers' | 'usage' | 'volumes' | 'evicted' | 'finished' | 'services'>
  orders(orders: Orders): void
  /** The pod is gone, or not ours any more. */
  gone(): void
  /** The report that said `finished` is recorded. */
  finished(): void
  log(message: string): void
}

/** What happens at one moment is told in one report. */
const GATHER_MS = 5
/** A call that is neither answered nor acknowledged for so long while there is news is given up and made again. */
const IMPATIENCE_MS = 3_000
const TIMEOUT_MS = 15_000
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 30_000
/** Events kept for a control plane that does not answer. */
const EVENTS_KEPT = 200

export class Link {
  readonly #name = randomUUID()
  readonly #options: LinkOptions
  readonly #agent: HttpAgent
  #sequence = 0
  #eventId = 0
  #events: AgentEvent[] = []
  #plan: string | undefined
  #wanted: { promise: Promise<PodPlan>; resolve(plan: PodPlan): void; reject(error: Error): void } | undefined
  #news = true
  #holdSeconds = 0
  #wake = () => {}
  #giveUp = () => {}
  #closed = false

  constructor(options: LinkOptions) {
    this.#options = options
    this.#agent = options.url.startsWith('https:')
      ? new HttpsAgent({ keepAlive: true, maxSockets: 1, ca: options.ca })
      : new HttpAgent({ keepAlive: true, maxSockets: 1 })
  }

  /** The control plane holds a call until there is something to say: what changes is told at once. */
  get holds() {
    return this.#holdSeconds > 0
  }

  /** Something in the pod changed. */
  changed() {
    this.#news = true
    this.#wake()
    this.#giveUp()
  }

  event(event: Omit<AgentEvent, 'id'>) {
    this.#events.push({ id: ++this.#eventId, ...event })
    if (this.#events.length > EVENTS_KEPT) this.#events.shift()
    this.changed()
  }

  /** The plan as of a call that begins after this one. Rejects when the pod is over. */
  freshPlan(): Promise<PodPlan> {
    if (!this.#wanted) {
      const { promise, resolve, reject } = Promise.withResolvers<PodPlan>()
      promise.catch(() => {})
      this.#wanted = { promise, resolve, reject }
    }
    this.changed()
    return this.#wanted.promise
  }

  close() {
    this.#closed = true
    this.#wanted?.reject(new Error('the pod is over'))
    this.#wake()
    this.#agent.destroy()
  }

  async run() {
    const { clock } = this.#options
    let retry = FIRST_RETRY_MS
    while (!this.#closed) {
      await this.#pause(GATHER_MS)
      this.#news = false
      let wait: number
      try {
        wait = await this.#exchange()
        retry = FIRST_RETRY_MS
      } catch (error) {
        this.#options.log(`sync: ${error instanceof Error ? error.message : error}`)
        // Not woken by news: whatever is the matter, calling faster does not help.
        await this.#pause(retry)
        retry = Math.min(retry * 2, LAST_RETRY_MS)
        continue
      }
      if (this.#news || this.#closed) continue
      await new Promise<void>(resolve => {
        const cancel = after(clock, wait, resolve)
        this.#wake = () => {
          cancel()
          resolve()
        }
      })
      this.#wake = () => {}
    }
  }

  #pause(milliseconds: number) {
    return new Promise<void>(resolve => void after(this.#options.clock, milliseconds, resolve))
  }

  /** One call. Answers how long to wait before the next, in milliseconds. */
  async #exchange(): Promise<number> {
    const wanted = this.#wanted
    const state = this.#options.report()
    const report: Report = {
      sequence: ++this.#sequence,
      agent: this.#name,
      ...state,
      events: this.#events,
      plan: this.#plan,
      wantsPlan: wanted !== undefined,
    }
    const answer = await this.#call(JSON.stringify(report), () => state.finished && this.#options.finished())
    if (!answer) return 0
    if (answer.status === 410) {
      this.close()
      this.#options.gone()
      return 0
    }
    if (answer.status !== 200) throw new Error(`the control plane answered ${answer.status}: ${answer.body.slice(0, 300)}`)
    const orders = JSON.parse(answer.body) as Orders
    this.#holdSeconds = orders.holdSeconds
    if (orders.plan) {
      this.#plan = orders.plan.version
      if (wanted) {
        this.#wanted = undefined
        wanted.resolve(orders.plan)
      }
    }
    this.#options.orders(orders)
    return orders.syncAfterSeconds * 1000
  }

  /** Undefined: recorded, but given up before it was answered, because there is news. */
  #call(body: string, recorded: () => void): Promise<{ status: number; body: string } | undefined> {
    const { url, token, clock } = this.#options
    const send = url.startsWith('https:') ? httpsRequest : httpRequest
    return new Promise((resolve, reject) => {
      let known = false
      const call = send(
        `${url.replace(/\/$/, '')}${SYNC_PATH}`,
        {
          method: 'POST',
          agent: this.#agent,
          timeout: this.#holdSeconds * 1000 + TIMEOUT_MS,
          headers: {
            authorization: `Bearer ${token}`,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
        },
        response => {
          known = this.#acknowledge(response)
          if (known) recorded()
          if (known && this.#news) this.#giveUp()
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => settle(() => resolve({ status: response.statusCode ?? 0, body: text })))
          response.on('error', error => settle(() => (known ? resolve(undefined) : reject(error))))
        },
      )
      let cancelImpatience = () => {}
      const settle = (outcome: () => void) => {
        this.#giveUp = () => {}
        cancelImpatience()
        outcome()
      }
      let impatient = false
      this.#giveUp = () => {
        if (known) {
          settle(() => resolve(undefined))
          call.destroy()
        } else if (!impatient) {
          impatient = true
          cancelImpatience = after(clock, IMPATIENCE_MS, () => call.destroy(new Error('no answer, and there is news')))
        }
      }
      call.on('timeout', () => call.destroy(new Error('no answer')))
      call.on('error', error => settle(() => (known ? resolve(undefined) : reject(error))))
      call.end(body)
    })
  }

  #acknowledge(response: IncomingMessage): boolean {
    const header = response.headers[ACKNOWLEDGED_HEADER]
    if (response.statusCode !== 200 || typeof header !== 'string') return false
    const [, through] = header.split(' ').map(Number)
    this.#events = this.#events.filter(({ id }) => id > (through ?? 0))
    return true
  }
}
