// One container's output in one log stream: attempt after attempt, between lines that the holder writes.
//
//   ##zeroplane attempt 0##
//   the user's lines
//   (an empty line, which completes a last line without a newline)
//   ##zeroplane end 0##
//   ##zeroplane attempt 1##
//   ...

export interface LogEvent {
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly message: string
}

type Marker = { readonly kind: 'attempt' | 'end'; readonly attempt: number }

function markerOf(message: string): Marker | undefined {
  if (!message.startsWith('##zeroplane ')) return undefined
  const [, kind, attempt] = /^##zeroplane (attempt|end) (\d+)##\r?$/.exec(message) ?? []
  return kind === undefined ? undefined : { kind: kind as Marker['kind'], attempt: Number(attempt) }
}

/** Takes a stream's events in order and gives those of one attempt. */
export class AttemptLines {
  readonly #attempt: number
  #inside: boolean
  #ended = false
  #over = false
  /** An empty line: the user's, or the one before a marker. */
  #pending: LogEvent | undefined

  /** @param inside the first event is the attempt's own already: nothing comes before attempt 0, and who reads from a later time has passed the beginning */
  constructor(attempt: number, inside: boolean) {
    this.#attempt = attempt
    this.#inside = inside || attempt === 0
  }

  /** The process has ended. Lines of its other output may still come: two pipes lead to the log. */
  get ended() {
    return this.#ended
  }

  /** The next attempt has begun. */
  get over() {
    return this.#over
  }

  push(events: readonly LogEvent[]): LogEvent[] {
    const lines: LogEvent[] = []
    for (const event of events) {
      const marker = markerOf(event.message)
      if (marker) this.#pass(marker)
      else if (this.#inside) {
        lines.push(...this.flush())
        if (event.message === '') this.#pending = event
        else lines.push(event)
      }
    }
    return lines
  }

  /** Nothing more has come: an empty line held back was the user's. */
  flush(): LogEvent[] {
    const lines = this.#pending ? [this.#pending] : []
    this.#pending = undefined
    return lines
  }

  #pass({ kind, attempt }: Marker) {
    this.#pending = undefined
    if (kind === 'attempt') {
      this.#inside = attempt === this.#attempt
      if (attempt > this.#attempt) this.#over = true
    } else if (attempt === this.#attempt) this.#ended = true
  }
}

/** Takes a stream's events from its end backwards and keeps the last lines of one attempt. */
export class AttemptTail {
  readonly #attempt: number
  readonly #count: number
  /** Last one first. */
  #lines: LogEvent[] = []
  #complete = false
  #beforeEnd = false

  constructor(attempt: number, count: number) {
    this.#attempt = attempt
    this.#count = count
  }

  /** More events would not change the answer. `last`: no later attempt can be in the stream. */
  isComplete(last: boolean): boolean {
    return this.#complete || (last && this.#lines.length > this.#count)
  }

  /** A page of events in their own order, all before those of the page before. */
  unshift(events: readonly LogEvent[]) {
    for (let at = events.length - 1; at >= 0 && !this.#complete; at--) this.#take(events[at]!)
  }

  lines(): LogEvent[] {
    return this.#lines.slice(0, this.#count).reverse()
  }

  #take(event: LogEvent) {
    const marker = markerOf(event.message)
    if (!marker) {
      // The line before the end marker, if empty, only completes the last one.
      if (!this.#beforeEnd || event.message !== '') this.#lines.push(event)
      this.#beforeEnd = false
    } else if (marker.kind === 'end') {
      if (marker.attempt < this.#attempt) this.#complete = true
      this.#beforeEnd = true
    } else if (marker.attempt > this.#attempt) this.#lines = []
    else this.#complete = true
  }
}
