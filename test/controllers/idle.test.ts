// How often each controller runs when nothing happens: never, and where time alone is its business, when that comes (docs/controllers.md
// says so, and this holds it to that). A timer that is left is a function that will run, and be paid for.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Job } from '../../shared/api/batch/v1.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import {
  CLUSTER_ROLES,
  CONFIG_MAPS,
  CRON_JOBS,
  DAEMON_SETS,
  DEPLOYMENTS,
  ENDPOINTS,
  HORIZONTAL_POD_AUTOSCALERS,
  JOBS,
  LEASES,
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICATION_CONTROLLERS,
  RESOURCE_CLAIM_TEMPLATES,
  RESOURCE_QUOTAS,
  SECRETS,
  SERVICE_CIDRS,
  SERVICES,
  STATEFUL_SETS,
  STORAGE_CLASSES,
  VALIDATING_ADMISSION_POLICIES,
  VOLUME_ATTRIBUTES_CLASSES,
} from '../../shared/controllers/collections.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { isReady } from '../../shared/controllers/pods.ts'
import { TestCluster } from './cluster.ts'
import { daemonSet, deployment, job, readyNode, statefulSet, template } from './objects.ts'

const DAY = 86_400

let cluster: TestCluster
/** Reconciles by controller, since `forget`. */
let runs = new Map<string, number>()
const forget = () => {
  runs = new Map()
}
const ran = () => Object.fromEntries([...runs].sort())

const counted = controllers.map(controller => ({
  ...controller,
  reconcile: ((key, context) => {
    runs.set(controller.name, (runs.get(controller.name) ?? 0) + 1)
    return controller.reconcile(key, context)
  }) as typeof controller.reconcile,
}))

const start = async () => {
  cluster = await TestCluster.start({ controllers: counted })
}
afterEach(() => cluster.stop())

const node = (name: string) => ({ ...readyNode(name, cluster.clock.now()), metadata: { name, namespace: undefined } })
const scheduled = { schedulerName: 'default-scheduler' }

/** Kubelets and people do their part until nobody has anything to do. */
async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await cluster.pass(30)
    let busy = await cluster.reap()
    for (const pod of await cluster.activePods()) {
      if (!pod.spec.nodeName && pod.spec.schedulerName === 'default-scheduler') continue
      if (pod.spec.restartPolicy === 'Never') await cluster.report(pod, 'Succeeded', false)
      else if (!isReady(pod)) await cluster.report(pod, 'Running', true, { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] })
      else continue
      busy++
    }
    if (busy === 0) break
  }
  // Progress deadlines, back-offs and announced evictions are over.
  await cluster.pass(3600)
}

const claim = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: '', ...spec },
})

/** One of everything that controllers care for, well and unwell. */
async function everything(): Promise<void> {
  const { client } = cluster
  const named = (apiVersion: string, kind: string, name: string, rest: object = {}) => ({
    apiVersion,
    kind,
    metadata: { name, namespace: undefined },
    ...rest,
  })
  await cluster.create(NODES, node('n1'))
  await cluster.create(NODES, node('n2'))
  await cluster.create(DEPLOYMENTS, deployment('web', { replicas: 3, template: template('web', 'c:1', scheduled) }))
  await cluster.create(DEPLOYMENTS, deployment('stuck', { progressDeadlineSeconds: 60, template: template('stuck', 'c:1', scheduled) }))
  await cluster.create(STATEFUL_SETS, statefulSet('db', { replicas: 2, template: template('db', 'c:1', scheduled) }))
  await cluster.create(DAEMON_SETS, daemonSet('agent', { template: template('agent', 'c:1', scheduled) }))
  await cluster.create(REPLICATION_CONTROLLERS, {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: 'old' },
    spec: { replicas: 1, template: template('old', 'c:1', scheduled) },
  })
  await cluster.create(JOBS, job('done', { completions: 2 }))
  await cluster.create(JOBS, job('suspended', { suspend: true }))
  await cluster.create(CRON_JOBS, {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'suspended' },
    spec: { schedule: '* * * * *', suspend: true, jobTemplate: { spec: job('x').spec } },
  })
  const ports = [{ port: 80 }]
  await cluster.create(SERVICES, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports },
  })
  await cluster.create(SERVICES, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'manual' }, spec: { ports } })
  await cluster.create(ENDPOINTS, {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'manual' },
    subsets: [{ addresses: [{ ip: '10.1.1.1' }], ports }],
  })
  await cluster.create(POD_DISRUPTION_BUDGETS, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
  })
  await cluster.create(RESOURCE_QUOTAS, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q' },
    spec: { hard: { configmaps: '10', 'count/deployments.apps': '10' } },
  })
  await client.create(PERSISTENT_VOLUMES, {
    ...named('v1', 'PersistentVolume', 'v'),
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/v' }, storageClassName: '' },
  } as never)
  await client.create(STORAGE_CLASSES, {
    ...named('storage.k8s.io/v1', 'StorageClass', 'late'),
    provisioner: 'example.com/p',
    volumeBindingMode: 'WaitForFirstConsumer',
  } as never)
  await cluster.create(PERSISTENT_VOLUME_CLAIMS, claim('bound'))
  await cluster.create(PERSISTENT_VOLUME_CLAIMS, claim('nothing-fits'))
  await cluster.create(PERSISTENT_VOLUME_CLAIMS, claim('waits', { storageClassName: 'late' }))
  await cluster.create(PERSISTENT_VOLUME_CLAIMS, claim('no-class', { storageClassName: 'none' }))
  // Pods that nothing can be done about: too large, gated, on a volume that is not there.
  const lone = (name: string, spec: object) =>
    cluster.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: template(name, 'c:1', { ...scheduled, ...spec }).spec })
  await lone('large', { containers: [{ name: 'c', image: 'c:1', resources: { requests: { cpu: '1000' } } }] })
  await lone('gated', { schedulingGates: [{ name: 'example.com/gate' }] })
  await lone('claimless', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'missing' } }] })
  await lone('ephemeral', { volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: claim('').spec } } }] })
  await cluster.create(SECRETS, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: { name: 'token', annotations: { 'kubernetes.io/service-account.name': 'default' } },
    // This cluster signs no tokens.
    data: { token: 'dA==' },
  })
  await client.create(CLUSTER_ROLES, {
    ...named('rbac.authorization.k8s.io/v1', 'ClusterRole', 'sum'),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
    rules: [],
  } as never)
  const owner = await cluster.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owner' } })
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid }]
  await cluster.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned', ownerReferences } })
  await client.create(NAMESPACES, named('v1', 'Namespace', 'other') as never)
  // Devices that nobody allocates, and a template that nobody made.
  const devices = { requests: [{ name: 'd', exactly: { deviceClassName: 'none' } }] }
  await cluster.create(RESOURCE_CLAIM_TEMPLATES, {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaimTemplate',
    metadata: { name: 't' },
    spec: { spec: { devices } },
  })
  for (const resourceClaimTemplateName of ['t', 'missing'])
    await lone(`device-${resourceClaimTemplateName}`, { resourceClaims: [{ name: 'd', resourceClaimTemplateName }] })
  await client.create(VOLUME_ATTRIBUTES_CLASSES, {
    ...named('storage.k8s.io/v1', 'VolumeAttributesClass', 'gold'),
    driverName: 'd.example.com',
    parameters: { iops: '1' },
  } as never)
  await client.create(SERVICE_CIDRS, {
    ...named('networking.k8s.io/v1', 'ServiceCIDR', 'more'),
    spec: { cidrs: ['10.200.0.0/24'] },
  } as never)
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }
  await client.create(VALIDATING_ADMISSION_POLICIES, {
    ...named('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', 'p'),
    spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'object.bogus == 1' }] },
  } as never)
}

test('with one of everything and nothing to do, nobody runs and no timer is left', { timeout: 60_000 }, async () => {
  await start()
  await everything()
  await settle()
  for (const name of ['deployment', 'resourceclaim', 'service-cidr', 'validatingadmissionpolicy-status', 'ttl'])
    expect(runs.get(name), name).toBeGreaterThan(0)
  forget()
  await cluster.pass(7 * DAY)
  expect(ran()).toEqual({})
  expect(cluster.clock.pending).toBe(0)
})

test('every controller has its row in the table', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/controllers.md'), 'utf8')
  const rows = [...page.matchAll(/^\| ([a-z(), -]+?) \| [^|]+ \| [^|]+ \| [^|]+ \|$/gm)]
  const described = rows.flatMap(([, names = '']) => names.split(', ').flatMap(name => (name.includes('(') ? both(name) : [name])))
  expect(controllers.map(({ name }) => name).filter(name => !described.includes(name))).toEqual([])
})

/** persistentvolume(claim)-protection is two. */
const both = (name: string) => [name.replace(/\([a-z]+\)/, ''), name.replace(/[()]/g, '')]

test('a CronJob runs when it is due, once', async () => {
  await start()
  const spec = { schedule: '0 * * * *', jobTemplate: { spec: { ...job('x').spec, suspend: true } }, concurrencyPolicy: 'Forbid' }
  await cluster.create(CRON_JOBS, { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'hourly' }, spec })
  await cluster.pass(3600 + 1)
  forget()
  // The first Job goes on for ever, so nothing but the schedule asks for anything.
  await cluster.pass(DAY)
  expect(ran()).toEqual({ cronjob: 24 })
})

test('an autoscaler runs every 15 s, and only while it is there', async () => {
  await start()
  await cluster.create(DEPLOYMENTS, deployment('web'))
  await cluster.create(HORIZONTAL_POD_AUTOSCALERS, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web' },
    spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } },
  })
  await settle()
  forget()
  await cluster.pass(600)
  expect(ran()).toEqual({ horizontalpodautoscaler: 40 })
  await cluster.client.delete(HORIZONTAL_POD_AUTOSCALERS, cluster.namespace, 'web')
  await cluster.pass(60)
  forget()
  await cluster.pass(DAY)
  expect(ran()).toEqual({})
})

test('a node with a kubelet of its own is looked at when it could have fallen silent, and then no more', async () => {
  await start()
  await cluster.create(NODES, { ...node('theirs'), spec: {} })
  const renew = (name: string) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: new Date(cluster.clock.now()).toISOString().replace('Z', '000Z') },
  })
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-node-lease' } }
  await cluster.client.create(NAMESPACES, namespace)
  await cluster.client.create(LEASES, renew('theirs') as never)
  await cluster.calm()
  forget()
  for (let beat = 0; beat < 60; beat++) {
    await cluster.pass(10)
    await cluster.client.patch(LEASES, 'kube-node-lease', 'theirs', { type: 'merge', body: { spec: renew('theirs').spec } })
  }
  expect(runs.get('nodelifecycle')).toBeLessThanOrEqual(Math.ceil(600 / 40) + 1)
  await cluster.pass(600)
  forget()
  await cluster.pass(DAY)
  expect(ran()).toEqual({})
})

test('ends of deadlines, of times to live and of minReadySeconds are waited for, and nothing else', async () => {
  await start()
  await cluster.create(JOBS, job('ttl', { ttlSecondsAfterFinished: 1000 }))
  await cluster.create(JOBS, job('deadline', { activeDeadlineSeconds: 5000 }))
  await cluster.create(DEPLOYMENTS, deployment('slow', { replicas: 1, minReadySeconds: 2000, progressDeadlineSeconds: 3000 }))
  await cluster.calm()
  for (const pod of await cluster.pods()) {
    const owner = pod.metadata.ownerReferences?.[0]?.name
    if (owner === 'ttl') await cluster.report(pod, 'Succeeded', false)
    else await cluster.ready(pod as Pod)
  }
  await cluster.calm()
  forget()
  await cluster.pass(900)
  expect(ran()).toEqual({})
  await cluster.pass(200)
  expect(runs.get('ttl-after-finished')).toBe(1)
  expect((await cluster.list<Job>(JOBS)).map(({ metadata }) => metadata.name)).toEqual(['deadline'])
  forget()
  await cluster.pass(1100)
  expect(runs.get('replicaset')).toBeGreaterThan(0)
  await cluster.pass(3600)
  await cluster.reap()
  await cluster.calm()
  forget()
  await cluster.pass(DAY)
  expect(ran()).toEqual({})
  expect(cluster.clock.pending).toBe(0)
})
