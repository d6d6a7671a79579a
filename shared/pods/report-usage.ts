// What a report says of the use of its pod goes into the book while somebody wants to know it.
import type { Pod } from '../api/core/v1.ts'
import type { UsageBook } from '../metrics/usage.ts'
import type { Report } from './agent-protocol.ts'

/** Answers whether the figures are wanted: the agent shall report as often as that takes. */
export type UsageSink = (pod: Pod, report: Report) => Promise<boolean>

/** `failed` is told of what went wrong: no pod suffers for a figure, and the next one comes in 15 seconds. */
export function usageSink(book: UsageBook, failed: (error: unknown) => void): UsageSink {
  return async (pod, { usage, containers }) => {
    const { namespace = '', name, uid = '' } = pod.metadata
    try {
      if (!(await book.wanted(namespace))) return false
      // The meter remembers what containers used that have ended since.
      const running = new Set(containers.filter(({ state }) => state.running !== undefined).map(container => container.name))
      const measured = usage?.containers.filter(container => running.has(container.name)) ?? []
      if (usage === undefined || measured.length === 0) return true
      const at = Date.parse(usage.timestamp)
      const window = usage.windowSeconds * 1000
      await book.put({ namespace, name, uid, node: pod.spec.nodeName ?? '', at, window, containers: measured })
      return true
    } catch (error) {
      failed(error)
      return false
    }
  }
}
