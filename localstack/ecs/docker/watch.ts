// The engine's event stream, and what to do when it breaks: connect again and look at everything once.
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from './engine.ts'

export interface EngineEvent {
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
}

const RECONNECT_AFTER = 200

export class EngineWatch {
  readonly #engine: Engine
  readonly #filters: Record<string, string[]>
  readonly #onEvent: (event: EngineEvent) => void
  /** Events may have been missed. */
  readonly #onGap: () => Promise<void>
  #stream: Readable | undefined
  #closed = false

  constructor(engine: Engine, filters: Record<string, string[]>, onEvent: (event: EngineEvent) => void, onGap: () => Promise<void>) {
    this.#engine = engine
    this.#filters = filters
    this.#onEvent = onEvent
    this.#onGap = onGap
  }

  /** Resolves when events flow. */
  async open(): Promise<void> {
    const stream = (await this.#engine.call(docker => docker.getEvents({ filters: this.#filters }))) as unknown as Readable
    if (this.#closed) {
      stream.destroy()
      return
    }
    this.#stream = stream
    let rest = ''
    stream.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString('utf8')).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line !== '') this.#onEvent(JSON.parse(line) as EngineEvent)
    })
    stream.on('error', () => {})
    stream.once('close', () => void this.#reopen())
  }

  close(): void {
    this.#closed = true
    this.#stream?.destroy()
  }

  async #reopen(): Promise<void> {
    if (this.#closed) return
    await sleep(RECONNECT_AFTER, undefined, { ref: false })
    if (this.#closed) return
    try {
      await this.open()
      await this.#onGap()
    } catch {
      void this.#reopen()
    }
  }
}
