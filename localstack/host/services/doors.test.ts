import { describe, expect, it } from 'vitest'
import type { Service } from '../../../shared/api/core/v1.ts'
import type { EndpointSlice } from '../../../shared/api/discovery/v1.ts'
import { doorsOf, statusPatch, targetsOf } from './doors.ts'

const service = (spec: object, status: object = {}) =>
  ({ metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: '127.128.0.7', ...spec }, status }) as unknown as Service
const doors = (spec: object) =>
  doorsOf(new Map([['shop/web', service(spec)]]), ['127.0.0.1', '172.18.0.1']).map(
    ({ protocol, address, port }) => `${protocol} ${address}:${port}`,
  )
const ports = [{ name: 'http', port: 80, nodePort: 30_080 }]

describe('doors', () => {
  it('are node ports on each address of the machine, and a load balancer where the Service is', () => {
    expect(doors({ type: 'ClusterIP', ports })).toEqual([])
    expect(doors({ type: 'NodePort', ports })).toEqual(['TCP 127.0.0.1:30080', 'TCP 172.18.0.1:30080'])
    expect(doors({ type: 'LoadBalancer', ports: [{ ...ports[0], protocol: 'UDP' }] })).toEqual([
      'UDP 127.0.0.1:30080',
      'UDP 172.18.0.1:30080',
      'UDP 127.128.0.7:80',
    ])
    expect(doors({ type: 'LoadBalancer', clusterIP: '10.96.0.7', ports: [{ port: 80 }] })).toEqual([])
  })

  it('lead to the ready endpoints of that port', () => {
    const slice = (name: string, endpoints: object[]) =>
      ({
        metadata: { namespace: 'shop', labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        ports: [
          { name: 'http', protocol: 'TCP', port: 8080 },
          { name: 'other', port: 9090 },
        ],
        endpoints,
      }) as unknown as EndpointSlice
    const slices = [
      slice('web', [{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'], conditions: { ready: false } }]),
      slice('db', [{ addresses: ['10.0.0.9'] }]),
    ]
    const [door] = doorsOf(new Map([['shop/web', service({ type: 'NodePort', ports })]]), ['127.0.0.1'])
    expect(targetsOf(slices, door!)).toEqual([{ host: '10.0.0.1', port: 8080 }])
  })

  it('are told in the status of a load balancer, once, and taken back', () => {
    const told = { loadBalancer: { ingress: [{ ip: '127.128.0.7' }] } }
    expect(statusPatch(service({}), '127.128.0.7')).toEqual({
      status: { loadBalancer: { ingress: [{ ip: '127.128.0.7', ipMode: 'VIP' }] } },
    })
    expect(statusPatch(service({}, told), '127.128.0.7')).toBeUndefined()
    expect(statusPatch(service({}, told), undefined)).toEqual({ status: { loadBalancer: { ingress: null } } })
    expect(statusPatch(service({}), undefined)).toBeUndefined()
  })
})
