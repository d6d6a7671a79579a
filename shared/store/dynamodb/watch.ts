// One watch: what the shared log has after a revision, then whatever comes.
import type { Change, WatchItem, WatchOptions } from '../types.ts'
import type { CollectionLog } from './collection-log.ts'
import type { Poller } from './poller.ts'

export async function* watchLog(log: CollectionLog, poller: Poller, { from, prefix = '', signal }: WatchOptions): AsyncIterable<WatchItem> {
  const waiter = poller.add(prefix)
  // Asking a signal made of others costs more than a change does.
  let isOver = signal.aborted
  const onAbort = () => {
    isOver = true
    waiter.wake()
  }
  signal.addEventListener('abort', onAbort)
  try {
    let position = from
    let told = -1
    if (!isOver) await log.sync()
    while (!isOver) {
      const { changes, revision } = await log.after(position)
      for (const change of withPrefix(changes, prefix)) {
        if (isOver) return
        yield { change }
      }
      position = Math.max(position, revision)
      // Of a watch from the future nothing can be said before that has come.
      if (revision >= from && revision > told && !isOver) {
        told = revision
        yield { progress: revision }
      }
      if (isOver || (log.position ?? 0) > position) continue
      const first = await waiter.next()
      if (first !== undefined) position = Math.max(position, first - 1)
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    waiter.remove()
  }
}

export const withPrefix = (changes: readonly Change[], prefix: string): readonly Change[] =>
  prefix === '' ? changes : changes.filter(change => change.key.startsWith(prefix))
