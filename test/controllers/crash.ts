// Crash points: a client whose process dies before or after its n-th write.
import type { Client } from '../../shared/apimachinery/client.ts'

const WRITES = new Set(['create', 'update', 'updateStatus', 'patch', 'act', 'updatePart', 'delete'])

export interface CrashPoint {
  /** Counting from 1. */
  readonly write: number
  readonly when: 'before' | 'after'
}

export class Crash {
  readonly #point: CrashPoint
  #writes = 0
  dead = false

  constructor(point: CrashPoint) {
    this.#point = point
  }

  readonly wrap = (client: Client): Client =>
    new Proxy(client, {
      get: (target, name: keyof Client) => {
        const method = target[name] as (...args: unknown[]) => Promise<unknown>
        return async (...args: unknown[]) => {
          if (this.dead) throw new Error('this process is dead')
          const isEvent = (args[0] as { resource?: string } | undefined)?.resource === 'events'
          if (!WRITES.has(name) || isEvent) return method.apply(target, args)
          this.#writes++
          const due = this.#writes === this.#point.write
          if (due && this.#point.when === 'before') this.#die()
          const answer = await method.apply(target, args)
          if (due) this.#die()
          return answer
        }
      },
    })

  #die(): never {
    this.dead = true
    throw new Error('crash')
  }
}
