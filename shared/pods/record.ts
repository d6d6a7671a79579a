// What the launcher and the agent's reports remember of a pod's task, in one annotation of the pod. It is written together with the
// status, never alone, so it costs no write of its own.
import type { Pod } from '../api/core/v1.ts'
import type { ObjectMeta } from '../api/meta/v1.ts'

export const TASK_ANNOTATION = 'zeroplane.dev/task'

export interface TaskRecord {
  /** How many tasks were launched for this pod; written before the call that launches it. */
  readonly launch: number
  /** When the launch was claimed, milliseconds since the epoch. */
  readonly at: number
  /** The task, once its agent has reported. A second task of the same launch is turned away by this. */
  readonly task?: string
  /** The agent of that task, by the name it gave itself: of two tasks of one launch, whose agents may not know yet which they are, one stays. */
  readonly agent?: string
  /** Sequence of the last report that changed the pod. */
  readonly report?: number
  /** The agent has reported that every container has ended for good. */
  readonly finished?: boolean
  /** This launch is over and the next one is due no earlier than this (milliseconds since the epoch). */
  readonly retryAt?: number
  /** Launches that failed or died young in a row, for the back-off. */
  readonly failures?: number
}

export function taskRecord({ metadata }: Pick<Pod, 'metadata'>): TaskRecord | undefined {
  const text = metadata.annotations?.[TASK_ANNOTATION]
  if (text === undefined) return undefined
  try {
    const record: unknown = JSON.parse(text)
    if (typeof record === 'object' && record !== null && Number.isInteger((record as TaskRecord).launch)) return record as TaskRecord
  } catch {
    // Somebody edited it: as if it were not there. The task itself is found by startedBy.
  }
  return undefined
}

/** The metadata with the record in it; other annotations stay. */
export function withRecord(metadata: ObjectMeta, record: TaskRecord): ObjectMeta {
  return { ...metadata, annotations: { ...metadata.annotations, [TASK_ANNOTATION]: JSON.stringify(record) } }
}
