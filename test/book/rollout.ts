// What a rollout was like, change by change: a watch is told every one of them, so nothing that held only between two looks is missed.
import type { Pod } from '../../shared/api/core/v1.ts'
import { isReady, type Reader, type Watching } from './book.ts'

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: Pod
}

export interface Moment {
  /** Pods that are Ready and not about to go. */
  readonly ready: number
  /** Pods that are not about to go. */
  readonly all: number
  /** Their images, each once. */
  readonly images: readonly string[]
}

export class Film {
  readonly #watching: Watching

  constructor(reader: Reader, selector: string) {
    this.#watching = reader.watch(`get pods -l ${selector} --watch --output-watch-events -o json`)
  }

  /** All moments until now. */
  moments(): Moment[] {
    const pods = new Map<string, Pod>()
    return eventsOf(this.#watching.seen).map(({ type, object }) => {
      const uid = object.metadata.uid ?? ''
      if (type === 'DELETED') pods.delete(uid)
      else pods.set(uid, object)
      const staying = [...pods.values()].filter(pod => pod.metadata.deletionTimestamp === undefined)
      return {
        ready: staying.filter(isReady).length,
        all: staying.length,
        images: [...new Set(staying.map(pod => pod.spec?.containers[0]?.image ?? ''))],
      }
    })
  }
}

/** kubectl prints one a line; the last line may not be complete yet. */
const eventsOf = (text: string): WatchEvent[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as WatchEvent)
