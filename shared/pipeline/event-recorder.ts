// Writes core/v1 Events about objects, and keeps a chatty controller from flooding them: the same event is counted, many similar
// ones are combined, and one source may say only so much about one object (client-go's event correlator, tools/record/events_cache.go).
import type { Event, ObjectReference } from '../api/core/v1.ts'
import type { Client } from '../apimachinery/client.ts'
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'
import type { EventRecorder } from '../controllers/types.ts'
import type { Log } from './log.ts'

export interface EventRecorderOptions {
  readonly client: Client
  readonly now: () => number
  readonly log: Log
}

const EVENTS: GroupResource = { group: '', resource: 'events' }

/** More than so many events that differ only in their message, within the interval, are written as one. */
const MOST_SIMILAR = 10
const SIMILAR_INTERVAL_MS = 600_000
/** Per source and object: so many at once, and one more every so often. */
const BURST = 25
const REFILL_MS = 300_000
/** The count of an event with an action is written when it first repeats, and then no more often than this. */
const SERIES_REFRESH_MS = 360_000
const MOST_REMEMBERED = 4096

interface Similar {
  since: number
  readonly messages: Set<string>
}

interface Written {
  readonly namespace: string
  readonly name: string
  count: number
  /** When the count was written last. */
  at: number
}

/** What is to be said, and by whom. */
interface Saying {
  readonly component: string
  readonly object: ObjectReference
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  readonly action?: string
}

interface Bucket {
  tokens: number
  at: number
}

/** The memory of all recorders of an environment. */
export class EventLog {
  readonly #options: EventRecorderOptions
  readonly #similar = new Map<string, Similar>()
  readonly #written = new Map<string, Written>()
  readonly #buckets = new Map<string, Bucket>()
  /** Events about one thing are written one after the other, so that the second finds the first to count. */
  readonly #writing = new Map<string, Promise<void>>()
  #sequence = 0

  constructor(options: EventRecorderOptions) {
    this.#options = options
  }

  /** @param component what is speaking, e.g. "deployment-controller" */
  recorder(component: string): EventRecorder {
    return {
      event: (about, type, reason, message, action, fieldPath) =>
        this.#record({ component, object: { ...referenceTo(about), ...(fieldPath && { fieldPath }) }, type, reason, message, action }),
    }
  }

  /** For one reconcile: a controller need not wait for its events, but the function must not end before they are written. */
  session(component: string): { readonly recorder: EventRecorder; written(): Promise<unknown> } {
    const recorder = this.recorder(component)
    const pending: Promise<void>[] = []
    return {
      recorder: {
        event(...saying) {
          const writing = recorder.event(...saying)
          pending.push(writing)
          return writing
        },
      },
      written: () => Promise.all(pending),
    }
  }

  async #record(saying: Saying): Promise<void> {
    const { component, object, type, reason } = saying
    const source = `${component} ${object.kind} ${object.namespace ?? ''}/${object.name} ${object.uid ?? ''}`
    if (!this.#mayWrite(source)) return
    let same = `${source} ${object.fieldPath ?? ''} ${type} ${reason}`
    let message = saying.message
    if (saying.action === undefined) {
      message = this.#combine(same, message)
      if (message === saying.message) same += ` ${message}`
    }

    const before = this.#writing.get(same)
    const writing = (before ?? Promise.resolve()).then(() => this.#write(same, { ...saying, message }))
    this.#writing.set(
      same,
      writing.catch(() => {}),
    )
    try {
      await writing
    } catch (error) {
      this.#options.log.warn({ error, object, reason }, 'event could not be written')
    }
  }

  async #write(same: string, saying: Saying): Promise<void> {
    const written = this.#written.get(same)
    if (written === undefined) return this.#create(same, saying)
    const now = this.#options.now()
    written.count++
    if (saying.action !== undefined && written.count > 2 && now - written.at < SERIES_REFRESH_MS) return
    const time = new Date(now)
    const body =
      saying.action === undefined
        ? { count: written.count, lastTimestamp: seconds(time), message: saying.message }
        : { series: { count: written.count, lastObservedTime: microseconds(time) } }
    try {
      await this.#options.client.patch(EVENTS, written.namespace, written.name, { type: 'merge', body })
      written.at = now
    } catch {
      // Events live for an hour: it is gone, and cannot be counted any more. A new one says the same.
      this.#written.delete(same)
      await this.#create(same, saying)
    }
  }

  async #create(same: string, { component, object, type, reason, message, action }: Saying): Promise<void> {
    const now = this.#options.now()
    const time = new Date(now)
    const namespace = object.namespace ?? 'default'
    const name = this.#name(object.name ?? '')
    const event: Event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: object,
      type,
      reason,
      message,
      reportingComponent: component,
      ...(action === undefined
        ? { source: { component }, firstTimestamp: seconds(time), lastTimestamp: seconds(time), count: 1, reportingInstance: '' }
        : { source: {}, eventTime: microseconds(time), action, reportingInstance: component }),
    }
    await this.#options.client.create(EVENTS, event)
    remember(this.#written, same, { namespace, name, count: 1, at: now })
  }

  /** The message itself, or the one text under which too many similar ones are counted. */
  #combine(group: string, message: string): string {
    const now = this.#options.now()
    let similar = this.#similar.get(group)
    if (similar === undefined || now - similar.since > SIMILAR_INTERVAL_MS) similar = { since: now, messages: new Set() }
    similar.since = now
    if (similar.messages.size < MOST_SIMILAR) similar.messages.add(message)
    remember(this.#similar, group, similar)
    return similar.messages.has(message) && similar.messages.size < MOST_SIMILAR ? message : `(combined from similar events): ${message}`
  }

  #mayWrite(source: string): boolean {
    const now = this.#options.now()
    const bucket = this.#buckets.get(source) ?? { tokens: BURST, at: now }
    bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.at) / REFILL_MS)
    bucket.at = now
    remember(this.#buckets, source, bucket)
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  /** "<object>.<time in hexadecimal nanoseconds>", as upstream names events; the sequence keeps those of one millisecond apart. */
  #name(object: string): string {
    this.#sequence = (this.#sequence + 1) % 1_000_000
    return `${object}.${(BigInt(this.#options.now()) * 1_000_000n + BigInt(this.#sequence)).toString(16)}`
  }
}

function referenceTo({ apiVersion, kind, metadata }: KubeObject): ObjectReference {
  return {
    kind,
    apiVersion,
    name: metadata.name,
    namespace: metadata.namespace,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
  }
}

/** metav1.Time */
const seconds = (time: Date) => time.toISOString().replace(/\.\d+Z$/, 'Z')
/** metav1.MicroTime */
const microseconds = (time: Date) => time.toISOString().replace(/Z$/, '000Z')

/** Puts the entry last, and lets the one used longest ago go when there are too many. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > MOST_REMEMBERED) map.delete(map.keys().next().value!)
}
