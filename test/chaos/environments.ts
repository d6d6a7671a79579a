// The execution environments of one function, as Lambda has them: one invocation at a time each, used again while it lives, and killed
// with all that it was doing when its time is over. What a dead one had begun never comes back, and it begins nothing more.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../../shared/clock.ts'
import type { MemoryStore } from '../../shared/store/memory.ts'
import type { FeedingStore } from '../../shared/store/types.ts'

export interface OutgoingCall {
  /** "store.create", "ecs.runTask", "queue.sendLater" ... */
  readonly name: string
  readonly arguments: readonly unknown[]
  readonly when: 'before' | 'after'
}

/** Answers true when the environment's time is over at this point. */
export type TimeOut = (call: OutgoingCall) => boolean

const writer = new AsyncLocalStorage<Environment>()
const never = new Promise<never>(() => {})

export class Environment {
  readonly #timeOut: TimeOut
  readonly #death = Promise.withResolvers<never>()
  #dead = false

  constructor(timeOut: TimeOut) {
    this.#timeOut = timeOut
    this.#death.promise.catch(() => {})
  }

  get isDead(): boolean {
    return this.#dead
  }

  /** Lambda's own words for it. */
  get death(): Promise<never> {
    return this.#death.promise
  }

  /** An object whose promised answers never come once this environment is dead. */
  guard<T extends object>(name: string, target: T): T {
    return new Proxy(target, {
      get: (_, member) => {
        const method: unknown = Reflect.get(target, member, target)
        if (typeof method !== 'function') return method
        return (...args: unknown[]) =>
          this.#call({ name: `${name}.${String(member)}`, arguments: args }, () => Reflect.apply(method, target, args))
      },
    })
  }

  /** The store as this environment sees it: its feed tells what it wrote itself. */
  store(memory: MemoryStore): FeedingStore {
    const guarded = this.guard<FeedingStore>('store', memory)
    return new Proxy(memory, {
      get: (target, member) => {
        if (member === 'feed')
          return (listener: (change: never) => void) =>
            target.feed(change => {
              if (writer.getStore() === this && !this.#dead) listener(change as never)
            })
        if (member === 'recall' || member === 'watch') return Reflect.get(target, member, target).bind(target)
        return (...args: unknown[]) => writer.run(this, () => (Reflect.get(guarded, member) as (...all: unknown[]) => unknown)(...args))
      },
    })
  }

  clock(clock: Clock): Clock {
    return { now: clock.now, at: (time, run) => clock.at(time, () => this.#dead || run()) }
  }

  async #call(call: Omit<OutgoingCall, 'when'>, act: () => unknown): Promise<unknown> {
    if (this.#dead || this.#isOver(call, 'before')) return never
    const answer = await act()
    if (this.#dead || this.#isOver(call, 'after')) return never
    return answer
  }

  #isOver(call: Omit<OutgoingCall, 'when'>, when: OutgoingCall['when']): boolean {
    if (!this.#timeOut({ ...call, when })) return false
    this.#dead = true
    this.#death.reject(new Error('Task timed out after 90.00 seconds'))
    return true
  }
}

export type Handler<E, A> = (event: E) => Promise<A>

export class Environments<E, A> {
  readonly #make: () => { readonly environment: Environment; readonly handler: Handler<E, A> }
  readonly #idle: { readonly environment: Environment; readonly handler: Handler<E, A> }[] = []
  made = 0

  constructor(make: () => { readonly environment: Environment; readonly handler: Handler<E, A> }) {
    this.#make = make
  }

  async invoke(event: E): Promise<A> {
    const one = this.#idle.pop() ?? this.#start()
    try {
      return await Promise.race([one.handler(event), one.environment.death])
    } finally {
      if (!one.environment.isDead) this.#idle.push(one)
    }
  }

  #start() {
    this.made++
    return this.#make()
  }
}
