// One queue: its messages, their visibility, long polls. Knows nothing of the wire.
import { randomUUID } from 'node:crypto'
import type { Cancel, Clock } from '../clock.ts'
import { Heap } from '../heap.ts'
import type { Message } from './message.ts'
import { FifoOrder, type Order, StandardOrder } from './order.ts'

export interface QueueSettings {
  readonly fifo: boolean
  readonly contentBasedDeduplication: boolean
  /** Deduplication ids count within one message group only (high-throughput FIFO). */
  readonly deduplicatePerGroup: boolean
  /** Milliseconds. */
  readonly visibilityTimeout: number
  readonly delay: number
  readonly retention: number
  readonly receiveWait: number
  /** Bytes. */
  readonly maximumMessageSize: number
  readonly redrive?: { readonly deadLetterTargetArn: string; readonly maxReceiveCount: number }
}

/** What the queue tells its owner, who writes the journal and moves dead messages. */
export interface QueueListener {
  sent(message: Message): void
  received(messages: readonly Message[]): void
  deleted(messages: readonly Message[]): void
  /** Received too often: the queue has let go of it. */
  dead(message: Message): void
}

export interface Receive {
  readonly max: number
  /** Milliseconds to wait for the first message. */
  readonly wait: number
  /** Milliseconds; the queue's own when absent. */
  readonly visibility?: number
  readonly signal?: AbortSignal
}

interface Waiter {
  readonly request: Receive
  readonly done: (messages: Message[]) => void
}

export interface Sent {
  readonly id: string
  readonly sequence: number
  /** End of its deduplication window. */
  readonly until: number
}

const DEDUPLICATION_WINDOW = 5 * 60_000

export type DeleteOutcome = 'deleted' | 'gone' | 'stale' | 'expired'

export class Queue {
  settings: QueueSettings
  readonly #clock: Clock
  readonly #listener: QueueListener
  readonly #messages = new Map<string, Message>()
  #order: Order
  /** Hidden messages by the time they come back. An entry whose time is no longer its message's is void. */
  readonly #hidden = new Heap<{ time: number; id: string }>()
  /** Deduplication id -> what was sent under it, oldest first. */
  readonly #recent = new Map<string, Sent>()
  readonly #waiters = new Set<Waiter>()
  #timer: { time: number; cancel: Cancel } | undefined
  #sequence = 0
  #serving = false

  constructor(settings: QueueSettings, clock: Clock, listener: QueueListener) {
    this.settings = settings
    this.#clock = clock
    this.#listener = listener
    this.#order = settings.fifo ? new FifoOrder() : new StandardOrder()
  }

  get messages(): Iterable<Message> {
    return this.#messages.values()
  }

  get sequence(): number {
    return this.#sequence
  }

  /** What was sent within the deduplication window, deleted or not. */
  get recent(): Iterable<readonly [key: string, sent: Sent]> {
    return this.#recent
  }

  recall(key: string, sent: Sent): void {
    this.#sequence = Math.max(this.#sequence, sent.sequence)
    this.#recent.set(key, sent)
  }

  count(): { visible: number; inFlight: number; delayed: number } {
    const count = { visible: 0, inFlight: 0, delayed: 0 }
    for (const message of this.#messages.values()) {
      if (message.handle !== undefined) count.inFlight++
      else if (message.visibleAt === 0) count.visible++
      else count.delayed++
    }
    return count
  }

  /** Milliseconds that the oldest waiting message has waited. */
  oldestAge(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const message of this.#messages.values()) oldest = Math.min(oldest, message.sentAt)
    return oldest === Number.POSITIVE_INFINITY ? 0 : this.#clock.now() - oldest
  }

  /** A repeated deduplication id within five minutes answers with the first message and sends nothing. */
  send(
    message: Pick<Message, 'body' | 'attributes' | 'traceHeader' | 'group' | 'deduplication'>,
    delay?: number,
  ): { id: string; sequence: number } {
    const now = this.#clock.now()
    const before = this.#duplicateOf(message, now)
    if (before) return before
    const hide = delay ?? this.settings.delay
    const made: Message = {
      ...message,
      id: randomUUID(),
      sentAt: now,
      sequence: ++this.#sequence,
      receiveCount: 0,
      visibleAt: hide > 0 ? now + hide : 0,
    }
    this.#listener.sent(made)
    this.put(made)
    return made
  }

  /** Takes a message as it is: from the journal, or from a queue whose redrive policy names this one. */
  put(message: Message): void {
    this.#sequence = Math.max(this.#sequence, message.sequence)
    const key = this.#deduplicationKey(message)
    const until = message.sentAt + DEDUPLICATION_WINDOW
    if (key !== undefined && until > this.#clock.now()) this.#recent.set(key, { id: message.id, sequence: message.sequence, until })
    this.#messages.set(message.id, message)
    this.#order.add(message)
    if (message.visibleAt !== 0) this.#hide(message)
    this.#serveSoon()
  }

  adoptDead(message: Message, source: string): Message {
    const moved: Message = { ...message, sequence: ++this.#sequence, deadFrom: source, visibleAt: 0, handle: undefined }
    this.#listener.sent(moved)
    this.put(moved)
    return moved
  }

  /** Forgets without telling the listener (journal replay). */
  forget(id: string): void {
    const message = this.#messages.get(id)
    if (!message) return
    this.#messages.delete(id)
    this.#order.remove(message)
  }

  counted(id: string): void {
    const message = this.#messages.get(id)
    if (message) message.receiveCount++
  }

  /** Empty after `wait` without a message, or when the signal aborts. */
  receive(request: Receive): Promise<Message[]> {
    if (request.signal?.aborted) return Promise.resolve([])
    const taken = this.#take(request)
    if (taken.length > 0 || request.wait <= 0) return Promise.resolve(taken)
    return new Promise(resolve => {
      const cancel =
        request.wait === Number.POSITIVE_INFINITY ? () => {} : this.#clock.at(this.#clock.now() + request.wait, () => waiter.done([]))
      const aborted = () => waiter.done([])
      const waiter: Waiter = {
        request,
        done: messages => {
          this.#waiters.delete(waiter)
          cancel()
          request.signal?.removeEventListener('abort', aborted)
          resolve(messages)
        },
      }
      request.signal?.addEventListener('abort', aborted)
      this.#waiters.add(waiter)
    })
  }

  delete(handle: string): DeleteOutcome {
    const message = this.#messages.get(idOf(handle))
    if (!message) return 'gone'
    if (message.handle !== handle) {
      // A FIFO queue refuses an expired receipt; a standard queue accepts it and may not delete.
      return this.settings.fifo ? 'expired' : 'stale'
    }
    this.#messages.delete(message.id)
    this.#order.remove(message)
    message.handle = undefined
    this.#listener.deleted([message])
    this.#serveSoon()
    return 'deleted'
  }

  /** `timeout` in milliseconds from now. False: not in flight under that receipt. */
  changeVisibility(handle: string, timeout: number): boolean {
    const message = this.#messages.get(idOf(handle))
    if (!message || message.handle !== handle) return false
    if (timeout <= 0) this.#comeBack(message)
    else {
      message.visibleAt = this.#clock.now() + timeout
      this.#hide(message)
    }
    return true
  }

  purge(): void {
    this.#messages.clear()
    this.#order = this.settings.fifo ? new FifoOrder() : new StandardOrder()
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const waiter of [...this.#waiters]) waiter.done([])
  }

  #take(request: Receive): Message[] {
    const now = this.#clock.now()
    const taken: Message[] = []
    const expired: Message[] = []
    while (taken.length < request.max && this.#order.anyReady) {
      for (const message of this.#order.take(request.max - taken.length)) {
        message.handle = `${message.id}#${randomUUID()}`
        if (message.sentAt + this.settings.retention <= now) expired.push(message)
        else taken.push(message)
      }
    }
    for (const message of expired) {
      this.#messages.delete(message.id)
      this.#order.remove(message)
    }
    if (expired.length > 0) this.#listener.deleted(expired)
    for (const message of taken) {
      message.receiveCount++
      message.firstReceivedAt ??= now
      message.visibleAt = now + (request.visibility ?? this.settings.visibilityTimeout)
      if (message.visibleAt > now) this.#hide(message)
      else this.#comeBack(message)
    }
    if (taken.length > 0) this.#listener.received(taken)
    return taken
  }

  /** The receiver did not delete it in time, or gave it back. */
  #comeBack(message: Message): void {
    const { redrive } = this.settings
    if (redrive && message.receiveCount >= redrive.maxReceiveCount) {
      this.#messages.delete(message.id)
      this.#order.remove(message)
      message.handle = undefined
      this.#listener.dead(message)
    } else {
      message.visibleAt = 0
      this.#order.ready(message)
      message.handle = undefined
    }
    this.#serveSoon()
  }

  #hide(message: Message): void {
    this.#hidden.push({ time: message.visibleAt, id: message.id })
    this.#arm()
  }

  #arm(): void {
    const first = this.#hidden.peek()
    if (!first || (this.#timer && this.#timer.time <= first.time)) return
    this.#timer?.cancel()
    this.#timer = { time: first.time, cancel: this.#clock.at(first.time, () => this.#due()) }
  }

  #due(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    for (;;) {
      const first = this.#hidden.peek()
      if (!first || first.time > now) break
      this.#hidden.pop()
      const message = this.#messages.get(first.id)
      if (message?.visibleAt === first.time) this.#comeBack(message)
    }
    this.#arm()
  }

  /** Waiters are served after the current turn, so that messages sent together are received together. */
  #serveSoon(): void {
    if (this.#serving || this.#waiters.size === 0) return
    this.#serving = true
    queueMicrotask(() => {
      this.#serving = false
      for (const waiter of [...this.#waiters]) {
        if (!this.#order.anyReady) break
        const taken = this.#take(waiter.request)
        if (taken.length > 0) waiter.done(taken)
      }
    })
  }

  #deduplicationKey(message: Pick<Message, 'group' | 'deduplication'>): string | undefined {
    if (!this.settings.fifo || message.deduplication === undefined) return undefined
    return this.settings.deduplicatePerGroup ? `${message.group}\n${message.deduplication}` : message.deduplication
  }

  #duplicateOf(message: Pick<Message, 'group' | 'deduplication'>, now: number): { id: string; sequence: number } | undefined {
    for (const [key, sent] of this.#recent) {
      if (sent.until > now) break
      this.#recent.delete(key)
    }
    const key = this.#deduplicationKey(message)
    return key === undefined ? undefined : this.#recent.get(key)
  }
}

const idOf = (handle: string): string => handle.slice(0, handle.indexOf('#'))
