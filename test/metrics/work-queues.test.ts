// The messages of WorkQueues as an external metric.
import { expect, test } from 'vitest'
import type { WorkQueue } from '../../shared/api/zeroplane/v1alpha1.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import { WORK_QUEUES } from '../../shared/controllers/collections.ts'
import { noMetrics } from '../../shared/controllers/hpa/metrics.ts'
import { WORK_QUEUE_MESSAGES, workQueueSource } from '../../shared/metrics/work-queues.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

test('are those of the queues that labels or a name select, waiting and in flight, in one namespace', async () => {
  const store = new MemoryStore()
  const queue = (namespace: string, name: string, status?: WorkQueue['status']) =>
    store.create(WORK_QUEUES, `${namespace}/${name}`, {
      apiVersion: 'zeroplane.dev/v1alpha1',
      kind: 'WorkQueue',
      metadata: { namespace, name, labels: { tier: namespace } },
      status,
    } as unknown as WorkQueue)
  await queue('shop', 'encode', { depth: 7, inFlight: 2 })
  await queue('shop', 'mail')
  await queue('other', 'encode', { depth: 100 })
  const { external } = workQueueSource(createReader(store), noMetrics)
  expect(await external(WORK_QUEUE_MESSAGES, 'shop', { matchLabels: { workqueue: 'encode' } })).toEqual([9000])
  expect(await external(WORK_QUEUE_MESSAGES, 'shop', { matchLabels: { tier: 'shop' } })).toEqual([9000, 0])
  expect(await external(WORK_QUEUE_MESSAGES, 'shop', undefined)).toEqual([9000, 0])
  await expect(external(WORK_QUEUE_MESSAGES, 'shop', { matchLabels: { workqueue: 'none' } })).rejects.toThrow(
    'no metrics returned from external metrics API',
  )
  await expect(external('else', 'shop', undefined)).rejects.toThrow('the server could not find the requested resource')
})
