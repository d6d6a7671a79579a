// The agent's way to the gateway: one held call, answered when somebody wants a session of this pod. Everything that serves sessions is
// loaded only then.
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { SESSIONS_HOLD_SECONDS, SESSIONS_PATH } from '../shared/pods/tunnel-protocol.ts'
import { after, type Clock } from './clock.ts'
import type { Container } from './container.ts'
import type { Tunnel } from './tunnel.ts'

export interface GatewayLinkOptions {
  readonly token: string
  readonly ca?: string
  readonly clock: Clock
  containers(): readonly Container[]
  log(message: string): void
}

/** More than the gateway holds a call. */
const TIMEOUT_MS = (SESSIONS_HOLD_SECONDS + 20) * 1000
/** A gateway that is being replaced is back within some seconds; one that stays away is asked seldom. */
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 15_000

export class GatewayLink {
  readonly #options: GatewayLinkOptions
  #url: string | undefined
  #running = false
  #closed = false
  #hangUp = () => {}
  #tunnel: Tunnel | undefined

  constructor(options: GatewayLinkOptions) {
    this.#options = options
  }

  /** Where the gateway is, as of the latest orders. */
  offer(url: string | undefined) {
    if (url === this.#url) return
    this.#url = url
    this.#hangUp()
    if (!this.#running && url !== undefined && !this.#closed) void this.#run()
  }

  /** Takes no more sessions. Resolves when those that run have been told how they ended. */
  async close(): Promise<void> {
    this.#closed = true
    this.#hangUp()
    await this.#tunnel?.idle()
  }

  async #run() {
    this.#running = true
    let retry = FIRST_RETRY_MS
    while (this.#url !== undefined && !this.#closed) {
      const url = this.#url
      try {
        if (await this.#wanted(url)) {
          const { openTunnel } = await import('./tunnel.ts')
          this.#tunnel = await openTunnel({ ...this.#options, url })
          await this.#tunnel.ended
        }
        retry = FIRST_RETRY_MS
      } catch (error) {
        if (this.#closed || url !== this.#url) continue
        this.#options.log(`gateway: ${error instanceof Error ? error.message : error}`)
        await new Promise<void>(resolve => void after(this.#options.clock, retry, resolve))
        retry = Math.min(retry * 2, LAST_RETRY_MS)
      }
    }
    this.#running = false
  }

  /** One held call. @throws Error when the gateway does not answer as it should */
  #wanted(url: string): Promise<boolean> {
    const { token, ca } = this.#options
    const isTls = url.startsWith('https:')
    const agent = isTls ? new HttpsAgent({ ca }) : new HttpAgent()
    return new Promise<boolean>((resolve, reject) => {
      const call = (isTls ? httpsRequest : httpRequest)(
        `${url.replace(/\/$/, '')}${SESSIONS_PATH}`,
        { agent, timeout: TIMEOUT_MS, headers: { authorization: `Bearer ${token}` } },
        response => {
          response.resume()
          response.on('error', reject)
          const { statusCode = 0 } = response
          if (statusCode === 200 || statusCode === 204) resolve(statusCode === 200)
          else reject(new Error(`it answered ${statusCode}`))
        },
      )
      this.#hangUp = () => call.destroy(new Error('not wanted any more'))
      call.on('timeout', () => call.destroy(new Error('no answer')))
      call.on('error', reject)
      call.end()
    }).finally(() => {
      this.#hangUp = () => {}
      agent.destroy()
    })
  }
}
