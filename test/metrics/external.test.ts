// workqueue_messages through the API: what adapters of external metrics answer, without an adapter.
import { expect, test } from 'vitest'
import { createApi } from '../../functions/api/app.ts'
import type { WorkQueue } from '../../shared/api/zeroplane/v1alpha1.ts'
import { MASTERS } from '../../shared/auth/types.ts'
import { ManualClock } from '../../shared/clock.ts'
import { WORK_QUEUES } from '../../shared/controllers/collections.ts'
import { UsageBook } from '../../shared/metrics/usage.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { MemoryNotes } from '../../shared/store/notes.ts'

const GROUP = '/apis/external.metrics.k8s.io'

test('is read by namespace and by label, as one list', async () => {
  const clock = new ManualClock()
  const store = new MemoryStore()
  const { handle } = await createApi({
    store,
    now: clock.now,
    tokens: [
      { token: 'admin', user: { name: 'admin', groups: [MASTERS] } },
      { token: 'nobody', user: { name: 'nobody', groups: [] } },
    ],
    metrics: { book: new UsageBook(new MemoryNotes(clock.now), clock.now), clock },
  })
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
  const get = async (path: string, { token = 'admin', method = 'GET', accept = 'application/json' } = {}) => {
    const answer = await handle(new Request(`http://api${path}`, { method, headers: { authorization: `Bearer ${token}`, accept } }))
    return { code: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const path = `${GROUP}/v1beta1/namespaces/shop/workqueue_messages`
  const timestamp = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
  const encode = { metricName: 'workqueue_messages', metricLabels: { tier: 'shop', workqueue: 'encode' }, timestamp, value: '9' }
  const mail = { metricName: 'workqueue_messages', metricLabels: { tier: 'shop', workqueue: 'mail' }, timestamp, value: '0' }
  expect(await get(path)).toEqual({
    code: 200,
    body: { kind: 'ExternalMetricValueList', apiVersion: 'external.metrics.k8s.io/v1beta1', metadata: {}, items: [encode, mail] },
  })
  expect((await get(`${path}?labelSelector=workqueue%3Dencode`)).body.items).toEqual([encode])
  expect((await get(`${path}?labelSelector=workqueue%3Dnone`)).body.items).toEqual([])
  expect((await get(`${GROUP}/v1beta1/namespaces/shop/else`)).code).toBe(404)
  expect((await get(`${path}/encode`)).code).toBe(404)
  expect((await get(path, { method: 'DELETE' })).code).toBe(405)
  expect((await get(path, { token: 'nobody' })).code).toBe(403)
  expect((await get(`${GROUP}/v1beta1`)).body.resources).toEqual([
    { name: 'workqueue_messages', singularName: '', namespaced: true, kind: 'ExternalMetricValueList', verbs: ['get'] },
  ])
  // Charts of adapters bring the APIService, and could not install it if it were there.
  expect((await get('/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io')).code).toBe(404)
  // It is no object that has a path of its own.
  const { body } = await get(`/openapi/v3${GROUP}/v1beta1`)
  expect(Object.keys(body.paths as object)).toEqual([`${GROUP}/v1beta1/`])
})
