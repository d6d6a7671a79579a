// An external metric of our own: messages in the queues of WorkQueues, as their statuses have them. Nobody has to bring a server for it.
import type { WorkQueue } from '../api/zeroplane/v1alpha1.ts'
import type { Reader } from '../apimachinery/context.ts'
import { matchesSelector } from '../apimachinery/label-selector.ts'
import { WORK_QUEUES } from '../controllers/collections.ts'
import type { MetricsSource } from '../controllers/hpa/metrics.ts'

/** Waiting and in flight. Its labels are those of the WorkQueue, and `workqueue`, which is its name. */
export const WORK_QUEUE_MESSAGES = 'workqueue_messages'

export interface QueueMessages {
  readonly labels: Readonly<Record<string, string>>
  readonly messages: number
}

/** Of the queues of a namespace ("": of all) whose labels are asked for. */
export async function messagesOf(
  read: Reader,
  namespace: string,
  matches: (labels: QueueMessages['labels']) => boolean,
): Promise<QueueMessages[]> {
  const all = await read.list<WorkQueue>(WORK_QUEUES, namespace === '' ? undefined : namespace)
  return all
    .map(({ metadata, status }) => ({
      labels: { ...metadata.labels, workqueue: metadata.name },
      messages: (status?.depth ?? 0) + (status?.inFlight ?? 0),
    }))
    .filter(({ labels }) => matches(labels))
}

export function workQueueSource(read: Reader, others: MetricsSource): MetricsSource {
  return {
    ...others,
    async external(metric, namespace, selector) {
      if (metric !== WORK_QUEUE_MESSAGES) return others.external(metric, namespace, selector)
      const found = await messagesOf(read, namespace, labels => matchesSelector(selector ?? {}, labels))
      if (found.length === 0) throw new Error('no metrics returned from external metrics API')
      return found.map(({ messages }) => messages * 1000)
    },
  }
}
