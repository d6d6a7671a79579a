// Scheduler's events in: work that has become due, or the call to look at everything once more. Nothing here runs by itself;
// schedules exist only while something needs them.
import type { Log } from '../../shared/pipeline/log.ts'
import { parseMessage } from '../../shared/pipeline/message.ts'
import type { WorkItem, WorkQueue } from '../../shared/pipeline/work.ts'

/** What a schedule hands over: a work message, or the wish for a resync of a cluster. */
export type TickEvent =
  | { readonly cluster: string; readonly items: readonly WorkItem[] }
  | { readonly cluster: string; readonly resync: true }

export interface TickDependencies {
  readonly queueOf: (cluster: string) => WorkQueue
  /** The work that every existing object of a cluster asks for. */
  readonly everything: (cluster: string) => Promise<readonly WorkItem[]>
  readonly log: Log
}

export type TickFunction = (event: TickEvent) => Promise<void>

export function createTickFunction({ queueOf, everything, log }: TickDependencies): TickFunction {
  return async event => {
    if ('resync' in event) {
      const items = await everything(event.cluster)
      log.debug({ cluster: event.cluster, count: items.length }, 'resync')
      if (items.length > 0) await queueOf(event.cluster).send(items)
      return
    }
    const { cluster, items } = parseMessage(JSON.stringify(event))
    await queueOf(cluster).send(items)
  }
}
