// In which order ready messages are handed out. A standard queue takes any ready message; a FIFO queue hands out a group's messages in
// order, and nothing of a group while a message of it is in flight or hidden.
import type { Message } from './message.ts'

export interface Order {
  /** A new or returned message; it is ready when its visibleAt is 0. */
  add(message: Message): void
  /** A hidden message (delayed, or in flight) became ready again. */
  ready(message: Message): void
  /** Deleted, wherever it stood. */
  remove(message: Message): void
  /** Up to `max` ready messages; they are in flight afterwards. */
  take(max: number): Message[]
  readonly anyReady: boolean
}

export class StandardOrder implements Order {
  /** Insertion order; a Set makes removal from the middle cheap. */
  readonly #ready = new Set<Message>()

  get anyReady(): boolean {
    return this.#ready.size > 0
  }

  add(message: Message): void {
    if (message.visibleAt === 0) this.#ready.add(message)
  }

  ready(message: Message): void {
    this.#ready.add(message)
  }

  remove(message: Message): void {
    this.#ready.delete(message)
  }

  take(max: number): Message[] {
    const taken: Message[] = []
    for (const message of this.#ready) {
      if (taken.length === max) break
      this.#ready.delete(message)
      taken.push(message)
    }
    return taken
  }
}

interface Group {
  /** All undeleted messages, oldest first. */
  readonly messages: Message[]
  inFlight: number
}

export class FifoOrder implements Order {
  readonly #groups = new Map<string, Group>()
  /** Groups whose first message may be received, longest waiting first: no group starves another. */
  readonly #open = new Set<string>()

  get anyReady(): boolean {
    return this.#open.size > 0
  }

  add(message: Message): void {
    const name = message.group!
    let group = this.#groups.get(name)
    if (!group) {
      group = { messages: [], inFlight: 0 }
      this.#groups.set(name, group)
    }
    group.messages.push(message)
    this.#review(name, group)
  }

  ready(message: Message): void {
    const group = this.#groups.get(message.group!)
    if (!group) return
    if (message.handle !== undefined) {
      message.handle = undefined
      group.inFlight--
    }
    this.#review(message.group!, group)
  }

  remove(message: Message): void {
    const name = message.group!
    const group = this.#groups.get(name)
    const at = group ? group.messages.indexOf(message) : -1
    if (!group || at < 0) return
    group.messages.splice(at, 1)
    if (message.handle !== undefined) group.inFlight--
    if (group.messages.length === 0) {
      this.#groups.delete(name)
      this.#open.delete(name)
    } else {
      this.#review(name, group)
    }
  }

  take(max: number): Message[] {
    const taken: Message[] = []
    for (const name of this.#open) {
      if (taken.length === max) break
      const group = this.#groups.get(name)!
      this.#open.delete(name)
      for (const message of group.messages) {
        if (taken.length === max || message.visibleAt !== 0) break
        taken.push(message)
        group.inFlight++
      }
    }
    return taken
  }

  #review(name: string, group: Group): void {
    if (group.inFlight === 0 && group.messages[0]!.visibleAt === 0) this.#open.add(name)
    else this.#open.delete(name)
  }
}
