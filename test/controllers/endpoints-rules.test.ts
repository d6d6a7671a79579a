// Endpoints and slices: how addresses are put together, cut, kept where they are and meant for zones.
import { afterEach, describe, expect, test } from 'vitest'
import type { EndpointAddress, EndpointSubset, Endpoints, Event, Pod, Service } from '../../shared/api/core/v1.ts'
import type { Endpoint, EndpointSlice } from '../../shared/api/discovery/v1.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { ENDPOINT_SLICES, ENDPOINTS, EVENTS, NODES, PODS, SERVICES } from '../../shared/controllers/collections.ts'
import { planSlices } from '../../shared/controllers/endpoints/slices.ts'
import { repacked, truncated } from '../../shared/controllers/endpoints/subsets.ts'
import { allocate, zoneShares } from '../../shared/controllers/endpoints/topology.ts'
import { TestCluster } from './cluster.ts'
import { readyNode } from './objects.ts'

const addresses = (count: number, prefix = '10.0'): EndpointAddress[] =>
  Array.from({ length: count }, (_, i) => ({ ip: `${prefix}.${Math.floor(i / 250)}.${i % 250}` }))
const sizes = (subsets: readonly EndpointSubset[]) => subsets.map(s => [s.addresses?.length ?? 0, s.notReadyAddresses?.length ?? 0])

describe('Endpoints', () => {
  const ports = [{ port: 80 }]
  test('hold a thousand addresses: those that are not ready go first, each subset keeps its share, rounded up', () => {
    expect(truncated([{ addresses: addresses(1000), ports }]).cut).toBe(false)
    const ready = truncated([
      { addresses: addresses(333), notReadyAddresses: addresses(5), ports },
      { addresses: addresses(1000), ports },
    ])
    expect([ready.cut, sizes(ready.subsets)]).toEqual([
      true,
      [
        [250, 0],
        [750, 0],
      ],
    ])
    const uneven = truncated([
      { addresses: addresses(100), ports },
      { addresses: addresses(1000), ports },
    ])
    expect(sizes(uneven.subsets)).toEqual([
      [91, 0],
      [909, 0],
    ])
    const mixed = truncated([
      { addresses: addresses(900), notReadyAddresses: addresses(30), ports },
      { notReadyAddresses: addresses(270), ports },
    ])
    expect(sizes(mixed.subsets)).toEqual([
      [900, 10],
      [0, 90],
    ])
  })
  test('that say the same in other words are the same: ports with the same addresses belong together', () => {
    const [a, b] = [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }]
    expect(
      repacked([
        { addresses: [a], ports: [{ port: 80 }] },
        { addresses: [a], ports: [{ port: 81 }] },
        { addresses: [b], ports: [{ port: 80 }] },
        { addresses: [b], ports: [{ port: 81 }] },
      ]),
    ).toEqual([{ addresses: [a, b], ports: [{ port: 80 }, { port: 81 }] }])
    // Not ready goes before ready.
    expect(repacked([{ addresses: [a], notReadyAddresses: [a], ports: [{ port: 80 }] }])).toEqual([
      { notReadyAddresses: [a], ports: [{ port: 80 }] },
    ])
  })
})

describe('slices', () => {
  const endpoint = (n: number): Endpoint => ({ addresses: [`10.0.0.${n}`], conditions: { ready: true } })
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => endpoint(from + i))
  const slice = (name: string, endpoints: Endpoint[]): EndpointSlice => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: {} },
    addressType: 'IPv4',
    ports: [],
    endpoints,
  })
  const plan = (existing: EndpointSlice[], endpoints: Endpoint[]) => {
    const { create, update, remove } = planSlices(existing, [{ addressType: 'IPv4', ports: [], endpoints }], { labels: {} }, 10)
    return {
      create: create.map(({ endpoints }) => endpoints.length),
      update: Object.fromEntries(update.map(({ metadata, endpoints }) => [metadata.name, endpoints?.length])),
      remove: remove.map(({ metadata }) => metadata.name),
    }
  }
  test('that stay as they are take new endpoints only if they have room for all of them', () => {
    const existing = [slice('full', range(0, 10)), slice('some', range(10, 15))]
    expect(plan(existing, range(0, 20))).toEqual({ create: [], update: { some: 10 }, remove: [] })
    expect(plan(existing, range(0, 22))).toEqual({ create: [7], update: {}, remove: [] })
  })
  test('of several with room the fullest is taken', () => {
    expect(plan([slice('little', range(0, 2)), slice('more', range(2, 8))], range(0, 10)).update).toEqual({ more: 8 })
  })
  test('that are written anyway are filled first, the fullest before the others', () => {
    const existing = [slice('little', range(0, 3)), slice('more', range(3, 11))]
    // Each loses its first endpoint.
    const wanted = [...range(1, 3), ...range(4, 11), ...range(20, 25)]
    expect(plan(existing, wanted)).toEqual({ create: [], update: { little: 4, more: 10 }, remove: [] })
  })
})

describe('zones by their CPUs', () => {
  const node = (name: string, zone: string | undefined, cpu = '4', ready = 'True', labels: object = {}) =>
    ({
      metadata: { name, labels: { ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }), ...labels } },
      status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: ready }] },
    }) as never
  const endpoints = (...zones: (string | undefined)[]): Endpoint[] =>
    zones.map((zone, i) => ({ addresses: [`10.0.0.${i}`], ...(zone === undefined ? {} : { zone }) }))
  const TOO_LITTLE = 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'

  test('need two zones of which enough is known', () => {
    expect(zoneShares([node('a', 'x'), node('b', 'y', '12')])).toEqual(
      new Map([
        ['x', 0.25],
        ['y', 0.75],
      ]),
    )
    expect(zoneShares([node('a', 'x'), node('b', undefined)])).toBe(TOO_LITTLE)
    expect(zoneShares([node('a', 'x')])).toBe(TOO_LITTLE)
    // Nodes that are not ready, or not for such pods, do not count.
    expect(zoneShares([node('a', 'x'), node('b', 'y'), node('c', undefined, '4', 'False')])).toBeInstanceOf(Map)
    expect(
      zoneShares([node('a', 'x'), node('b', 'y'), node('c', undefined, '4', 'True', { 'node-role.kubernetes.io/control-plane': '' })]),
    ).toBeInstanceOf(Map)
  })
  test('get endpoints of others as far as they are short of them', () => {
    const even = new Map([
      ['x', 0.5],
      ['y', 0.5],
    ])
    expect(allocate(endpoints('x', 'y'), even)).toEqual(['x', 'y'])
    expect(allocate(endpoints('x', 'x', 'x', 'x'), even)).toEqual(['y', 'y', 'x', 'x'])
    // Half an endpoint is not moved for a half.
    expect(allocate(endpoints('x', 'x', 'y'), even)).toEqual(
      'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 2 zones)',
    )
    expect(allocate(endpoints('x', 'x', 'x', 'y', 'y'), even)).toBe(
      'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (5 endpoints, 2 zones)',
    )
    expect(allocate(endpoints('x', 'x', 'x', 'x', 'x', 'x', 'y', 'y', 'y', 'y', 'y'), even)).toEqual([
      'x',
      'x',
      'x',
      'x',
      'x',
      'x',
      'y',
      'y',
      'y',
      'y',
      'y',
    ])
    expect(allocate(endpoints('x'), even)).toBe('Insufficient number of endpoints (1 endpoints, 2 zones)')
    expect(allocate(endpoints('x', undefined), even)).toBe('One or more endpoints do not have a zone specified')
  })
})

let cluster: TestCluster
afterEach(() => cluster?.stop())

test('a pod without a node is in the slices only if whatever has an address is published', async () => {
  cluster = await TestCluster.start()
  await cluster.calm()
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { app: 'x' } },
    spec: { schedulerName: 'nobody', containers: [{ name: 'c', image: 'c:1' }] },
  }
  await cluster.create(PODS, pod)
  await cluster.patch(PODS, 'p', { status: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] } }, 'status')
  const service = (publishNotReadyAddresses: boolean) => ({ selector: { app: 'x' }, ports: [{ port: 80 }], publishNotReadyAddresses })
  await cluster.create(SERVICES, { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: service(false) })
  const seen = async () => {
    await cluster.calm()
    return (await cluster.list<EndpointSlice>(ENDPOINT_SLICES)).flatMap(({ endpoints }) => endpoints ?? [])
  }
  expect(await seen()).toEqual([])
  const told = (await cluster.list<Event>(EVENTS)).map(({ message }) => message)
  expect(told).toContain('Error updating Endpoint Slices for Service default/s: skipping Pod p for Service default/s: Node  Not Found')
  await cluster.patch(SERVICES, 's', { spec: service(true) })
  expect(await seen()).toMatchObject([{ addresses: ['10.0.0.1'], conditions: { ready: true, serving: false } }])
})

test('the time of what caused a change is noted, and none where nothing that has a time did', async () => {
  cluster = await TestCluster.start()
  await cluster.calm()
  const create = (name: string) =>
    cluster.create<Pod>(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'x' } },
      spec: { schedulerName: 'nobody', nodeName: 'n', containers: [{ name: 'c', image: 'c:1' }] },
    })
  const report = (pod: Pod, ready: boolean, n: number) =>
    cluster.report(pod, 'Running', ready, { podIP: `10.0.0.${n}`, podIPs: [{ ip: `10.0.0.${n}` }] })
  await cluster.client.create(NODES, { ...readyNode('n', cluster.clock.now()) } as never)
  const [a, b] = [await create('a'), await create('b')]
  const spec = { selector: { app: 'x' }, ports: [{ port: 80 }] }
  await cluster.create(SERVICES, { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec })
  const seen = async () => {
    await cluster.calm()
    const objects: KubeObject[] = [...(await cluster.list<Endpoints>(ENDPOINTS)), ...(await cluster.list<EndpointSlice>(ENDPOINT_SLICES))]
    return objects.map(({ metadata }) => metadata.annotations?.['endpoints.kubernetes.io/last-change-trigger-time'])
  }
  await cluster.pass(10)
  await report(a, true, 1)
  expect(await seen()).toEqual(['2030-01-01T00:00:10Z', '2030-01-01T00:00:10Z'])
  await cluster.pass(10)
  await report(b, false, 2)
  expect(await seen()).toEqual(['2030-01-01T00:00:20Z', '2030-01-01T00:00:20Z'])
  await cluster.patch(SERVICES, 's', { metadata: { labels: { more: 'x' } } })
  expect(await seen()).toEqual([undefined, undefined])
  await cluster.pass(10)
  await report(b, true, 2)
  expect(await seen()).toEqual(['2030-01-01T00:00:30Z', '2030-01-01T00:00:30Z'])
  await cluster.patch(PODS, 'b', { status: { conditions: [{ type: 'Ready', status: 'False' }] } }, 'status')
  expect(await seen()).toEqual([undefined, undefined])
  expect((await cluster.list<Endpoints>(ENDPOINTS))[0]?.subsets?.[0]?.notReadyAddresses?.length).toBe(1)
  await cluster.client.delete(PODS, cluster.namespace, 'a', { gracePeriodSeconds: 0 })
  expect(await seen()).toEqual([undefined, undefined])
})

describe('Endpoints by hand', () => {
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } }
  const byHand = (subsets: EndpointSubset[], annotations: Record<string, string> = {}) => ({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 's', annotations },
    subsets,
  })
  const told = async () => (await cluster.list<Event>(EVENTS)).map(({ reason, message }) => [reason, message])

  test('are mirrored port by port, up to a thousand a subset, and it is told what is left out', async () => {
    cluster = await TestCluster.start()
    await cluster.create<Service>(SERVICES, service)
    await cluster.create<Endpoints>(
      ENDPOINTS,
      byHand(
        [
          { addresses: addresses(1), ports: [{ name: 'a', port: 80 }] },
          { addresses: addresses(1), ports: [{ name: 'b', port: 81 }] },
          { addresses: addresses(1002, '10.1'), ports: [{ name: 'c', port: 82 }] },
        ],
        { note: 'n', 'endpoints.kubernetes.io/last-change-trigger-time': '2030-01-01T00:00:00Z' },
      ),
    )
    await cluster.calm()
    const slices = await cluster.list<EndpointSlice>(ENDPOINT_SLICES)
    expect(slices.map(({ ports, endpoints }) => [ports?.map(({ name }) => name), endpoints?.length]).sort()).toEqual([
      [['a', 'b'], 1],
      [['c'], 1000],
    ])
    expect(slices[0]?.metadata.annotations).toEqual({ note: 'n' })
    expect(await told()).toContainEqual([
      'TooManyAddressesToMirror',
      'A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 2 addresses were skipped',
    ])
  })

  test('of a Service whose selector is empty are mirrored as those of one without', async () => {
    cluster = await TestCluster.start()
    await cluster.create(SERVICES, { ...service, spec: { ...service.spec, selector: {} } })
    await cluster.create(ENDPOINTS, byHand([{ addresses: addresses(1), ports: [{ port: 80 }] }]))
    await cluster.calm()
    expect((await cluster.list<EndpointSlice>(ENDPOINT_SLICES)).map(({ endpoints }) => endpoints?.length)).toEqual([1])
  })
})
