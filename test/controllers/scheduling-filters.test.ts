// Which nodes a pod may go to, rule by rule, in upstream's words.
import { describe, expect, test } from 'vitest'
import type { PersistentVolume, PersistentVolumeClaim } from '../../shared/api/core/v1.ts'
import type { CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment } from '../../shared/api/storage/v1.ts'
import type { VolumeLookup } from '../../shared/scheduling/volumes.ts'
import { asks, cpu, fate, node, place, pod, reason } from './scheduling.ts'

const zone = (name: string, zone: string, more: object = {}) => node(name, {}, { labels: { 'topology.kubernetes.io/zone': zone }, ...more })
const ZONE = 'topology.kubernetes.io/zone'
const HOST = 'kubernetes.io/hostname'
const app = (value: string) => ({ matchLabels: { app: value } })

describe('nodes by name', () => {
  const named = (...terms: string[][]) => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: terms.map(names => ({
            matchFields: names.map(name => ({ key: 'metadata.name', operator: 'In', values: [name] })),
          })),
        },
      },
    },
  })
  const nodes = [node('a'), node('b')]
  test('one of several terms is enough', () => {
    expect(fate(pod('p', named(['x'], ['b'])), nodes)).toBe('b')
  })
  test('nodes that no term names are not looked at', () => {
    expect(fate(pod('p', { ...named(['x']), nodeSelector: { no: 'such' } }), nodes)).toBe(
      "0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
    )
  })
  test('fields of one term must all hold', () => {
    expect(fate(pod('p', named(['a', 'b'])), nodes)).toBe('0/2 nodes are available: pod affinity terms conflict. not found')
  })
})

describe('what pods need', () => {
  const running = (status: object, requests: object = { cpu: '1' }) => pod('r', { ...asks(requests), nodeName: 'a' }, {}, status)
  const given = (resources: string | undefined, allocated?: string) => ({
    containerStatuses: [
      {
        name: 'c',
        ...(resources === undefined ? {} : { resources: { requests: { cpu: resources } } }),
        ...(allocated === undefined ? {} : { allocatedResources: { cpu: allocated } }),
      },
    ],
  })
  test('a resize in place counts with the most of what is wanted, promised and in force', () => {
    const one = node('a', { cpu: '4' })
    expect(fate(pod('p', cpu('3')), [one], [running(given(undefined))])).toBe('a')
    expect(reason(pod('p', cpu('3')), one, [running(given('2'))])).toBe('Insufficient cpu')
    expect(reason(pod('p', cpu('3')), one, [running(given('1', '2'))])).toBe('Insufficient cpu')
    expect(reason(pod('p', cpu('3')), one, [running(given('1'), { cpu: '2' })])).toBe('Insufficient cpu')
  })
  test('a resize that the node cannot do asks for nothing', () => {
    const infeasible = { conditions: [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }] }
    expect(fate(pod('p', cpu('3')), [node('a', { cpu: '4' })], [running({ ...given('1'), ...infeasible }, { cpu: '9' })])).toBe('a')
  })
  test('overhead comes on top of what the pod as a whole asks for', () => {
    const spec = { resources: { requests: { cpu: '1' } }, overhead: { cpu: '500m' } }
    expect(fate(pod('p', spec), [node('a', { cpu: '1500m' })])).toBe('a')
    expect(reason(pod('p', spec), node('a', { cpu: '1499m' }))).toBe('Insufficient cpu')
  })
  test('a node without room for pods could have some if others went', () => {
    expect(fate(pod('p'), [node('a', { pods: '0' })])).toBe(
      '0/1 nodes are available: 1 Too many pods. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    )
  })
})

describe('company', () => {
  const term = (more: object) => ({ topologyKey: ZONE, ...more })
  const near = (...terms: object[]) => ({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } })
  const far = (...terms: object[]) => ({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } })
  const nodes = [zone('a', 'z1'), zone('b', 'z2')]
  const db = { ...pod('db', { nodeName: 'b' }, { app: 'db' }) }
  const elsewhere = { ...db, metadata: { ...db.metadata, namespace: 'x' } }

  test('is found in the namespaces that are named or selected', () => {
    const world = { namespaces: { a: {}, x: { team: 'red' } } }
    const wants = (more: object) => pod('p', near(term({ labelSelector: app('db'), ...more })))
    expect(reason(wants({}), nodes[1]!, [elsewhere], world)).toBe("node(s) didn't match pod affinity rules")
    expect(fate(wants({ namespaces: ['x'] }), nodes, [elsewhere], world)).toBe('b')
    expect(fate(wants({ namespaceSelector: { matchLabels: { team: 'red' } } }), nodes, [elsewhere], world)).toBe('b')
    expect(fate(wants({ namespaceSelector: {} }), nodes, [elsewhere], world)).toBe('b')
    expect(reason(wants({ namespaceSelector: { matchLabels: { team: 'blue' } } }), nodes[1]!, [elsewhere], world)).toBe(
      "node(s) didn't match pod affinity rules",
    )
  })
  test('the first that wants its own kind may go anywhere, if it is of its own kind in every term', () => {
    const both = near(term({ labelSelector: app('x') }), term({ labelSelector: { matchLabels: { tier: 'y' } }, topologyKey: HOST }))
    expect(['a', 'b']).toContain(fate(pod('p', both, { app: 'x', tier: 'y' }), nodes))
    expect(reason(pod('p', both, { app: 'x' }), nodes[0]!)).toBe("node(s) didn't match pod affinity rules")
  })
  test('narrowed by keys of labels: the same revision, or another', () => {
    const rev = (name: string, value: string, spec: object = {}) => pod(name, spec, { app: 'x', rev: value })
    const there = rev('r', '1', { nodeName: 'a' })
    const apart = (more: object) => far(term({ labelSelector: app('x'), ...more }))
    expect(fate(rev('p', '2', apart({ matchLabelKeys: ['rev'] })), [nodes[0]!], [there])).toBe('a')
    expect(reason(rev('p', '1', apart({ matchLabelKeys: ['rev'] })), nodes[0]!, [there])).toBe(
      "node(s) didn't match pod anti-affinity rules",
    )
    expect(reason(rev('p', '2', apart({ mismatchLabelKeys: ['rev'] })), nodes[0]!, [there])).toBe(
      "node(s) didn't match pod anti-affinity rules",
    )
  })
})

describe('spreading', () => {
  const spread = (more: object = {}, key = ZONE) => ({
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: key, whenUnsatisfiable: 'DoNotSchedule', labelSelector: app('x'), ...more }],
  })
  const x = (name: string, nodeName: string) => pod(name, { nodeName }, { app: 'x' })
  const nodes = [zone('a', 'z1'), zone('b', 'z2')]
  test('a selector of all pods counts none', () => {
    const closed = zone('b', 'z2', { spec: { unschedulable: true } })
    const p = (labelSelector: object) => pod('p', spread({ labelSelector }))
    expect(fate(p({}), [nodes[0]!, closed], [x('r', 'a'), x('s', 'a')])).toBe('a')
    expect(fate(p(app('x')), [nodes[0]!, closed], [x('r', 'a'), x('s', 'a')])).toContain("1 node(s) didn't match pod topology spread")
  })
  test('with too few domains every domain is compared with an empty one', () => {
    const p = pod('p', spread({ minDomains: 3 }), { app: 'x' })
    expect(fate(p, nodes, [x('r', 'a'), x('s', 'b')])).toContain("2 node(s) didn't match pod topology spread constraints.")
    expect(fate(p, [...nodes, zone('c', 'z3')], [x('r', 'a'), x('s', 'b')])).toBe('c')
  })
  test('pods that are going do not count', () => {
    const going = x('r', 'a')
    going.metadata.deletionTimestamp = '2030-01-01T00:00:00Z'
    expect(fate(pod('p', { ...spread(), nodeSelector: { [HOST]: 'a' } }, { app: 'x' }), nodes, [going])).toBe('a')
  })
  test('nodes that the pod does not select do not count, unless it says so', () => {
    const p = (more: object) => pod('p', { ...spread(more), nodeSelector: { [ZONE]: 'z1' } }, { app: 'x' })
    expect(fate(p({}), nodes, [x('r', 'a')])).toBe('a')
    expect(fate(p({ nodeAffinityPolicy: 'Ignore' }), nodes, [x('r', 'a')])).toContain("1 node(s) didn't match pod topology spread")
  })
})

describe('disks that a pod names itself', () => {
  const gce = (readOnly: boolean) => ({ volumes: [{ name: 'v', gcePersistentDisk: { pdName: 'd', readOnly } }] })
  const rbd = (monitors: string[]) => ({ volumes: [{ name: 'v', rbd: { monitors, image: 'i', pool: 'p' } }] })
  const on = (spec: object) => [pod('r', { ...spec, nodeName: 'a' })]
  test('cannot be written by two pods of a node', () => {
    expect(reason(pod('p', gce(false)), node('a'), on(gce(true)))).toBe('node(s) had no available disk')
    expect(fate(pod('p', gce(true)), [node('a')], on(gce(true)))).toBe('a')
    expect(reason(pod('p', rbd(['1', '2'])), node('a'), on(rbd(['2'])))).toBe('node(s) had no available disk')
    expect(fate(pod('p', rbd(['1'])), [node('a')], on(rbd(['2'])))).toBe('a')
  })
})

describe('claims', () => {
  const uses = (...claims: string[]) => ({
    volumes: claims.map(claimName => ({ name: claimName, persistentVolumeClaim: { claimName } })),
  })
  const claim = (name: string, spec: object = {}, metadata: object = {}) =>
    ({
      metadata: { name, namespace: 'a', uid: name, ...metadata },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: 'late', ...spec },
      status: {},
    }) as unknown as PersistentVolumeClaim
  const bound = (name: string, volumeName: string) =>
    claim(name, { volumeName }, { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } })
  const volume = (name: string, spec: object = {}, labels: object = {}) =>
    ({
      metadata: { name, labels },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'late', ...spec },
      status: { phase: 'Available' },
    }) as unknown as PersistentVolume
  const late = (more: object = {}) =>
    ({
      metadata: { name: 'late' },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'WaitForFirstConsumer',
      ...more,
    }) as StorageClass
  const world = (
    claims: PersistentVolumeClaim[],
    volumes: PersistentVolume[] = [],
    more: Partial<VolumeLookup> = {},
    storage = late(),
  ) => ({
    volumes: {
      claim: (_: string, name: string) => claims.find(({ metadata }) => metadata.name === name),
      volume: (name: string) => volumes.find(({ metadata }) => metadata.name === name),
      volumesOfClass: () => volumes,
      storageClass: () => storage,
      ...more,
    },
  })
  const p = pod('p', uses('c'))

  test('need a volume each', () => {
    const two = pod('p', uses('c', 'd'))
    const claims = [claim('c'), claim('d')]
    expect(reason(two, node('a'), [], world(claims, [volume('v')]))).toBe("node(s) didn't find available persistent volumes to bind")
    const [decision] = place([two], [node('a')], [], world(claims, [volume('v'), volume('w')]))
    expect(decision?.kind === 'claims' && decision.claims.map(({ volume }) => volume?.metadata.name)).toEqual(['v', 'w'])
  })
  test('the smaller claim does not take the larger volume', () => {
    const large = { resources: { requests: { storage: '5Gi' } } }
    const volumes = [volume('small'), volume('large', { capacity: { storage: '5Gi' } })]
    const [decision] = place([pod('p', uses('c', 'd'))], [node('a')], [], world([claim('c', large), claim('d')], volumes))
    expect(decision?.kind === 'claims' && decision.claims.map(c => [c.claim.metadata.name, c.volume?.metadata.name])).toEqual([
      ['d', 'small'],
      ['c', 'large'],
    ])
  })
  test('that name their volume are bound by the controller first', () => {
    expect(fate(p, [node('a')], [], world([claim('c', { volumeName: 'v' })], [volume('v')]))).toBe(
      '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found',
    )
  })
  test('whose volume is gone, or which are not the pod’s own', () => {
    expect(fate(p, [node('a')], [], world([bound('c', 'gone')]))).toBe(
      '0/1 nodes are available: persistentvolume "gone" not found. not found',
    )
    const ephemeral = pod('p', { volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: {} } }] })
    expect(fate(ephemeral, [node('a')])).toBe(
      '0/1 nodes are available: waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v". not found',
    )
    expect(fate(ephemeral, [node('a')], [], world([claim('p-v')]))).toBe(
      '0/1 nodes are available: PVC a/p-v was not created for pod a/p (pod is not owner). not found',
    )
  })
  test('are told the node only where there is room for them', () => {
    const driver = { metadata: { name: 'd' }, spec: { storageCapacity: true } } as CSIDriver
    const capacity = (more: object) => ({ storageClassName: 'late', nodeTopology: {}, ...more }) as CSIStorageCapacity
    const said = (...capacities: CSIStorageCapacity[]) =>
      reason(
        p,
        node('a'),
        [],
        world([claim('c')], [], { csiDriver: () => driver, capacities: () => capacities }, late({ provisioner: 'd' })),
      )
    expect(said()).toBe('node(s) did not have enough free storage')
    expect(said(capacity({ capacity: '1Mi' }))).toBe('node(s) did not have enough free storage')
    expect(said(capacity({ capacity: '9Gi', maximumVolumeSize: '1Mi' }))).toBe('node(s) did not have enough free storage')
    expect(said(capacity({ capacity: '9Gi', nodeTopology: { matchLabels: { [HOST]: 'b' } } }))).toBe(
      'node(s) did not have enough free storage',
    )
    expect(said(capacity({ capacity: '9Gi', nodeTopology: { matchLabels: { [HOST]: 'a' } } }))).toBe('claims')
  })
  test('an older zone label of a volume is the newer one of a node', () => {
    const zoned = (value: string) => world([bound('c', 'v')], [volume('v', {}, { 'failure-domain.beta.kubernetes.io/zone': value })])
    expect(fate(p, [zone('a', 'z1')], [], zoned('z0__z1'))).toBe('a')
    expect(reason(p, zone('a', 'z1'), [], zoned('z2'))).toBe('node(s) had no available volume zone')
  })
  test('a node has so many volumes of a driver', () => {
    const csi = (name: string) => volume(name, { csi: { driver: 'd', volumeHandle: name } })
    const limit = (count: number) => ({ spec: { drivers: [{ name: 'd', nodeID: 'a', allocatable: { count } }] } }) as CSINode
    const claims = ['c', 'd', 'e'].map(name => bound(name, `v-${name}`))
    const volumes = ['c', 'd', 'e'].map(name => csi(`v-${name}`))
    const running = [pod('r', { ...uses('d'), nodeName: 'a' })]
    const said = (count: number, claimName: string, attachments: string[] = []) =>
      reason(
        pod('p', uses(claimName)),
        node('a'),
        running,
        world(claims, volumes, {
          csiNode: () => limit(count),
          attachments: () =>
            attachments.map(persistentVolumeName => ({ spec: { attacher: 'd', source: { persistentVolumeName } } }) as VolumeAttachment),
        }),
      )
    expect(said(2, 'c')).toBe('a')
    expect(said(1, 'c')).toBe('node(s) exceed max volume count')
    // The same volume for two pods is one.
    expect(said(1, 'd')).toBe('a')
    // What no pod uses may still be attached.
    expect(said(2, 'c', ['v-e'])).toBe('node(s) exceed max volume count')
    expect(said(3, 'c', ['v-e'])).toBe('a')
    expect(said(2, 'c', ['v-d'])).toBe('a')
    expect(said(2, 'c', ['v-c'])).toBe('node(s) exceed max volume count')
  })
})
