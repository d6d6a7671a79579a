// Where histories of autoscalers are kept: a note each, read at every look, written when it says something new.
import type { HorizontalPodAutoscaler } from '../../api/autoscaling/v2.ts'
import type { Notes } from '../../store/notes.ts'
import { equal } from '../equality.ts'
import { beginning, fromStored, type History, type StoredHistory, toStored } from './history.ts'

const TOPIC = 'autoscaler-history'
/** No window or policy looks further back than an hour. */
const KEPT_MS = 3 * 3600_000
const RENEW_MS = 3600_000

export interface HistoryBook {
  /** As it was before this look; `replicas` is what the target has. */
  open(autoscaler: HorizontalPodAutoscaler, replicas: number, now: number): Promise<History>
  keep(autoscaler: HorizontalPodAutoscaler, history: History, now: number): Promise<void>
}

interface Entry {
  readonly stored: StoredHistory
  /** When the note was written. */
  readonly written: number
}

/** `period` (ms) is how far looks are apart. */
export function historyBook(notes: Notes, period: number): HistoryBook {
  /** What this process saw last: the note, and when it looked. */
  const seen = new Map<string, { readonly entry: Entry | undefined; looked: number }>()
  return {
    async open({ metadata }, replicas, now) {
      const uid = metadata.uid ?? ''
      // Another process may have been at it since: the note is what counts, and what this one remembers of its last look is a hint.
      const entry = (await notes.get(TOPIC, uid)) as Entry | undefined
      const before = seen.get(uid)
      if (seen.size >= 4096) seen.clear()
      if (entry === undefined) {
        const first = beginning(replicas, now)
        const written: Entry = { stored: first, written: now }
        await notes.put(TOPIC, uid, written, now + KEPT_MS)
        seen.set(uid, { entry: written, looked: now })
        return first
      }
      seen.set(uid, { entry, looked: now })
      return fromStored(entry.stored, Math.max(before?.looked ?? 0, entry.written, now - period))
    },

    async keep({ metadata }, history, now) {
      const uid = metadata.uid ?? ''
      const stored = toStored(history)
      const entry = seen.get(uid)?.entry
      if (entry !== undefined && equal(entry.stored, stored) && now - entry.written < RENEW_MS) return
      const next: Entry = { stored, written: now }
      await notes.put(TOPIC, uid, next, now + KEPT_MS)
      seen.set(uid, { entry: next, looked: now })
    },
  }
}
