// Random histories: people scale, change templates and kill pods, kubelets report in any order, keys come twice, processes die; and
// at every moment the limits hold. A failing run prints its seed: `SEED=... npx vitest run test/controllers/histories.test.ts`.
import { expect, test } from 'vitest'
import type { Deployment } from '../../shared/api/apps/v1.ts'
import type { Job } from '../../shared/api/batch/v1.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { DEPLOYMENTS, JOBS, PODS, STATEFUL_SETS } from '../../shared/controllers/collections.ts'
import { unlessGone } from '../../shared/controllers/owners.ts'
import { isActive, isReady } from '../../shared/controllers/pods.ts'
import { TestCluster } from './cluster.ts'
import { Crash } from './crash.ts'
import { deployment, job, statefulSet, template } from './objects.ts'
import { randomFrom } from './random.ts'

const RUNS = Number(process.env.HISTORIES ?? 12)
const seeds = process.env.SEED === undefined ? Array.from({ length: RUNS }, (_, i) => 1000 + i) : [Number(process.env.SEED)]

/** Watches every write of pods and tells the most that were active, and the fewest that were ready, since it was asked last. */
class Gauge {
  readonly #pods = new Map<string, Pod>()
  readonly #stop: () => void
  most = 0
  least = 0

  constructor(cluster: TestCluster) {
    this.#stop = cluster.store.feed(({ collection, type, key, object }) => {
      if (collection.resource !== 'pods') return
      if (type === 'deleted') this.#pods.delete(key)
      else this.#pods.set(key, object as Pod)
      const active = [...this.#pods.values()].filter(isActive)
      this.most = Math.max(this.most, active.length)
      this.least = Math.min(this.least, active.filter(isReady).length)
    })
  }

  reset(): void {
    const active = [...this.#pods.values()].filter(isActive)
    this.most = active.length
    this.least = active.filter(isReady).length
  }

  stop(): void {
    this.#stop()
  }
}

for (const seed of seeds) {
  test(`rollouts stay within their limits (seed ${seed})`, { timeout: 60_000 }, async () => {
    const random = randomFrom(seed)
    const cluster = await TestCluster.start()
    const gauge = new Gauge(cluster)
    try {
      const replicas = 2 + random.below(8)
      const maxSurge = random.below(4)
      const maxUnavailable = maxSurge === 0 ? 1 + random.below(3) : random.below(3)
      const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } }
      await cluster.create(DEPLOYMENTS, deployment('web', { replicas, strategy }))
      await cluster.calm()
      await cluster.readyAll()
      await cluster.calm()
      gauge.reset()
      let version = 1
      for (let step = 0; step < 60; step++) {
        const action = random.below(10)
        if (action < 2) await cluster.patch(DEPLOYMENTS, 'web', { spec: { template: template('web', `c:${++version}`) } })
        else if (action < 7) {
          const waiting = (await cluster.activePods()).filter(pod => !isReady(pod))
          const pod = random.pick(waiting)
          // A rollout that goes on meanwhile may have taken it.
          if (pod !== undefined) await unlessGone(() => cluster.ready(pod))
        } else if (action === 7) cluster.enqueue('deployment', `${cluster.namespace}/web`)
        else if (action === 8)
          await cluster.restart(new Crash({ write: 1 + random.below(4), when: random.chance(0.5) ? 'before' : 'after' }).wrap)
        else await cluster.restart()
        if (random.chance(0.7)) await cluster.calm()
        expect(gauge.most, 'active pods').toBeLessThanOrEqual(replicas + maxSurge)
        expect(gauge.least, 'ready pods').toBeGreaterThanOrEqual(replicas - maxUnavailable)
        gauge.reset()
      }
      await cluster.restart()
      for (let round = 0; round < 60; round++) {
        await cluster.pass(1)
        if ((await cluster.readyAll()) === 0) break
      }
      await cluster.pass(1)
      const { status } = await cluster.get<Deployment>(DEPLOYMENTS, 'web')
      expect(status).toMatchObject({ replicas, updatedReplicas: replicas, availableReplicas: replicas })
      const images = new Set((await cluster.activePods()).map(({ spec }) => spec.containers[0]?.image))
      expect([...images]).toEqual([`c:${version}`])
    } finally {
      gauge.stop()
      cluster.stop()
    }
  })

  // Two processes reconcile each key at the same time, as when a message comes again while its first delivery is still worked on. Limits
  // may be passed for a moment then; what counts is what it comes to.
  test(`keys that are reconciled twice at once come to the same (seed ${seed})`, { timeout: 60_000 }, async () => {
    const random = randomFrom(seed)
    const cluster = await TestCluster.start({ twins: true })
    try {
      let replicas = 1 + random.below(6)
      let version = 1
      await cluster.create(DEPLOYMENTS, deployment('web', { replicas }))
      await cluster.create(
        STATEFUL_SETS,
        statefulSet('db', { replicas: 2, podManagementPolicy: random.chance(0.5) ? 'Parallel' : 'OrderedReady' }),
      )
      for (let step = 0; step < 20; step++) {
        const action = random.below(6)
        const pod = random.pick(await cluster.activePods())
        if (action === 0) await cluster.patch(DEPLOYMENTS, 'web', { spec: { template: template('web', `c:${++version}`) } })
        else if (action === 1) {
          replicas = 1 + random.below(6)
          await cluster.patch(DEPLOYMENTS, 'web', { spec: { replicas } })
        } else if (action === 2) await cluster.readyAll()
        else if (action === 3 && pod !== undefined)
          await unlessGone(() => cluster.client.delete(PODS, cluster.namespace, pod.metadata.name))
        else if (action === 4 && pod !== undefined) await unlessGone(() => cluster.report(pod, 'Failed', false))
        else await cluster.reap()
        if (random.chance(0.7)) await cluster.calm()
      }
      for (let round = 0; round < 60; round++) {
        await cluster.pass(1)
        if ((await cluster.readyAll()) + (await cluster.reap()) === 0) break
      }
      await cluster.pass(1000)
      const { status } = await cluster.get<Deployment>(DEPLOYMENTS, 'web')
      expect(status).toMatchObject({ replicas, updatedReplicas: replicas, availableReplicas: replicas })
      const active = (await cluster.activePods()).map(pod => [pod.metadata.labels?.app, pod.spec.containers[0]?.image].join(' '))
      expect(active.sort()).toEqual(['db c:1', 'db c:1', ...Array.from({ length: replicas }, () => `web c:${version}`)])
    } finally {
      cluster.stop()
    }
  })

  test.for([false, true])(`a Job counts every pod once (seed ${seed}, twice at once: %s)`, { timeout: 60_000 }, async twins => {
    const random = randomFrom(seed)
    const cluster = await TestCluster.start({ twins })
    try {
      const completions = 1 + random.below(8)
      const indexed = random.chance(0.5)
      const spec = { completions, parallelism: 1 + random.below(4), backoffLimit: 1000, completionMode: indexed ? 'Indexed' : 'NonIndexed' }
      await cluster.create(JOBS, job('j', spec))
      let succeeded = 0
      let failed = 0
      const isDone = async () => (await cluster.get<Job>(JOBS, 'j')).status?.conditions?.some(({ type }) => type === 'Complete') ?? false
      for (let step = 0; step < 400 && !(await isDone()); step++) {
        const action = random.below(12)
        const pod = random.pick(await cluster.activePods())
        if (action < 5 && pod !== undefined) {
          if (await happened(() => cluster.report(pod, 'Succeeded', false))) succeeded++
        } else if (action < 7 && pod !== undefined) {
          if (await happened(() => cluster.report(pod, 'Failed', false))) failed++
        } else if (action === 7 && pod !== undefined) {
          // Deleted by somebody before it ended: as good as failed.
          if (await happened(() => cluster.client.delete(PODS, cluster.namespace, pod.metadata.name))) failed++
        } else if (action === 8)
          await cluster.restart(new Crash({ write: 1 + random.below(5), when: random.chance(0.5) ? 'before' : 'after' }).wrap)
        else if (action === 9) cluster.enqueue('job', `${cluster.namespace}/j`)
        else if (action === 10) await cluster.restart()
        else await cluster.pass(30)
        if (random.chance(0.7)) await cluster.calm()
      }
      await cluster.restart()
      await cluster.pass(700)
      const { status } = await cluster.get<Job>(JOBS, 'j')
      if (twins) {
        // Both may have made pods, and surplus ones are taken back: such a pod is not counted, whatever happened to it on its way.
        const ended = (await cluster.pods()).filter(pod => pod.status?.phase === 'Succeeded').length
        expect(status?.succeeded).toBeGreaterThanOrEqual(completions)
        expect(status?.succeeded).toBeLessThanOrEqual(indexed ? completions : ended)
        expect(status?.failed ?? 0).toBeLessThanOrEqual(failed)
      } else {
        expect(status?.succeeded ?? 0).toBe(succeeded)
        expect(status?.failed ?? 0).toBe(failed)
        expect(succeeded).toBe(completions)
      }
      expect(status?.uncountedTerminatedPods ?? {}).toEqual({})
      expect((await cluster.pods()).flatMap(({ metadata }) => metadata.finalizers ?? [])).toEqual([])
      if (indexed) expect(status?.completedIndexes).toBe(ranges(completions))
    } finally {
      cluster.stop()
    }
  })
}

/** False when the pod was gone by then. */
const happened = async (act: () => Promise<unknown>): Promise<boolean> =>
  (await unlessGone(async () => {
    await act()
    return true
  })) ?? false

const ranges = (n: number): string => (n === 1 ? '0' : n === 2 ? '0,1' : `0-${n - 1}`)
