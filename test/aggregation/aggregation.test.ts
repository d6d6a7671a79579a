// APIServices that name a Service, with a real HTTPS server behind it that looks at who asks, as upstream's extension servers do.

import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createApi } from '../../functions/api/app.ts'
import { type ServerCertificate, serverCertificate } from '../../localstack/host/certificates.ts'
import { remoteProbe } from '../../shared/aggregation/probe.ts'
import { Remotes } from '../../shared/aggregation/remote.ts'
import { type ServiceProblem, targetsOf } from '../../shared/aggregation/service-target.ts'
import type { APIService } from '../../shared/api/apiregistration/v1.ts'
import type { ConfigMap, Namespace, Service } from '../../shared/api/core/v1.ts'
import type { EndpointSlice } from '../../shared/api/discovery/v1.ts'
import type { Client } from '../../shared/apimachinery/client.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import { MASTERS, SYSTEM } from '../../shared/auth/types.ts'
import { ManualClock } from '../../shared/clock.ts'
import { apiServiceController } from '../../shared/controllers/apiservice.ts'
import { namespaceController } from '../../shared/controllers/namespace.ts'
import { apiSource } from '../../shared/metrics/apis.ts'
import { silent } from '../../shared/pipeline/log.ts'
import { type Manager, startManager } from '../../shared/pipeline/manager.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

const GROUP = 'wardle.example.com'
const folder = mkdtempSync(join(tmpdir(), 'zeroplane-aggregation-'))
let certificate: ServerCertificate
beforeAll(async () => {
  certificate = await serverCertificate(folder, ['sample.shop.svc'], Date.now())
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string[] | undefined>
  readonly clientCertificate: Buffer | undefined
  readonly body: string
}

let seen: Seen[]
let answers: Record<string, object>
let server: Server
let port: number

beforeEach(async () => {
  seen = []
  answers = {
    [`/apis/${GROUP}/v1`]: {
      kind: 'APIResourceList',
      groupVersion: `${GROUP}/v1`,
      resources: [
        { name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs: ['get', 'list'], shortNames: ['fl'] },
        { name: 'flunders/status', singularName: '', namespaced: true, kind: 'Flunder', verbs: ['get'] },
      ],
    },
    [`/apis/${GROUP}/v1/namespaces/shop/flunders`]: { kind: 'FlunderList', apiVersion: `${GROUP}/v1`, items: [] },
  }
  server = createServer(
    { cert: certificate.cert, key: certificate.key, requestCert: true, rejectUnauthorized: false },
    async (request, reply) => {
      let body = ''
      for await (const chunk of request) body += chunk
      const { method = '', url = '', headersDistinct, socket } = request
      const peer = (socket as TLSSocket).getPeerCertificate()
      seen.push({ method, url, headers: headersDistinct, clientCertificate: peer.raw, body })
      const answer = answers[url.split('?')[0]!]
      reply.writeHead(answer ? 200 : 404, { 'content-type': 'application/json', 'x-own': 'yes' })
      reply.end(JSON.stringify(answer ?? { kind: 'Status', status: 'Failure', message: 'nothing here', code: 404 }))
    },
  )
  await new Promise<void>(resolve => server.listen(0, 'localhost', resolve))
  port = (server.address() as AddressInfo).port
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

async function start() {
  const clock = new ManualClock(Date.now())
  const store = new MemoryStore({ now: clock.now })
  const { handle, machinery } = await createApi({
    store,
    now: clock.now,
    tokens: [
      { token: 'admin', user: { name: 'admin', groups: [MASTERS] } },
      { token: 'plain', user: { name: 'plain', groups: [] } },
    ],
  })
  const remotes = new Remotes({ read: createReader(store), store })
  const client = clientFor(machinery, SYSTEM)
  const manager = await startManager({
    store,
    client,
    registry: machinery.registry,
    controllers: [apiServiceController(() => remoteProbe(remotes, store)), namespaceController(() => remoteProbe(remotes, store))],
    clock,
    log: silent,
  })
  managers.push(manager)
  await client.create({ group: '', resource: 'namespaces' }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
  const send = async (path: string, { token = 'admin', ...init }: RequestInit & { token?: string } = {}) => {
    const headers = { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) }
    const response = await handle(new Request(`http://api${path}`, { ...init, headers }))
    return { code: response.status, headers: response.headers, text: await response.text() }
  }
  // biome-ignore lint/suspicious/noExplicitAny: answers of any kind
  const json = async (path: string, init?: Parameters<typeof send>[1]) => JSON.parse((await send(path, init)).text) as any
  return { clock, store, client, manager, remotes, send, json }
}

const managers: Manager[] = []
afterEach(() => {
  for (const manager of managers.splice(0)) manager.stop()
})

const SERVICES = { group: '', resource: 'services' }
const API_SERVICES = { group: 'apiregistration.k8s.io', resource: 'apiservices' }

const service = (): Service =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'sample', namespace: 'shop' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  }) as Service

const apiService = (group = GROUP, version = 'v1', over: Partial<APIService['spec']> = {}): APIService => ({
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name: `${version}.${group}` },
  spec: {
    group,
    version,
    groupPriorityMinimum: 2000,
    versionPriority: 200,
    service: { namespace: 'shop', name: 'sample', port },
    caBundle: Buffer.from(certificate.ca).toString('base64'),
    ...over,
  },
})

async function available(client: Client, name = `v1.${GROUP}`) {
  const { status } = (await client.get<APIService>(API_SERVICES, undefined, name))!
  const { status: is, reason, message } = status!.conditions![0]!
  return { is, reason, message }
}

describe('an APIService with a Service', () => {
  test('is available when the Service answers, and says what is wrong until then', async () => {
    const { clock, client, manager } = await start()
    await client.create(API_SERVICES, apiService())
    await manager.idle()
    expect(await available(client)).toEqual({
      is: 'False',
      reason: 'ServiceNotFound',
      message: 'service/sample in "shop" is not present',
    })
    await client.create(SERVICES, service())
    clock.advance(5_000)
    await manager.idle()
    expect(await available(client)).toEqual({ is: 'True', reason: 'Passed', message: 'all checks passed' })
    delete answers[`/apis/${GROUP}/v1`]
    clock.advance(30_000)
    await manager.idle()
    const url = `https://sample.shop.svc:${port}/apis/${GROUP}/v1`
    expect(await available(client)).toEqual({
      is: 'False',
      reason: 'FailedDiscoveryCheck',
      message: `failing or missing response from ${url}: bad status from ${url}: 404`,
    })
    await client.delete(API_SERVICES, undefined, `v1.${GROUP}`)
    clock.advance(30_000)
    await manager.idle()
    expect(clock.next).toBeUndefined()
  })

  test('is asked in the name of the user, by a certificate that the server can check', async () => {
    const { client, manager, send } = await start()
    await client.create(SERVICES, service())
    await client.create(API_SERVICES, apiService())
    await manager.idle()
    seen = []
    const path = `/apis/${GROUP}/v1/namespaces/shop/flunders?limit=500`
    const answer = await send(path, {
      headers: { 'x-remote-user': 'somebody-else', 'impersonate-user': 'jane', 'impersonate-group': MASTERS, 'x-mine': '1' },
    })
    expect([answer.code, answer.headers.get('x-own'), JSON.parse(answer.text).kind]).toEqual([200, 'yes', 'FlunderList'])
    const [{ url, headers, clientCertificate }] = seen as [Seen]
    expect(url).toBe(path)
    expect(headers).toMatchObject({
      host: ['sample.shop.svc'],
      'x-remote-user': ['jane'],
      'x-remote-group': [MASTERS, 'system:authenticated'],
      'x-mine': ['1'],
    })
    expect([headers.authorization, headers['impersonate-user']]).toEqual([undefined, undefined])
    const { data } = (await client.get<ConfigMap>(
      { group: '', resource: 'configmaps' },
      'kube-system',
      'extension-apiserver-authentication',
    ))!
    const authority = new X509Certificate(data!['requestheader-client-ca-file']!)
    const peer = new X509Certificate(clientCertificate!)
    expect([peer.subject, peer.verify(authority.publicKey)]).toEqual(['CN=front-proxy-client', true])
    expect(JSON.parse(data!['requestheader-allowed-names']!)).toEqual(['front-proxy-client'])
  })

  test('gets bodies as they are, after the user has been authorised', async () => {
    const { client, manager, send } = await start()
    await client.create(SERVICES, service())
    await client.create(API_SERVICES, apiService())
    await manager.idle()
    const path = `/apis/${GROUP}/v1/namespaces/shop/flunders`
    seen = []
    expect((await send(path, { token: 'plain' })).code).toBe(403)
    expect(seen).toEqual([])
    await send(path, { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } })
    expect(seen).toMatchObject([{ method: 'POST', body: '{"a":1}' }])
    // Who goes away in the middle of a body ends that request, and nothing else.
    const gone = new AbortController()
    const body = new ReadableStream({ start: controller => controller.enqueue(new TextEncoder().encode('{')) })
    const half = send(path, { method: 'POST', body, duplex: 'half', signal: gone.signal } as RequestInit)
    gone.abort()
    expect((await half).code).toBe(503)
    expect((await send(path)).code).toBe(200)
  })

  test('that is not available, or whose server is not the right one, is answered with 503', async () => {
    const { client, manager, send, clock } = await start()
    const path = `/apis/${GROUP}/v1/namespaces/shop/flunders`
    await client.create(API_SERVICES, apiService())
    await manager.idle()
    const unavailable = await send(path)
    expect([unavailable.code, unavailable.text]).toEqual([503, 'service unavailable\n'])
    await client.create(SERVICES, service())
    await client.patch(API_SERVICES, undefined, `v1.${GROUP}`, { type: 'merge', body: { spec: { caBundle: null } } })
    clock.advance(5_000)
    await manager.idle()
    expect(await available(client)).toMatchObject({ is: 'False', reason: 'FailedDiscoveryCheck' })
    await client.patch(API_SERVICES, undefined, `v1.${GROUP}`, { type: 'merge', body: { spec: { insecureSkipTLSVerify: true } } })
    await manager.idle()
    expect((await send(path)).code).toBe(200)
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    const gone = await send(path)
    expect([gone.code, gone.text]).toEqual([503, expect.stringMatching(/^error trying to reach service: .*ECONNREFUSED/)])
  })

  test('is discovered: in both forms, and as a group; nothing is said of one that has gone', async () => {
    const { client, manager, json, send } = await start()
    const before = await json('/apis')
    await client.create(SERVICES, service())
    await client.create(API_SERVICES, apiService())
    await manager.idle()
    const entry = { groupVersion: `${GROUP}/v1`, version: 'v1' }
    const after = await json('/apis')
    expect(after.groups).toEqual([...before.groups, { name: GROUP, versions: [entry], preferredVersion: entry }])
    expect(await json(`/apis/${GROUP}`)).toMatchObject({ kind: 'APIGroup', name: GROUP, versions: [entry] })
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    const aggregated = await send('/apis', { headers: { accept } })
    const group = JSON.parse(aggregated.text).items.at(-1)
    expect(group.metadata.name).toBe(GROUP)
    expect(group.versions).toMatchObject([
      {
        version: 'v1',
        freshness: 'Current',
        resources: [{ resource: 'flunders', scope: 'Namespaced', shortNames: ['fl'], subresources: [{ subresource: 'status' }] }],
      },
    ])
    const again = await send('/apis', { headers: { accept, 'if-none-match': aggregated.headers.get('etag')! } })
    expect(again.code).toBe(304)
    expect((await json(`/apis/${GROUP}/v1`)).resources).toHaveLength(2)
    const document = { openapi: '3.0.0', info: { title: 'theirs' } }
    answers['/openapi/v3'] = { paths: { [`apis/${GROUP}/v1`]: { serverRelativeURL: `/openapi/v3/apis/${GROUP}/v1?hash=1` }, other: {} } }
    answers[`/openapi/v3/apis/${GROUP}/v1`] = document
    const { paths } = await json('/openapi/v3')
    expect(Object.keys(paths)).toEqual(expect.arrayContaining([`apis/${GROUP}/v1`, 'apis/apps/v1']))
    expect(paths.other).toBeUndefined()
    expect(await json(paths[`apis/${GROUP}/v1`].serverRelativeURL)).toEqual(document)
    expect((await json('/openapi/v3/apis/apps/v1')).openapi).toBe('3.0.0')
    await client.delete(API_SERVICES, undefined, `v1.${GROUP}`)
    expect((await json('/apis')).groups).toEqual(before.groups)
    expect((await send(`/apis/${GROUP}/v1/flunders`)).text).toBe('404 page not found\n')
  })
})

describe('a namespace that goes', () => {
  const conditions = async (client: Client) => {
    const found = await client.get<Namespace>({ group: '', resource: 'namespaces' }, undefined, 'gone')
    return found && Object.fromEntries((found.status?.conditions ?? []).map(({ type, status, message }) => [type, `${status} ${message}`]))
  }
  const begin = async () => {
    const { client, manager, clock } = await start()
    await client.create(SERVICES, service())
    await client.create(API_SERVICES, apiService(GROUP, 'v1'))
    await manager.idle()
    await client.create({ group: '', resource: 'namespaces' }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'gone' } })
    const flunders = `/apis/${GROUP}/v1/namespaces/gone/flunders`
    const resources = [{ name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs: ['delete', 'get', 'list'] }]
    answers[`/apis/${GROUP}/v1`] = { kind: 'APIResourceList', groupVersion: `${GROUP}/v1`, resources }
    const pass = async (seconds: number) => {
      for (let left = seconds; left > 0; left--) {
        await manager.idle()
        clock.advance(1000)
      }
      await manager.idle()
    }
    return { client, pass, flunders }
  }

  test('takes what another server has in it along, and waits for it', async () => {
    const { client, pass, flunders } = await begin()
    const kept = { metadata: { name: 'f', finalizers: ['example.com/hold'] } }
    answers[flunders] = { kind: 'FlunderList', items: [kept] }
    answers[`${flunders}/f`] = { kind: 'Status', status: 'Success' }
    await client.delete({ group: '', resource: 'namespaces' }, undefined, 'gone', {})
    await pass(5)
    const deletion = seen.find(({ method }) => method === 'DELETE')
    expect([deletion?.url, JSON.parse(deletion?.body ?? '{}').propagationPolicy]).toEqual([`${flunders}/f`, 'Background'])
    expect(deletion?.headers['x-remote-user']).toEqual(['system:serviceaccount:kube-system:namespace-controller'])
    expect(await conditions(client)).toMatchObject({
      NamespaceContentRemaining: `True Some resources are remaining: flunders.${GROUP} has 1 resource instances`,
      NamespaceFinalizersRemaining: 'True Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    })
    answers[flunders] = { kind: 'FlunderList', items: [] }
    await pass(30)
    expect(await conditions(client)).toBeUndefined()
  })

  test('waits for a server that does not answer, and says for which', async () => {
    const { client, pass, flunders } = await begin()
    answers[flunders] = { kind: 'FlunderList', items: [] }
    const { [`/apis/${GROUP}/v1`]: known, ...rest } = answers
    answers = rest
    await pass(40)
    await client.delete({ group: '', resource: 'namespaces' }, undefined, 'gone', {})
    await pass(5)
    const name = `${GROUP}/v1`
    expect((await conditions(client))?.NamespaceDeletionDiscoveryFailure).toBe(
      `True Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: ${name}: stale GroupVersion discovery: ${name}`,
    )
    answers = { ...answers, [`/apis/${GROUP}/v1`]: known! }
    await pass(60)
    expect(await conditions(client)).toBeUndefined()
  })
})

describe('autoscalers ask', () => {
  const pods = { namespace: 'shop', selector: 'app=web', pods: [] }
  async function source() {
    const { client, manager, remotes } = await start()
    await client.create(SERVICES, service())
    for (const [group, version] of [
      ['custom.metrics.k8s.io', 'v1beta2'],
      ['external.metrics.k8s.io', 'v1beta1'],
    ] as const) {
      answers[`/apis/${group}/${version}`] = { kind: 'APIResourceList', resources: [] }
      await client.create(API_SERVICES, apiService(group, version))
    }
    await manager.idle()
    seen = []
    return apiSource(remotes, { resource: async () => new Map([['own', { value: 1, at: 2, window: 3 }]]) })
  }

  test('custom metrics of pods and objects, and external ones, of whoever serves them', async () => {
    const metrics = await source()
    const value = { describedObject: { kind: 'Pod', name: 'web-1' }, timestamp: '2030-01-01T00:00:00Z', value: '1500m' }
    answers['/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/rate'] = { items: [value] }
    answers['/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/ingresses.networking.k8s.io/front/hits'] = { items: [value] }
    answers['/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/depth'] = { items: [{ value: '3' }, { value: '4' }] }
    expect(await metrics.pods('rate', pods, { matchLabels: { verb: 'GET' } })).toEqual(
      new Map([['web-1', { value: 1500, at: Date.UTC(2030, 0, 1), window: 60_000 }]]),
    )
    const front = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'front' }
    expect(await metrics.object('hits', 'shop', front, undefined)).toBe(1500)
    expect(await metrics.external('depth', 'shop', { matchLabels: { queue: 'q' } })).toEqual([3000, 4000])
    expect(seen.map(({ url }) => url.split('?')[1])).toEqual([
      'labelSelector=app%3Dweb&metricLabelSelector=verb%3DGET',
      undefined,
      'labelSelector=queue%3Dq',
    ])
    expect(seen[0]!.headers['x-remote-user']).toEqual(['system:serviceaccount:kube-system:horizontal-pod-autoscaler'])
    expect(seen[0]!.headers['x-remote-group']).toHaveLength(3)
  })

  test('and are told what is wrong in upstream’s words', async () => {
    const metrics = await source()
    await expect(metrics.external('none', 'shop', undefined)).rejects.toThrow(
      'unable to fetch metrics from external metrics API: nothing here',
    )
    answers['/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/empty'] = { items: [] }
    await expect(metrics.external('empty', 'shop', undefined)).rejects.toThrow('no metrics returned from external metrics API')
  })

  test('for use of resources ours, unless somebody serves metrics.k8s.io in our place', async () => {
    const metrics = await source()
    expect([...(await metrics.resource('cpu', pods)).keys()]).toEqual(['own'])
    const { client, manager, remotes } = await start()
    await client.create(SERVICES, service())
    answers['/apis/metrics.k8s.io/v1beta1'] = { kind: 'APIResourceList', resources: [] }
    await client.create(API_SERVICES, apiService('metrics.k8s.io', 'v1beta1'))
    await manager.idle()
    const containers = [
      { name: 'a', usage: { cpu: '1500u', memory: '1Ki' } },
      { name: 'b', usage: { cpu: '1', memory: '1Ki' } },
    ]
    answers['/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods'] = {
      items: [{ metadata: { name: 'web-1', namespace: 'shop' }, timestamp: '2030-01-01T00:00:00Z', window: '1m30s', containers }],
    }
    const theirs = apiSource(remotes, { resource: () => Promise.reject(new Error('not ours')) })
    expect(await theirs.resource('cpu', pods)).toEqual(new Map([['web-1', { value: 1002, at: Date.UTC(2030, 0, 1), window: 90_000 }]]))
    expect((await theirs.resource('memory', pods, 'a')).get('web-1')?.value).toBe(1_024_000)
    await expect(theirs.resource('cpu', pods, 'x')).rejects.toThrow('container x not present in metrics for pod shop/web-1')
  })
})

describe('where a Service is', () => {
  const reference = { name: 's', namespace: 'n', port: 443 }
  const clusterIP = { spec: { type: 'ClusterIP', ports: [{ name: 'api', port: 443 }] } } as Service
  const slice = (addresses: string[][], ready = true, name = 'api') =>
    ({ endpoints: addresses.map(list => ({ addresses: list, conditions: { ready } })), ports: [{ name, port: 6443 }] }) as EndpointSlice
  const reason = (...args: Parameters<typeof targetsOf>) => {
    try {
      targetsOf(...args)
      return 'none'
    } catch (error) {
      return (error as ServiceProblem).reason
    }
  }

  test('is told by its ready endpoints, by the name of the port', () => {
    expect(targetsOf(reference, clusterIP, [slice([['10.0.0.1'], ['10.0.0.2']]), slice([['10.0.0.3']], false)])).toEqual([
      { host: '10.0.0.1', port: 6443 },
      { host: '10.0.0.2', port: 6443 },
    ])
    expect(reason(reference, undefined, [])).toBe('ServiceNotFound')
    expect(reason({ ...reference, port: 444 }, clusterIP, [])).toBe('ServicePortError')
    expect(reason(reference, clusterIP, [])).toBe('EndpointsNotFound')
    expect(reason(reference, clusterIP, [slice([['10.0.0.1']], false)])).toBe('MissingEndpoints')
    expect(reason(reference, clusterIP, [slice([['10.0.0.1']], true, 'other')])).toBe('MissingEndpoints')
  })
})
