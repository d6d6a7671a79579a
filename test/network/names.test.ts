// /etc/resolv.conf and /etc/hosts, and the plan they are made of.
import { describe, expect, it } from 'vitest'
import { hostsFile, parseResolvConf, resolvConf, resolverOf } from '../../agent/network/name-files.ts'
import type { Pod, Service } from '../../shared/api/core/v1.ts'
import { apiAddress, asPodsSeeIt, hostnameOf, networkPlan } from '../../shared/pods/network-plan.ts'

const network = parseResolvConf('# made by hand\nnameserver 10.0.0.2\nsearch ec2.internal .\noptions timeout:1 ndots:1\n')
const kubernetes = { spec: { clusterIP: '127.128.0.1', ports: [{ name: 'https', port: 443 }] } } as Service
const pod = (spec: object = {}, name = 'web-0') =>
  ({ metadata: { name, namespace: 'shop' }, spec: { containers: [], ...spec } }) as unknown as Pod
const plan = (spec: object = {}) => networkPlan(pod(spec), kubernetes)
const text = (spec: object, dns: string | undefined = '127.128.0.10') => resolvConf(resolverOf(plan(spec), 'shop', network, dns))

describe('resolv.conf', () => {
  it('names the agent, and searches the namespace first', () => {
    expect(text({})).toBe(
      'search shop.svc.cluster.local svc.cluster.local cluster.local ec2.internal\nnameserver 127.128.0.10\noptions ndots:5\n',
    )
  })

  it("is the network's own where the pod wants it, or serves DNS itself", () => {
    const own = 'search ec2.internal\nnameserver 10.0.0.2\noptions timeout:1 ndots:1\n'
    expect(text({ dnsPolicy: 'Default' })).toBe(own)
    expect(resolvConf(resolverOf(plan(), 'shop', network, undefined))).toBe(own)
  })

  it('takes what dnsConfig says: alone, or added; options by their name', () => {
    const dnsConfig = {
      nameservers: ['1.1.1.1'],
      searches: ['corp', 'cluster.local'],
      options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
    }
    expect(text({ dnsPolicy: 'None', dnsConfig })).toBe('search corp cluster.local\nnameserver 1.1.1.1\noptions ndots:2 edns0\n')
    expect(text({ dnsConfig })).toBe(
      'search shop.svc.cluster.local svc.cluster.local cluster.local ec2.internal corp\nnameserver 127.128.0.10\nnameserver 1.1.1.1\noptions ndots:2 edns0\n',
    )
  })
})

describe('the host name', () => {
  it("is the pod's, cut to what Linux takes", () => {
    expect(hostnameOf(pod())).toBe('web-0')
    expect(hostnameOf(pod({}, `${'a'.repeat(62)}.b`))).toBe('a'.repeat(62))
    expect(hostnameOf(pod({ hostname: 'other' }))).toBe('other')
  })

  it('with a subdomain is a name in the cluster', () => {
    const spec = { hostname: 'db', subdomain: 'mongo', hostAliases: [{ ip: '1.2.3.4', hostnames: ['foo', 'bar'] }] }
    const hosts = hostsFile(plan(spec), ['10.0.0.7'])
    expect(hosts).toContain('10.0.0.7\tdb.mongo.shop.svc.cluster.local\tdb\n')
    expect(hosts).toMatch(/\n# Entries added by HostAliases.\n1.2.3.4\tfoo\tbar\n$/)
    expect(hostsFile(plan(), ['10.0.0.7', 'fd00::7'])).toContain('10.0.0.7\tweb-0\nfd00::7\tweb-0\n')
    expect(hostnameOf(pod({ ...spec, setHostnameAsFQDN: true }))).toBe('db.mongo.shop.svc.cluster.local')
    expect(hostsFile(plan({ ...spec, setHostnameAsFQDN: true }), ['10.0.0.7'])).toContain('db.mongo.shop.svc.cluster.local\tdb\n')
  })
})

describe('the cluster itself', () => {
  it('stands at addresses of the loopback, whatever the range of Services', () => {
    expect(plan()).toMatchObject({ dnsAddress: '127.128.0.10', api: { address: '127.128.0.1', port: 6443 } })
    const elsewhere = { spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] } } as Service
    expect(networkPlan(pod(), elsewhere)).toMatchObject({ dnsAddress: '127.128.0.10', api: { address: '127.128.0.1' } })
    expect(asPodsSeeIt(elsewhere).spec).toMatchObject({ clusterIP: '127.128.0.1', ports: [{ name: 'https', port: 6443 }] })
    expect(apiAddress('127.77.0.0/16')).toBe('127.77.0.1')
    expect(apiAddress('10.96.0.0/12')).toBe('127.128.0.1')
  })
})
