// What one pod is told of a Service: kube-proxy's choices, made in the control plane.
import { describe, expect, it } from 'vitest'
import type { Pod, Service } from '../../shared/api/core/v1.ts'
import type { Endpoint, EndpointSlice } from '../../shared/api/discovery/v1.ts'
import { MOST_ENDPOINTS, serviceView } from '../../shared/pods/services/view.ts'

const service = (spec: object) =>
  ({
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '127.128.0.7', clusterIPs: ['127.128.0.7'], ports: [{ port: 80 }], ...spec },
  }) as Service
const slice = (endpoints: object[], more: Partial<EndpointSlice> = {}) =>
  ({
    addressType: 'IPv4',
    ports: [{ name: '', protocol: 'TCP', port: 8080 }],
    endpoints: endpoints as Endpoint[],
    ...more,
  }) as EndpointSlice
const pod = (more: object = {}) =>
  ({
    metadata: { name: 'client', namespace: 'default', uid: 'u1', labels: { app: 'client' } },
    spec: { containers: [{ name: 'a', ports: [{ name: 'http', containerPort: 3000 }] }] },
    ...more,
  }) as unknown as Pod
const here = { nodeName: 'node-1', zone: 'a' }
const addresses = (given: Service, slices: EndpointSlice[], place = here, client = pod()) =>
  serviceView(given, slices, client, place).groups.flatMap(({ endpoints }) => endpoints.map(({ address }) => address))
const endpoint = (address: string, more: object = {}) => ({ addresses: [address], conditions: { ready: true }, ...more })
const going = { conditions: { ready: false, serving: true, terminating: true } }

describe('endpoints', () => {
  it('are those that are ready', () => {
    expect(
      addresses(service({}), [slice([endpoint('10.0.0.1'), endpoint('10.0.0.2', going), endpoint('10.0.0.3', { conditions: {} })])]),
    ).toEqual(['10.0.0.1', '10.0.0.3'])
  })

  it('on their way out are better than none, but not in the names of a headless Service', () => {
    const slices = [slice([endpoint('10.0.0.2', going), endpoint('10.0.0.3', { conditions: { ready: false } })])]
    expect(addresses(service({}), slices)).toEqual(['10.0.0.2'])
    expect(addresses(service({ clusterIP: 'None', clusterIPs: ['None'] }), slices)).toEqual([])
  })

  it('are on this node alone where the Service says so', () => {
    const slices = [slice([endpoint('10.0.0.1', { nodeName: 'node-1' }), endpoint('10.0.0.2', { nodeName: 'node-2' })])]
    expect(addresses(service({ internalTrafficPolicy: 'Local' }), slices)).toEqual(['10.0.0.1'])
    expect(addresses(service({ internalTrafficPolicy: 'Local' }), slices, { nodeName: 'node-3', zone: 'a' })).toEqual([])
  })

  it('are the near ones when all have hints and one of them is for here', () => {
    const hinted = (address: string, zone: string) => endpoint(address, { hints: { forZones: [{ name: zone }] } })
    const both = [hinted('10.0.0.1', 'a'), hinted('10.0.0.2', 'b')]
    expect(addresses(service({}), [slice(both)])).toEqual(['10.0.0.1'])
    expect(addresses(service({}), [slice([...both, endpoint('10.0.0.3')])])).toHaveLength(3)
    expect(addresses(service({}), [slice(both)], { nodeName: 'node-1', zone: 'c' })).toHaveLength(2)
    const onNode = endpoint('10.0.0.4', { hints: { forNodes: [{ name: 'node-1' }], forZones: [{ name: 'b' }] } })
    expect(addresses(service({}), [slice([onNode])])).toEqual(['10.0.0.4'])
  })

  it('of hundreds are the same few for one pod, others for another, and one that goes takes no other along', () => {
    const all = Array.from({ length: 500 }, (_, n) => endpoint(`10.0.${n >> 8}.${n & 255}`))
    const mine = addresses(service({}), [slice(all)])
    expect(mine).toHaveLength(MOST_ENDPOINTS)
    const other = pod({ metadata: { name: 'other', namespace: 'default', uid: 'u2' } })
    expect(addresses(service({}), [slice(all)], here, other)).not.toEqual(mine)
    const less = addresses(service({}), [slice(all.filter(({ addresses: [address] }) => address !== mine[0]))])
    expect(less.filter(address => mine.includes(address))).toHaveLength(MOST_ENDPOINTS - 1)
    expect(addresses(service({ clusterIP: 'None' }), [slice(all)])).toHaveLength(500)
  })
})

describe('the view', () => {
  it('says what of the pod itself the Service selects, named ports too', () => {
    const own = (spec: object) => serviceView(service(spec), [], pod(), here).own
    expect(own({ selector: { app: 'client' }, ports: [{ port: 80, targetPort: 'http' }, { port: 81 }] })).toEqual([
      { protocol: 'TCP', port: 80, target: 3000 },
      { protocol: 'TCP', port: 81, target: 81 },
    ])
    expect(own({ selector: { app: 'other' } })).toBeUndefined()
    expect(own({})).toBeUndefined()
  })

  it('has a version that changes with what it says and with nothing else', () => {
    const version = (given: Service, slices: EndpointSlice[]) => serviceView(given, slices, pod(), here).version
    const one = version(service({}), [slice([endpoint('10.0.0.1'), endpoint('10.0.0.2')])])
    expect(version(service({}), [slice([endpoint('10.0.0.2')]), slice([endpoint('10.0.0.1')])])).toBe(one)
    expect(version(service({}), [slice([endpoint('10.0.0.1'), endpoint('10.0.0.2', { conditions: { ready: false } })])])).not.toBe(one)
    expect(version(service({ sessionAffinity: 'ClientIP' }), [slice([endpoint('10.0.0.1'), endpoint('10.0.0.2')])])).not.toBe(one)
  })

  it('of a name for something else is that name', () => {
    const view = serviceView(
      service({ type: 'ExternalName', externalName: 'example.com', clusterIP: '', clusterIPs: undefined }),
      [],
      pod(),
      here,
    )
    expect(view).toMatchObject({ externalName: 'example.com', clusterIPs: [] })
  })
})
