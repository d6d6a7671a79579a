// Jobs where it is narrow: what counts, what is waited for, and how pods are called.
import { afterEach, describe, expect, test } from 'vitest'
import type { Job } from '../../shared/api/batch/v1.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import { JOBS, PODS } from '../../shared/controllers/collections.ts'
import { finishTime } from '../../shared/controllers/job/backoff.ts'
import { Indexes } from '../../shared/controllers/job/indexes.ts'
import { carriers, failuresBefore, newPod } from '../../shared/controllers/job/pods.ts'
import { metSuccess } from '../../shared/controllers/job/policies.ts'
import { TestCluster } from './cluster.ts'
import { job, template } from './objects.ts'

let cluster: TestCluster | undefined
afterEach(() => cluster?.stop())

const indexed = (name: string, completions: number, spec: object = {}) =>
  job(name, { completionMode: 'Indexed', completions, parallelism: completions, ...spec })

describe('pods of indexes', () => {
  const named = (name: string, spec: object = {}) => ({ ...indexed(name, 3, spec), metadata: { name, uid: 'u' } }) as unknown as Job

  test('are hosts by index, whatever the template says', () => {
    const own = template('j', 'c:1', { restartPolicy: 'Never', hostname: 'same' })
    expect(newPod(named('j', { template: own }), 2).spec.hostname).toBe('j-2')
  })
  test('keep their index in their names, however long that of the Job is', () => {
    const long = 'a'.repeat(60)
    expect(newPod(named(long), 12).metadata.generateName).toBe(`${'a'.repeat(54)}-12-`)
    expect(newPod(named('short'), 12).metadata.generateName).toBe('short-12-')
  })
  test('carry counts that are numbers, or none', () => {
    const counted = (text: string) =>
      failuresBefore({ metadata: { annotations: { 'batch.kubernetes.io/job-index-failure-count': text } } } as unknown as Pod)
    expect(['3', 'many', '-1', '1e3', '4294967296'].map(counted)).toEqual([3, 0, 0, 0, 0])
  })
})

describe('when a pod ended', () => {
  const pod = (status: object, more: object = {}, spec: object = {}): Pod =>
    ({ metadata: { creationTimestamp: '2030-01-01T00:00:00Z', ...more }, spec: { containers: [], ...spec }, status }) as unknown as Pod
  const ended = (name: string, time: string) => ({ name, state: { terminated: { finishedAt: `2030-01-01T${time}Z` } } })
  const at = (text: string) => Date.parse(`2030-01-01T${text}Z`)
  const unready = { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2030-01-01T00:05:00Z' }] }

  test('is when the last of its containers did, its sidecars among them', () => {
    expect(finishTime(pod({ containerStatuses: [ended('a', '00:01:00'), ended('b', '00:02:00')] }))).toBe(at('00:02:00'))
    const sidecar = { initContainers: [{ name: 's', restartPolicy: 'Always' }, { name: 'i' }] }
    const statuses = {
      containerStatuses: [ended('a', '00:01:00')],
      initContainerStatuses: [ended('s', '00:03:00'), ended('i', '00:09:00')],
    }
    expect(finishTime(pod(statuses, {}, sidecar))).toBe(at('00:03:00'))
  })
  test('is when it stopped being ready while one of them has not ended, then when it was deleted, then when it was made', () => {
    const going = { deletionTimestamp: '2030-01-01T00:10:30Z', deletionGracePeriodSeconds: 30 }
    const half = { containerStatuses: [ended('a', '00:01:00'), { name: 'b', state: { running: {} } }] }
    expect(finishTime(pod({ ...half, ...unready }, going))).toBe(at('00:05:00'))
    expect(finishTime(pod(half, going))).toBe(at('00:10:00'))
    expect(finishTime(pod(half))).toBe(at('00:00:00'))
  })
  test('tells which of two failed pods of an index is the later one', () => {
    const failed = (name: string, time: string) =>
      ({
        metadata: {
          name,
          annotations: { 'batch.kubernetes.io/job-completion-index': '0' },
          finalizers: ['batch.kubernetes.io/job-tracking'],
        },
        spec: { containers: [] },
        status: { phase: 'Failed', containerStatuses: [ended('a', time)] },
      }) as unknown as Pod
    const [early, late] = [failed('early', '00:01:00'), failed('late', '00:02:00')]
    const job = indexed('j', 1) as unknown as Job
    for (const pods of [
      [early, late],
      [late, early],
    ])
      expect(carriers(job, pods, () => false).get(0)?.metadata.name).toBe('late')
  })
})

describe('rules of success', () => {
  test('are not met by nothing', () => {
    const rules = (rule: object) => ({ rules: [rule] })
    expect(metSuccess(rules({ succeededIndexes: '5-7' }), Indexes.of([0]), 3)).toBeUndefined()
    expect(metSuccess(rules({ succeededCount: 0 }), Indexes.none, 3)).toBeUndefined()
  })
  test('ask for all of the indexes that are left, or for as many as are said', () => {
    expect(metSuccess({ rules: [{ succeededIndexes: '0-9', succeededCount: 4 }] }, Indexes.of([0, 1, 2]), 3)).toBe(
      'Matched rules at index 0',
    )
    expect(metSuccess({ rules: [{ succeededIndexes: '2' }, { succeededCount: 2 }] }, Indexes.of([0, 1]), 3)).toBe(
      'Matched rules at index 1',
    )
  })
})

test('a pod that cannot be deleted keeps the Job from failing, and is not forgotten', async () => {
  let broken = true
  const wrap = (client: Client): Client =>
    new Proxy(client, {
      get(target, name: keyof Client) {
        const method = (target[name] as (...args: unknown[]) => Promise<unknown>).bind(target)
        if (name !== 'delete') return method
        return async (...args: unknown[]) => {
          if (broken && (args[0] as { resource: string }).resource === 'pods') throw new Error('the store is away')
          return method(...args)
        }
      },
    })
  cluster = await TestCluster.start({ wrap })
  await cluster.create(JOBS, job('j', { parallelism: 2, completions: 2, backoffLimit: 0 }))
  await cluster.calm()
  const [first] = await cluster.pods()
  await cluster.report(first!, 'Failed', false)
  await cluster.pass(5)
  const conditions = async () => (await cluster!.get<Job>(JOBS, 'j')).status?.conditions?.map(({ type }) => type)
  expect(await conditions()).toBeUndefined()
  expect((await cluster.activePods()).map(({ metadata }) => metadata.finalizers)).toEqual([['batch.kubernetes.io/job-tracking']])
  broken = false
  await cluster.pass(600)
  expect(await conditions()).toEqual(['FailureTarget', 'Failed'])
  expect(await cluster.activePods()).toEqual([])
})

test('an index whose pod was deleted is tried again once the pod has failed, also where the last pod carries the count', async () => {
  cluster = await TestCluster.start()
  const onNode = template('j', 'c:1', { restartPolicy: 'Never', nodeName: 'ghost' })
  await cluster.create(JOBS, indexed('j', 1, { backoffLimitPerIndex: 3, podReplacementPolicy: 'Failed', template: onNode }))
  await cluster.calm()
  const [pod] = await cluster.pods()
  await cluster.client.delete(PODS, 'default', pod!.metadata.name, {})
  await cluster.calm()
  expect((await cluster.get<Job>(JOBS, 'j')).status).toMatchObject({ terminating: 1 })
  await cluster.report(pod!, 'Failed', false)
  await cluster.reap()
  await cluster.pass(30)
  const active = await cluster.activePods()
  expect(active.map(({ metadata }) => metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'])).toEqual(['1'])
  expect((await cluster.get<Job>(JOBS, 'j')).status).toMatchObject({ active: 1, failed: 1 })
})
