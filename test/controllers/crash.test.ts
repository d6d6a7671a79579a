// Every controller is killed before and after each of its writes, and another process takes over: what comes out is what would have
// come out without the crash.
import { expect, test } from 'vitest'
import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../../shared/api/apps/v1.ts'
import type { CronJob, Job } from '../../shared/api/batch/v1.ts'
import type { ConfigMap, PersistentVolume, PersistentVolumeClaim } from '../../shared/api/core/v1.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import {
  CONFIG_MAPS,
  CONTROLLER_REVISIONS,
  CRON_JOBS,
  DAEMON_SETS,
  DEPLOYMENTS,
  JOBS,
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  REPLICA_SETS,
  SERVICES,
  STATEFUL_SETS,
} from '../../shared/controllers/collections.ts'
import { isActive, isReady } from '../../shared/controllers/pods.ts'
import { TestCluster } from './cluster.ts'
import { Crash } from './crash.ts'
import { daemonSet, deployment, job, readyNode, statefulSet, template } from './objects.ts'

interface Scenario {
  /** What people do; `settle` lets the controllers (and the kubelet) do their part, and is where crashes are healed. */
  run(cluster: TestCluster, settle: (kubelet?: () => Promise<unknown>) => Promise<void>): Promise<void>
  /** What must hold in the end. */
  check(cluster: TestCluster): Promise<void>
}

const scenarios: Record<string, Scenario> = {
  'a Deployment that is made, rolled out and rolled back': {
    async run(cluster, settle) {
      await cluster.create(DEPLOYMENTS, deployment('web', { replicas: 3 }))
      for (const image of ['c:1', 'c:2', 'c:1']) {
        await cluster.patch(DEPLOYMENTS, 'web', { spec: { template: template('web', image) } })
        await settle(() => cluster.readyAll())
      }
    },
    async check(cluster) {
      const { status, metadata } = await cluster.get<Deployment>(DEPLOYMENTS, 'web')
      expect(status).toMatchObject({ replicas: 3, updatedReplicas: 3, availableReplicas: 3, observedGeneration: metadata.generation })
      const sets = await cluster.list<ReplicaSet>(REPLICA_SETS)
      expect(sets.map(({ spec }) => spec.replicas).sort()).toEqual([0, 3])
      const pods = await cluster.pods()
      expect(pods.length).toBe(3)
      expect(new Set(pods.map(({ spec }) => spec.containers[0]?.image))).toEqual(new Set(['c:1']))
    },
  },
  'a StatefulSet that is made, updated and shrunk': {
    async run(cluster, settle) {
      await cluster.create(STATEFUL_SETS, statefulSet('db', { replicas: 2 }))
      await settle(() => cluster.readyAll())
      await cluster.patch(STATEFUL_SETS, 'db', { spec: { template: template('db', 'c:2') } })
      await settle(() => cluster.readyAll())
      await cluster.patch(STATEFUL_SETS, 'db', { spec: { replicas: 1 } })
      await settle(() => cluster.readyAll())
    },
    async check(cluster) {
      const pods = await cluster.pods()
      expect(pods.map(({ metadata }) => metadata.name)).toEqual(['db-0'])
      expect(pods[0]?.spec.containers[0]?.image).toBe('c:2')
      const { status } = await cluster.get<StatefulSet>(STATEFUL_SETS, 'db')
      expect(status).toMatchObject({ replicas: 1, readyReplicas: 1, updatedReplicas: 1 })
      expect(status?.currentRevision).toBe(status?.updateRevision)
      expect((await cluster.list(CONTROLLER_REVISIONS)).length).toBe(2)
    },
  },
  'a Job whose pods succeed and fail': {
    async run(cluster, settle) {
      await cluster.create(JOBS, job('j', { completions: 4, parallelism: 2, backoffLimit: 5 }))
      let round = 0
      await settle(async () => {
        const active = (await cluster.activePods()).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
        for (const pod of active) await cluster.report(pod, round === 0 && pod === active[0] ? 'Failed' : 'Succeeded', false)
        if (active.length > 0) round++
        return active.length
      })
    },
    async check(cluster) {
      const { status } = await cluster.get<Job>(JOBS, 'j')
      expect(status).toMatchObject({ succeeded: 4, failed: 1 })
      expect(status?.conditions?.map(({ type }) => type)).toContain('Complete')
      const pods = await cluster.pods()
      expect(pods.filter(pod => pod.status?.phase === 'Succeeded').length).toBe(4)
      expect(pods.flatMap(({ metadata }) => metadata.finalizers ?? [])).toEqual([])
    },
  },
  'owners deleted in the foreground, in the background and leaving orphans': {
    async run(cluster, settle) {
      const owned: KubeObject[] = []
      for (const name of ['front', 'back', 'orphaning']) {
        const owner = await cluster.create<ConfigMap>(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
        const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid: owner.metadata.uid, blockOwnerDeletion: true }]
        for (const child of ['a', 'b']) {
          const metadata = { name: `${name}-${child}`, ownerReferences }
          owned.push(await cluster.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata }))
        }
      }
      expect(owned.length).toBe(6)
      await settle()
      await cluster.client.delete(CONFIG_MAPS, cluster.namespace, 'front', { propagationPolicy: 'Foreground' })
      await cluster.client.delete(CONFIG_MAPS, cluster.namespace, 'back', { propagationPolicy: 'Background' })
      await cluster.client.delete(CONFIG_MAPS, cluster.namespace, 'orphaning', { propagationPolicy: 'Orphan' })
      await settle()
    },
    async check(cluster) {
      const left = (await cluster.list<ConfigMap>(CONFIG_MAPS)).filter(({ metadata }) => metadata.name !== 'kube-root-ca.crt')
      expect(left.map(({ metadata }) => [metadata.name, metadata.ownerReferences ?? []])).toEqual([
        ['orphaning-a', []],
        ['orphaning-b', []],
      ])
    },
  },
  'a DaemonSet that is rolled out, and rolled back': {
    async run(cluster, settle) {
      for (const name of ['n1', 'n2'])
        await cluster.create(NODES, { ...readyNode(name, cluster.clock.now()), metadata: { name, namespace: undefined } })
      const scheduled = { schedulerName: 'default-scheduler' }
      await cluster.create(DAEMON_SETS, daemonSet('d', { template: template('d', 'c:1', scheduled) }))
      for (const image of ['c:1', 'c:2', 'c:1']) {
        await cluster.patch(DAEMON_SETS, 'd', { spec: { template: template('d', image, scheduled) } })
        await settle(async () => {
          const waiting = (await cluster.activePods()).filter(pod => pod.spec.nodeName && !isReady(pod))
          for (const pod of waiting) await cluster.ready(pod)
          return waiting.length
        })
      }
    },
    async check(cluster) {
      const pods = await cluster.pods()
      expect(pods.map(({ spec }) => [spec.nodeName, spec.containers[0]?.image]).sort()).toEqual([
        ['n1', 'c:1'],
        ['n2', 'c:1'],
      ])
      const { status, metadata } = await cluster.get<DaemonSet>(DAEMON_SETS, 'd')
      expect(status).toMatchObject({ numberAvailable: 2, updatedNumberScheduled: 2, observedGeneration: metadata.generation })
      const revisions = await cluster.list<ControllerRevision>(CONTROLLER_REVISIONS)
      expect(revisions.map(({ revision }) => revision).sort()).toEqual([2, 3])
    },
  },
  'a CronJob that replaces what still runs, and drops its history': {
    async run(cluster, settle) {
      const spec = {
        schedule: '*/20 * * * *',
        concurrencyPolicy: 'Replace',
        successfulJobsHistoryLimit: 1,
        jobTemplate: { spec: job('x').spec },
      }
      await cluster.create(CRON_JOBS, { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'c' }, spec })
      // Every other Job ends in time.
      let finished = 0
      for (let round = 0; round < 4; round++) {
        await cluster.pass(1200)
        await settle()
        const [pod] = await cluster.activePods()
        if (round % 2 === 1 && pod !== undefined) {
          await cluster.report(pod, 'Succeeded', false)
          finished++
        }
      }
      expect(finished).toBeGreaterThan(0)
      await cluster.patch(CRON_JOBS, 'c', { spec: { suspend: true } })
      await settle(async () => {
        const active = await cluster.activePods()
        for (const pod of active) await cluster.report(pod, 'Succeeded', false)
        return active.length
      })
    },
    async check(cluster) {
      const { status } = await cluster.get<CronJob>(CRON_JOBS, 'c')
      expect(status?.active ?? []).toEqual([])
      const jobs = await cluster.list<Job>(JOBS)
      // One for each time at most, the last one left.
      expect(jobs.length).toBe(1)
      expect(jobs[0]?.status?.succeeded).toBe(1)
      expect((await cluster.pods()).length).toBe(1)
    },
  },
  'a namespace that is deleted with everything in it': {
    async run(cluster, settle) {
      const inside = (object: object, name: string) => ({ ...object, metadata: { name, namespace: 'going' } })
      await cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'going', namespace: undefined } })
      await settle()
      await cluster.create(DEPLOYMENTS, inside(deployment('web', { replicas: 2 }), 'web'))
      await cluster.create(JOBS, inside(job('j'), 'j'))
      const ports = [{ port: 80 }]
      await cluster.create(SERVICES, inside({ apiVersion: 'v1', kind: 'Service', spec: { selector: { app: 'web' }, ports } }, 'web'))
      await settle()
      await cluster.client.delete(NAMESPACES, undefined, 'going')
      await settle()
    },
    async check(cluster) {
      expect(await cluster.client.get(NAMESPACES, undefined, 'going')).toBeUndefined()
      for (const resource of [DEPLOYMENTS, REPLICA_SETS, PODS, JOBS, SERVICES, CONFIG_MAPS])
        expect((await cluster.store.list(resource, { prefix: 'going/' })).items).toEqual([])
    },
  },
  'volumes and claims that are bound, and let go': {
    async run(cluster, settle) {
      const capacity = { storage: '1Gi' }
      const spec = { accessModes: ['ReadWriteOnce'], storageClassName: '' }
      const volume = (name: string) => ({
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name, namespace: undefined },
        spec: { ...spec, capacity, hostPath: { path: '/v' } },
      })
      for (const name of ['v1', 'v2']) await cluster.create(PERSISTENT_VOLUMES, volume(name))
      for (const name of ['c1', 'c2', 'c3'])
        await cluster.create(PERSISTENT_VOLUME_CLAIMS, {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name },
          spec: { ...spec, resources: { requests: capacity } },
        })
      await settle()
      await cluster.client.delete(PERSISTENT_VOLUME_CLAIMS, cluster.namespace, 'c1')
      await settle()
    },
    async check(cluster) {
      const claims = await cluster.list<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS)
      const volumes = (await cluster.store.list(PERSISTENT_VOLUMES)).items.map(({ object }) => object as PersistentVolume)
      expect(volumes.map(({ status }) => status?.phase).sort()).toEqual(
        // c1 had one of them, or neither: who comes first is not told.
        claims.filter(({ status }) => status?.phase === 'Bound').length === 2 ? ['Bound', 'Bound'] : ['Bound', 'Released'],
      )
      for (const { metadata, spec, status } of claims) {
        if (status?.phase !== 'Bound') continue
        const bound = volumes.find(volume => volume.metadata.name === spec?.volumeName)
        expect(bound?.spec?.claimRef).toMatchObject({ name: metadata.name, uid: metadata.uid })
      }
    },
  },
  'pods that are scheduled and served': {
    async run(cluster, settle) {
      await cluster.create(NODES, { ...readyNode('n1', cluster.clock.now()), metadata: { name: 'n1', namespace: undefined } })
      await cluster.create(SERVICES, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], clusterIP: 'None' },
      })
      await cluster.create(
        DEPLOYMENTS,
        deployment('web', { replicas: 3, template: template('web', 'c:1', { schedulerName: 'default-scheduler' }) }),
      )
      await settle(async () => {
        const waiting = (await cluster.activePods()).filter(pod => pod.spec.nodeName && !isReady(pod))
        for (const [i, pod] of waiting.entries())
          await cluster.report(pod, 'Running', true, { podIP: `10.0.0.${i + 1}`, podIPs: [{ ip: `10.0.0.${i + 1}` }] })
        return waiting.length
      })
    },
    async check(cluster) {
      const pods = await cluster.pods()
      expect(pods.filter(isActive).every(({ spec }) => spec.nodeName === 'n1')).toBe(true)
      const slices = await cluster.list<KubeObject & { endpoints: unknown[] }>({ group: 'discovery.k8s.io', resource: 'endpointslices' })
      expect(slices.reduce((sum, { endpoints }) => sum + (endpoints?.length ?? 0), 0)).toBe(3)
      expect((await cluster.list(PODS)).length).toBe(3)
    },
  },
}

/** Runs the scenario once with this crash. Answers whether it came to that. */
async function play({ run, check }: Scenario, crash: Crash): Promise<boolean> {
  const cluster = await TestCluster.start({ wrap: crash.wrap })
  let healed = false
  const calm = async () => {
    await cluster.calm()
    if (crash.dead && !healed) {
      healed = true
      await cluster.restart()
      await cluster.calm()
    }
  }
  try {
    await run(cluster, async kubelet => {
      for (let round = 0; round < 60; round++) {
        await calm()
        const busy = (await kubelet?.()) !== 0 && kubelet !== undefined
        const ended = await cluster.reap()
        if (!busy && ended === 0) {
          // Back-offs are over, late wake-ups have come.
          await cluster.pass(700)
          await calm()
          if (((await kubelet?.()) ?? 0) === 0 && (await cluster.reap()) === 0) return
        }
      }
      throw new Error('it does not come to rest')
    })
    await calm()
    await check(cluster)
    return crash.dead
  } finally {
    cluster.stop()
  }
}

for (const [name, scenario] of Object.entries(scenarios)) {
  for (const when of ['before', 'after'] as const) {
    test(`${name}: killed ${when} each write`, { timeout: 120_000 }, async () => {
      let write = 1
      for (; write < 400; write++) {
        const crashed = await play(scenario, new Crash({ write, when })).catch(error => {
          throw new Error(`killed ${when} write ${write}: ${error instanceof Error ? error.message : error}`, { cause: error })
        })
        if (!crashed) break
      }
      expect(write).toBeGreaterThan(5)
    })
  }
}
