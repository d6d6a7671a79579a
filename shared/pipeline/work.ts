// What travels between dispatch and worker, and the port of the queue that carries it.
import { splitKey } from '../apimachinery/types.ts'

/** "Reconcile this key." Losing one is harmful, doing one twice is not. */
export interface WorkItem {
  /** Controller.name */
  readonly controller: string
  readonly key: string
  /**
   * The newest change of each collection ("<group>/<resource>" to revision) that asked for this. A reconcile that has seen all of them
   * need not run again. Absent: nobody knows why, so it runs.
   */
  readonly seen?: Readonly<Record<string, number>>
  /** How often in a row it has failed. */
  readonly failures?: number
  /** For work that was put off: when it shall run, in milliseconds since the epoch. */
  readonly due?: number
}

export interface WorkQueue {
  /** Work to be done as soon as possible. */
  send(items: readonly WorkItem[]): Promise<void>
  /** Work to be done at a time: milliseconds since the epoch. It may come later, never earlier. */
  sendLater(item: WorkItem, due: number): Promise<void>
}

/** The identity of work: items with the same id are one piece of work. */
export function workId({ controller, key }: { readonly controller: string; readonly key: string }): string {
  return `${controller} ${key}`
}

/**
 * What is worked on by one worker at a time. All keys of a namespace are one group, whatever the controller: so a worker that
 * holds a Deployment's group may go on with its ReplicaSet and Pods without asking anybody. Keys without a namespace are groups of their own.
 */
export function workGroup({ controller, key }: { readonly controller: string; readonly key: string }): string {
  const { namespace } = splitKey(key)
  return namespace === '' ? `/${controller}${key.startsWith('/') ? '' : '/'}${key}` : namespace
}

/** Two items with the same id as one. */
export function mergeWork(a: WorkItem, b: WorkItem): WorkItem {
  // One that must run in any case makes the two of them so.
  if (a.seen === undefined || b.seen === undefined) {
    return { controller: a.controller, key: a.key, failures: a.failures ?? b.failures }
  }
  const seen: Record<string, number> = { ...a.seen }
  for (const [collection, revision] of Object.entries(b.seen)) seen[collection] = Math.max(seen[collection] ?? 0, revision)
  return { controller: a.controller, key: a.key, seen, failures: a.failures ?? b.failures }
}
