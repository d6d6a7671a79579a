// An external metric of our own: messages in the queues of WorkQueues, as their statuses have them. Nobody has to bring a server for it.
import type { WorkQueue } from '../api/zeroplane/v1alpha1.ts'
import type { Reader } from '../apimachinery/context.ts'
import { matchesSelector } from '../apimachinery/label-selector.ts'
import { WORK_QUEUES } from '../controllers/collections.ts'
import type { MetricsSource } from '../controllers/hpa/metrics.ts'

/** Waiting and in flight. Its labels are those of the WorkQueue, and `workqueue`, which is its name. */
export const WORK_QUEUE_MESSAGES = 'workqueue_messages'

export function workQueueSource(read: Reader, others: MetricsSource): MetricsSource {
  return {
    ...others,
    async external(metric, namespace, selector) {
      if (metric !== WORK_QUEUE_MESSAGES) return others.external(metric, namespace, selector)
      const all = await read.list<WorkQueue>(WORK_QUEUES, namespace)
      const named = all.filter(({ metadata }) => matchesSelector(selector ?? {}, { ...metadata.labels, workqueue: metadata.name }))
      if (named.length === 0) throw new Error('no metrics returned from external metrics API')
      return named.map(({ status }) => ((status?.depth ?? 0) + (status?.inFlight ?? 0)) * 1000)
    },
  }
}
