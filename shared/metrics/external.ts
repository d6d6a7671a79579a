// external.metrics.k8s.io/v1beta1 of our own: the messages of WorkQueues, in the form in which autoscalers ask adapters for them.
import type { RequestContext } from '../apimachinery/context.ts'
import { matchesLabels, type Selector } from '../apimachinery/label-selector.ts'
import { messagesOf, WORK_QUEUE_MESSAGES } from './work-queues.ts'

/** An ExternalMetricValueList. */
export async function messagesDocument({ read, now }: RequestContext, namespace: string, labels: Selector): Promise<object> {
  const found = await messagesOf(read, namespace, own => matchesLabels(labels, own))
  const timestamp = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
  return {
    kind: 'ExternalMetricValueList',
    apiVersion: 'external.metrics.k8s.io/v1beta1',
    metadata: {},
    items: found.map(({ labels: metricLabels, messages }) => ({
      metricName: WORK_QUEUE_MESSAGES,
      metricLabels,
      timestamp,
      value: String(messages),
    })),
  }
}
