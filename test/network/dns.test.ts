// The pod's name service, asked by the resolver that is in Node (c-ares), over real sockets; and by packets that no resolver would send.
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Names } from '../../agent/network/dns-answers.ts'
import {
  decodeAnswers,
  decodeQuery,
  encodeAnswer,
  encodeQuery,
  QueryError,
  RCODE,
  type ResourceRecord,
  TYPE,
} from '../../agent/network/dns-message.ts'
import { DnsServer } from '../../agent/network/dns-server.ts'
import { Upstream } from '../../agent/network/upstream.ts'
import type { ServiceView } from '../../shared/pods/services/protocol.ts'
import { freePort } from '../tools/cluster.ts'

const view = (service: Partial<ServiceView>): ServiceView => ({ version: '1', clusterIPs: [], ports: [], groups: [], ...service })
const http = { name: 'http', protocol: 'TCP', port: 80 } as const

const services: Record<string, ServiceView> = {
  'default/web': view({
    clusterIPs: ['127.128.0.7'],
    ports: [http],
    groups: [{ ports: [{ ...http, port: 8080 }], endpoints: [{ address: '10.0.0.1' }, { address: '10.0.0.2' }] }],
  }),
  'data/mongo': view({
    ports: [{ name: 'peer', protocol: 'TCP', port: 27017 }],
    groups: [
      {
        ports: [{ name: 'peer', protocol: 'TCP', port: 27017 }],
        endpoints: [{ address: '10.0.1.1', hostname: 'mongo-0' }, { address: '10.0.1.2', hostname: 'mongo-1' }, { address: 'fd00::3' }],
      },
    ],
  }),
  'default/empty': view({ ports: [http] }),
  'default/many': view({ groups: [{ ports: [], endpoints: Array.from({ length: 120 }, (_, n) => ({ address: `10.1.0.${n}` })) }] }),
  'default/outside': view({ externalName: 'db.example.com' }),
  'default/alias': view({ externalName: 'web.default.svc.cluster.local' }),
  'default/circle': view({ externalName: 'circle.default.svc.cluster.local' }),
  'default/busy': view({
    clusterIPs: ['127.128.0.9'],
    ports: [http],
    groups: [{ ports: [{ ...http, port: 8080 }], endpoints: [{ address: '10.0.0.9' }] }],
  }),
}

const names: Names = {
  namespace: 'default',
  service: async (namespace, name) => {
    if (name === 'unknown') throw new Error('nobody says')
    return services[`${namespace}/${name}`]
  },
  reachable: async (_, name) => name !== 'busy',
  namesOf: address => (address === '127.128.0.7' ? ['web.default.svc.cluster.local'] : []),
  isClusterAddress: address => address.startsWith('127.'),
  resolve: question => upstream.resolve(question),
}

let upstream: Upstream
let server: DnsServer
let client: Resolver
let port: number

beforeEach(async () => {
  const outer = createSocket('udp4')
  const outerPort = await new Promise<number>(resolve => outer.bind(0, '127.0.0.1', () => resolve(outer.address().port)))
  outer.on('message', (message, from) => {
    const query = decodeQuery(message)!
    const { name, type } = query.question
    const answers: ResourceRecord[] =
      name === 'db.example.com' && type === TYPE.A
        ? [
            { name, ttl: 60, type: 'CNAME', target: 'db-1.example.com' },
            { name: 'db-1.example.com', ttl: 60, type: 'A', address: '192.0.2.7' },
          ]
        : type === TYPE.PTR
          ? [{ name, ttl: 60, type: 'PTR', target: 'somewhere.example.com' }]
          : []
    outer.send(encodeAnswer(query, { rcode: answers.length > 0 ? RCODE.ok : RCODE.noSuchName, answers }, true), from.port, from.address)
  })
  upstream = new Upstream(['127.0.0.1'], outerPort)
  port = await freePort()
  server = await DnsServer.listen({ address: '127.0.0.1', port, names, upstream, log: () => {} })
  client = new Resolver({ timeout: 5_000, tries: 1 })
  client.setServers([`127.0.0.1:${port}`])
  closing.push(() => outer.close())
})

const closing: (() => void)[] = []
afterEach(() => {
  server.close()
  upstream.close()
  for (const close of closing.splice(0)) close()
})

const fails = (code: string) => expect.objectContaining({ code })

describe('cluster.local', () => {
  it('gives a Service its address, whatever the case', async () => {
    expect(await client.resolve4('web.default.svc.cluster.local', { ttl: true })).toEqual([{ address: '127.128.0.7', ttl: 5 }])
    expect(await client.resolve4('WEB.Default.svc.cluster.local')).toEqual(['127.128.0.7'])
  })

  it('leads to the endpoints where the address cannot be reached from this pod', async () => {
    expect(await client.resolve4('busy.default.svc.cluster.local')).toEqual(['10.0.0.9'])
    const [srv] = await client.resolveSrv('_http._tcp.busy.default.svc.cluster.local')
    expect(srv).toMatchObject({ name: '10-0-0-9.busy.default.svc.cluster.local', port: 8080 })
  })

  it('gives a headless Service its endpoints, each of its own family, and each a name', async () => {
    expect((await client.resolve4('mongo.data.svc.cluster.local')).sort()).toEqual(['10.0.1.1', '10.0.1.2'])
    expect(await client.resolve6('mongo.data.svc.cluster.local')).toEqual(['fd00::3'])
    expect(await client.resolve4('mongo-1.mongo.data.svc.cluster.local')).toEqual(['10.0.1.2'])
    expect(await client.resolve6('fd00--3.mongo.data.svc.cluster.local')).toEqual(['fd00::3'])
    await expect(client.resolve4('mongo-2.mongo.data.svc.cluster.local')).rejects.toEqual(fails('ENOTFOUND'))
  })

  it('tells ports by SRV: of the Service, of its endpoints, of all when none is named', async () => {
    expect(await client.resolveSrv('_http._tcp.web.default.svc.cluster.local')).toMatchObject([
      { name: 'web.default.svc.cluster.local', port: 80 },
    ])
    const members = await client.resolveSrv('_peer._tcp.mongo.data.svc.cluster.local')
    expect(members.map(({ name, port }) => `${name}:${port}`).sort()).toEqual([
      'fd00--3.mongo.data.svc.cluster.local:27017',
      'mongo-0.mongo.data.svc.cluster.local:27017',
      'mongo-1.mongo.data.svc.cluster.local:27017',
    ])
    expect(await client.resolveSrv('web.default.svc.cluster.local')).toHaveLength(1)
    await expect(client.resolveSrv('_http._udp.web.default.svc.cluster.local')).rejects.toEqual(fails('ENOTFOUND'))
    await expect(client.resolveSrv('_no._tcp.mongo.data.svc.cluster.local')).rejects.toEqual(fails('ENOTFOUND'))
  })

  it.each(['empty.default', 'none.default', 'a.b.c.web.default', '_a._b._c.web.default', 'a.b.web.default'])(
    'has no name %s.svc',
    async name => {
      await expect(client.resolve4(`${name}.svc.cluster.local`)).rejects.toEqual(fails('ENOTFOUND'))
    },
  )

  it.each(['other.svc', 'nothing', 'x.nothing', 'x.default.pod', '300-1-1-1.default.pod'])('has no name %s', async name => {
    await expect(client.resolve4(`${name}.cluster.local`)).rejects.toEqual(fails('ENOTFOUND'))
  })

  it.each(['default.svc', 'svc', 'pod', '_tcp.web.default.svc'])('has a name %s with nothing to it', async name => {
    await expect(client.resolve4(`${name}.cluster.local`)).rejects.toEqual(fails('ENODATA'))
  })

  it('has names without an address of the family that is asked for', async () => {
    await expect(client.resolve6('web.default.svc.cluster.local')).rejects.toEqual(fails('ENODATA'))
    await expect(client.resolveTxt('web.default.svc.cluster.local')).rejects.toEqual(fails('ENODATA'))
  })

  it('reads pod names, which are addresses', async () => {
    expect(await client.resolve4('10-0-0-7.any.pod.cluster.local')).toEqual(['10.0.0.7'])
    expect(await client.resolve6('fd00--7.any.pod.cluster.local')).toEqual(['fd00::7'])
  })

  it('says which specification it follows, and who is in charge', async () => {
    expect(await client.resolveTxt('dns-version.cluster.local')).toEqual([['1.1.0']])
    expect(await client.resolveSoa('cluster.local')).toMatchObject({ nsname: 'ns.dns.cluster.local', minttl: 5 })
  })

  it('follows an ExternalName, inside and outside of the cluster, but not in circles', async () => {
    expect(await client.resolveCname('outside.default.svc.cluster.local')).toEqual(['db.example.com'])
    expect(await client.resolve4('outside.default.svc.cluster.local')).toEqual(['192.0.2.7'])
    expect(await client.resolve4('alias.default.svc.cluster.local')).toEqual(['127.128.0.7'])
    expect(await client.resolve4('circle.default.svc.cluster.local')).toEqual([])
  })

  it('knows addresses of Services by name, and none that only a Service could have', async () => {
    expect(await client.reverse('127.128.0.7')).toEqual(['web.default.svc.cluster.local'])
    await expect(client.reverse('127.128.0.8')).rejects.toEqual(fails('ENOTFOUND'))
  })

  it('cuts what is too much for a datagram, and tells all of it over TCP', async () => {
    const answer = await ask(encodeQuery(7, { name: 'many.default.svc.cluster.local', type: TYPE.A }))
    expect(answer.length).toBeLessThanOrEqual(512)
    expect(answer.readUInt16BE(2) & 0x0200).not.toBe(0)
    expect(await client.resolve4('many.default.svc.cluster.local')).toHaveLength(120)
  })

  it('says that it failed when it cannot know', async () => {
    await expect(client.resolve4('unknown.default.svc.cluster.local')).rejects.toEqual(fails('ESERVFAIL'))
  })
})

describe('all other names', () => {
  it("are asked of the network's resolver", async () => {
    expect(await client.resolve4('db.example.com')).toEqual(['192.0.2.7'])
    await expect(client.resolve4('not.example.com')).rejects.toEqual(fails('ENOTFOUND'))
    expect(await client.reverse('192.0.2.7')).toEqual(['somewhere.example.com'])
  })
})

function ask(packet: Buffer): Promise<Buffer> {
  return new Promise(resolve => {
    const socket = createSocket('udp4')
    socket.on('message', message => {
      socket.close()
      resolve(message)
    })
    socket.send(packet, port, '127.0.0.1')
  })
}

describe('packets', () => {
  it('that are no queries are refused or left, and the next one is answered', async () => {
    const update = encodeQuery(9, { name: 'web.default.svc.cluster.local', type: TYPE.A })
    update.writeUInt16BE(0x2800, 2)
    expect((await ask(update)).readUInt16BE(2) & 0xf).toBe(RCODE.notImplemented)
    const cut = encodeQuery(9, { name: 'web.default.svc.cluster.local', type: TYPE.A }).subarray(0, 20)
    expect((await ask(cut)).readUInt16BE(2) & 0xf).toBe(RCODE.formatError)
    const circle = Buffer.concat([encodeQuery(9, { name: '', type: TYPE.A }).subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])])
    expect((await ask(circle)).readUInt16BE(2) & 0xf).toBe(RCODE.formatError)
    expect(await client.resolve4('web.default.svc.cluster.local')).toEqual(['127.128.0.7'])
  })

  it('of any bytes end in an answer, a refusal or silence', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), bytes => {
        try {
          decodeQuery(Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(QueryError)
        }
      }),
    )
  })

  it('are read as they were written, names shortened and all', () => {
    const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/)
    const name = fc.array(label, { minLength: 1, maxLength: 5 }).map(labels => labels.join('.'))
    const ttl = fc.nat(0xffff)
    const record: fc.Arbitrary<ResourceRecord> = fc.oneof(
      fc.record({ name, ttl, type: fc.constant('A' as const), address: fc.ipV4() }),
      fc.record({ name, ttl, type: fc.constant('CNAME' as const), target: name }),
    )
    fc.assert(
      fc.property(name, fc.array(record, { maxLength: 20 }), (asked, answers) => {
        const query = decodeQuery(encodeQuery(4711, { name: asked, type: TYPE.A }))!
        expect(query).toMatchObject({ id: 4711, recursionDesired: true, question: { name: asked, type: TYPE.A } })
        expect(decodeAnswers(encodeAnswer(query, { rcode: RCODE.ok, answers }, false))).toEqual({ id: 4711, rcode: 0, answers })
      }),
    )
  })
})
