import { beforeEach, describe, expect, it } from 'vitest'
import type { Event } from '../../shared/api/core/v1.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { EventLog } from '../../shared/pipeline/event-recorder.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { MemoryStore } from '../../shared/store/memory.ts'
import { storeClient } from './store-client.ts'

const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name: 'web', uid: 'u1', resourceVersion: '7' },
}
const node: KubeObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', uid: 'u2' } }

describe('the event recorder', () => {
  let now: number
  let store: MemoryStore
  let log: EventLog
  beforeEach(() => {
    now = Date.UTC(2030, 0, 1)
    store = new MemoryStore({ now: () => now })
    log = new EventLog({ client: storeClient(store), now: () => now, log: silent })
  })
  const written = async () => (await store.list({ group: '', resource: 'events' })).items.map(item => item.object as Event)

  it('writes who says what about which object', async () => {
    await log.recorder('replicaset-controller').event(pod, 'Normal', 'SuccessfulCreate', 'Created pod: web')
    const [event] = await written()
    expect(event).toMatchObject({
      kind: 'Event',
      metadata: { namespace: 'shop' },
      involvedObject: { kind: 'Pod', apiVersion: 'v1', namespace: 'shop', name: 'web', uid: 'u1', resourceVersion: '7' },
      type: 'Normal',
      reason: 'SuccessfulCreate',
      message: 'Created pod: web',
      source: { component: 'replicaset-controller' },
      reportingComponent: 'replicaset-controller',
      firstTimestamp: '2030-01-01T00:00:00Z',
      lastTimestamp: '2030-01-01T00:00:00Z',
      count: 1,
    })
    expect(event?.metadata.name).toMatch(/^web\.[0-9a-f]{16}$/)
  })

  it('writes about objects without a namespace into default', async () => {
    await log.recorder('node-controller').event(node, 'Warning', 'NodeNotReady', 'gone')
    expect((await written())[0]?.metadata.namespace).toBe('default')
  })

  it('counts what is said again, also when it is said at once', async () => {
    const recorder = log.recorder('kubelet')
    await Promise.all([1, 2, 3].map(() => recorder.event(pod, 'Warning', 'BackOff', 'Back-off restarting')))
    now += 60_000
    await recorder.event(pod, 'Warning', 'BackOff', 'Back-off restarting')
    const events = await written()
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({ count: 4, firstTimestamp: '2030-01-01T00:00:00Z', lastTimestamp: '2030-01-01T00:01:00Z' })
  })

  it('begins anew when the counted event has expired', async () => {
    const recorder = log.recorder('kubelet')
    await recorder.event(pod, 'Warning', 'BackOff', 'again')
    now += 2 * 3600_000
    await recorder.event(pod, 'Warning', 'BackOff', 'again')
    expect(await written()).toMatchObject([{ count: 1, firstTimestamp: '2030-01-01T02:00:00Z' }])
  })

  it('combines more than ten that differ only in their message', async () => {
    const recorder = log.recorder('replicaset-controller')
    for (let n = 0; n < 15; n++) await recorder.event(pod, 'Normal', 'SuccessfulCreate', `Created pod: web-${n}`)
    const events = await written()
    expect(events).toHaveLength(10)
    expect(events.find(event => event.message?.startsWith('(combined from similar events): '))).toMatchObject({
      message: '(combined from similar events): Created pod: web-14',
      count: 6,
    })
  })

  it('lets one source say 25 things about one object at once, and one more each five minutes', async () => {
    const recorder = log.recorder('noisy')
    for (let n = 0; n < 40; n++) await recorder.event(pod, 'Normal', `Reason${n}`, 'x')
    expect(await written()).toHaveLength(25)
    now += 300_000
    for (let n = 40; n < 45; n++) await recorder.event(pod, 'Normal', `Reason${n}`, 'x')
    expect(await written()).toHaveLength(26)
  })

  it('writes events with an action as a series, whose count is not written each time', async () => {
    const recorder = log.recorder('default-scheduler')
    const say = () => recorder.event(pod, 'Warning', 'FailedScheduling', '0/3 nodes are available', 'Scheduling')
    await say()
    const [first] = await written()
    expect(first).toMatchObject({ action: 'Scheduling', eventTime: '2030-01-01T00:00:00.000000Z', reportingComponent: 'default-scheduler' })
    expect(first?.count).toBeUndefined()
    expect(first?.series).toBeUndefined()
    const revisions = [await store.revision({ group: '', resource: 'events' })]
    for (let n = 0; n < 5; n++) {
      await say()
      revisions.push(await store.revision({ group: '', resource: 'events' }))
    }
    expect(revisions.map(revision => revision - revisions[0]!)).toEqual([0, 1, 1, 1, 1, 1])
    now += 400_000
    await say()
    expect((await written())[0]?.series).toMatchObject({ count: 7, lastObservedTime: '2030-01-01T00:06:40.000000Z' })
  })

  it('never throws', async () => {
    const broken = { ...storeClient(store), create: () => Promise.reject(new Error('no')) }
    await new EventLog({ client: broken, now: () => now, log: silent }).recorder('x').event(pod, 'Normal', 'A', 'b')
  })
})
