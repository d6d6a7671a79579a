// Watches as a stream of events; how they are framed is the transport's business. Events carry objects of the storage version.
//
//   list at R ............ ADDED for each object (revision "0" or none)
//   changes after R ...... ADDED, MODIFIED, DELETED; what a selector means is decided by the states before and after
//   progress ............. BOOKMARK, if asked for

import { type Change, ExpiredError } from '../../store/types.ts'
import type { Machinery, Target } from '../machinery.ts'
import { type ListOptions, readRevision } from '../request/options.ts'
import type { StatusError } from '../status-error.ts'
import * as status from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { type Selection, selectionOf } from './list.ts'

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly initialEventsEnd: boolean }
  | { readonly type: 'ERROR'; readonly error: StatusError }

/** Bookmarks come about so often (ms), and once so long before the watch ends, as upstream sends them. */
const BOOKMARK_INTERVAL = 60_000
const LAST_BOOKMARK = 2_000

/**
 * Ends when the signal aborts, or after an ERROR event. Refusals that are known at once are thrown. `deadline` (ms since the epoch) is
 * when the signal will abort at the latest.
 * @throws StatusError
 */
export async function watchObjects(
  machinery: Machinery,
  target: Target,
  options: ListOptions,
  signal: AbortSignal,
  deadline: number,
): Promise<AsyncIterable<WatchEvent>> {
  const selection = selectionOf(target, options)
  const from = readRevision(options.resourceVersion, 500)
  return events(machinery, target, options, selection, from, signal, deadline)
}

async function* events(
  machinery: Machinery,
  { endpoint }: Target,
  options: ListOptions,
  selection: Selection,
  from: number,
  signal: AbortSignal,
  deadline: number,
): AsyncIterable<WatchEvent> {
  const { collection } = endpoint
  const prefix = selection.name !== undefined && selection.prefix !== '' ? selection.prefix + selection.name : selection.prefix
  let position = from
  try {
    if (from === 0 || options.sendInitialEvents === true) {
      const wanted = options.sendInitialEvents !== false
      const { items, revision } = wanted
        ? await machinery.store.list(collection, { prefix })
        : { items: [], revision: await machinery.store.revision(collection) }
      for (const { object } of items) if (selection.matches(object)) yield { type: 'ADDED', object }
      position = revision
      if (wanted && options.allowWatchBookmarks) yield { type: 'BOOKMARK', resourceVersion: String(revision), initialEventsEnd: true }
    }
    const bookmarks = options.allowWatchBookmarks ? new BookmarkTimes(machinery, deadline) : undefined
    const items = machinery.store.watch(collection, { from: position, prefix, signal })[Symbol.asyncIterator]()
    let next = items.next()
    try {
      for (;;) {
        const result = bookmarks === undefined ? await next : await Promise.race([next, bookmarks.due()])
        if (result === 'due') {
          yield { type: 'BOOKMARK', resourceVersion: String(position), initialEventsEnd: false }
          continue
        }
        if (result.done) return
        next = items.next()
        if ('change' in result.value) {
          const { change } = result.value
          const event = eventOf(change, selection)
          if (event !== undefined) yield event
          position = change.revision
        } else position = Math.max(position, result.value.progress)
      }
    } finally {
      bookmarks?.stop()
    }
  } catch (error) {
    if (error instanceof ExpiredError) {
      yield { type: 'ERROR', error: status.expired(`too old resource version: ${error.revision} (${error.floor})`) }
    } else yield { type: 'ERROR', error: status.asStatusError(error) }
  }
}

/** When bookmarks are due: every minute, and shortly before the end. */
class BookmarkTimes {
  readonly #now: () => number
  readonly #deadline: number
  #next: number
  #timer: NodeJS.Timeout | undefined
  #due: Promise<'due'> | undefined

  constructor(machinery: Machinery, deadline: number) {
    this.#now = () => machinery.now()
    this.#deadline = deadline
    this.#next = this.#after(machinery.now())
  }

  due(): Promise<'due'> {
    this.#due ??= new Promise(resolve => {
      this.#timer = setTimeout(
        () => {
          this.#next = this.#after(this.#next)
          this.#due = undefined
          resolve('due')
        },
        Math.max(0, this.#next - this.#now()),
      )
      this.#timer.unref()
    })
    return this.#due
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #after(time: number): number {
    const last = this.#deadline - LAST_BOOKMARK
    const next = time + BOOKMARK_INTERVAL
    return time < last && next > last ? last : next
  }
}

/** What the change means to somebody who sees only what matches. Pure. */
export function eventOf(change: Change, selection: Pick<Selection, 'matches'>): WatchEvent | undefined {
  const { object, previous } = change
  const before = previous !== undefined && selection.matches(previous)
  const after = change.type !== 'deleted' && selection.matches(object)
  if (after) return { type: before ? 'MODIFIED' : 'ADDED', object }
  if (change.type === 'deleted')
    return before || (previous === undefined && selection.matches(object)) ? { type: 'DELETED', object } : undefined
  // Gone from view: the last state that was seen, at the revision that took it away.
  return before && previous !== undefined ? { type: 'DELETED', object: at(previous, object.metadata.resourceVersion) } : undefined
}

const at = (object: KubeObject, resourceVersion: string | undefined): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion },
})
