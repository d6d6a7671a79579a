// Disruption budgets: how many pods there should be, and what is said where that cannot be told.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { PodDisruptionBudget } from '../../shared/api/policy/v1.ts'
import { DEPLOYMENTS, JOBS, POD_DISRUPTION_BUDGETS, PODS } from '../../shared/controllers/collections.ts'
import { podCondition } from '../../shared/controllers/pods.ts'
import { timestamp } from '../../shared/controllers/time.ts'
import { TestCluster } from './cluster.ts'
import { eventsOf } from './events.ts'
import { deployment, job, template } from './objects.ts'

let cluster: TestCluster
beforeEach(async () => {
  cluster = await TestCluster.start()
  await cluster.calm()
})
afterEach(() => cluster.stop())

const budget = async (app: string, spec: object) => {
  const selector = { matchLabels: { app } }
  await cluster.create(POD_DISRUPTION_BUDGETS, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'b' },
    spec: { selector, ...spec },
  })
  await cluster.calm()
}
const status = async () => (await cluster.get<PodDisruptionBudget>(POD_DISRUPTION_BUDGETS, 'b')).status!
const condition = async () => {
  const { lastTransitionTime: _, ...rest } = (await status()).conditions![0]!
  return rest
}
const bare = (name: string, spec: object = {}) =>
  cluster.create<Pod>(PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' } },
    spec: { ...template('web').spec, ...spec },
  })

test('pods of a controller that cannot be scaled: nobody may go, and it is said why, once', async () => {
  await cluster.create(JOBS, job('web'))
  await cluster.calm()
  await budget('web', { maxUnavailable: 1 })
  const why = 'jobs.batch does not implement the scale subresource'
  expect(await condition()).toEqual({ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: why })
  expect((await status()).disruptionsAllowed).toBe(0)
  expect(await eventsOf(cluster, 'b')).toEqual([
    `Warning CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: ${why}`,
  ])
  await cluster.pass(3600)
  expect(cluster.clock.pending).toBe(0)
})

test('pods of a kind that nobody serves, likewise', async () => {
  const { metadata } = await bare('a')
  const ownerReferences = [{ apiVersion: 'example.com/v1', kind: 'Thing', name: 't', uid: metadata.uid, controller: true }]
  await cluster.patch(PODS, 'a', { metadata: { ownerReferences } })
  await budget('web', { minAvailable: '50%' })
  expect(await condition()).toMatchObject({ reason: 'SyncFailed', message: 'no matches for kind "Thing" in version "example.com/v1"' })
})

test('bare pods are told in the words of a selector', async () => {
  await bare('a')
  await budget('web', { maxUnavailable: 1 })
  const selector = '&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}'
  expect((await eventsOf(cluster, 'b'))[0]).toContain(
    `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged.`,
  )
})

test('a budget that says nothing allows nothing', async () => {
  const pod = await bare('a')
  await cluster.ready(pod)
  await budget('web', {})
  expect(await status()).toMatchObject({ expectedPods: 0, desiredHealthy: 0, currentHealthy: 1, disruptionsAllowed: 0 })
})

test('an eviction that was granted and did not come is told of the pod, and the disruption taken back without a reason', async () => {
  await cluster.create(DEPLOYMENTS, deployment('web', { replicas: 2 }))
  await cluster.calm()
  await cluster.readyAll()
  await budget('web', { maxUnavailable: 1 })
  const [pod] = await cluster.activePods()
  const now = timestamp(cluster.clock.now())
  await cluster.patch(POD_DISRUPTION_BUDGETS, 'b', { status: { disruptedPods: { [pod!.metadata.name]: now } } }, 'status')
  const conditions = [
    ...pod!.status!.conditions!,
    {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
      lastTransitionTime: now,
    },
  ]
  await cluster.patch(PODS, pod!.metadata.name, { status: { conditions } }, 'status')
  await cluster.pass(130)
  expect(await eventsOf(cluster, pod!.metadata.name, 'NotDeleted')).toEqual([
    "Warning NotDeleted: Pod was expected by PDB default/b to be deleted but it wasn't",
  ])
  expect((await status()).disruptedPods).toBeUndefined()
  const after = podCondition(await cluster.get<Pod>(PODS, pod!.metadata.name), 'DisruptionTarget')
  expect([after?.status, after?.reason, after?.message]).toEqual(['False', undefined, undefined])
})
