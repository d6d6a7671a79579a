// What agents are told of Services, over the store and through the sync call.
import { afterEach, describe, expect, it } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'
import { ENDPOINT_SLICES, SERVICES } from '../../shared/controllers/collections.ts'
import { ServiceCatalog } from '../../shared/pods/services/catalog.ts'
import type { KnownServices, ServiceNews } from '../../shared/pods/services/protocol.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

let over = new AbortController()
afterEach(() => {
  over.abort()
  over = new AbortController()
})

const pod = (more: object = {}) =>
  ({
    metadata: { name: 'client', namespace: 'default', uid: 'u', labels: { app: 'client' } },
    spec: { containers: [], ...more },
  }) as unknown as Pod

class Bench {
  readonly store = new MemoryStore()
  now = 1_000_000
  readonly catalog = new ServiceCatalog(this.store, () => this.now)

  async service(name: string, namespace = 'default', spec: object = {}) {
    const object = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { clusterIP: '127.128.0.7', ports: [{ port: 80 }], ...spec },
    }
    await this.store.create(SERVICES, `${namespace}/${name}`, object as unknown as KubeObject)
  }

  async slice(service: string, addresses: readonly string[], namespace = 'default') {
    const key = `${namespace}/${service}-1`
    const object = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${service}-1`, namespace, labels: { 'kubernetes.io/service-name': service } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080 }],
      endpoints: addresses.map(address => ({ addresses: [address] })),
    } as unknown as KubeObject
    const before = await this.store.get(ENDPOINT_SLICES, key)
    if (before) await this.store.update(ENDPOINT_SLICES, key, object, before.revision)
    else await this.store.create(ENDPOINT_SLICES, key, object)
  }

  next(known: KnownServices, client = pod(), signal = over.signal) {
    return this.catalog.nextNews(client, known, signal)
  }
}

const versions = (news: ServiceNews | undefined, before: KnownServices = {}): KnownServices => ({
  ...before,
  ...Object.fromEntries(Object.entries(news ?? {}).map(([name, view]) => [name, view?.version ?? '-'])),
})

describe('news', () => {
  it("are all Services of the pod's namespace, those asked for, and nothing twice", async () => {
    const bench = new Bench()
    await bench.service('web')
    await bench.service('db', 'other')
    await bench.service('secret', 'other')
    const first = await bench.catalog.news(pod(), { 'other/db': '', 'other/none': '' })
    expect(Object.keys(first ?? {}).sort()).toEqual(['default/web', 'other/db', 'other/none'])
    expect(first?.['other/none']).toBeNull()
    expect(await bench.catalog.news(pod(), versions(first))).toBeUndefined()
  })

  it('without service links are only those that select the pod', async () => {
    const bench = new Bench()
    await bench.service('web')
    await bench.service('mine', 'default', { selector: { app: 'client' } })
    expect(Object.keys((await bench.catalog.news(pod({ enableServiceLinks: false }), {})) ?? {})).toEqual(['default/mine'])
  })

  it('of a Service that is gone say so', async () => {
    const bench = new Bench()
    expect(await bench.catalog.news(pod(), { 'default/web': 'old' })).toEqual({ 'default/web': null })
  })

  it('are looked up for what is asked anew, however short ago somebody looked', async () => {
    const bench = new Bench()
    await bench.catalog.news(pod(), {})
    await bench.service('web')
    expect(await bench.catalog.news(pod(), {})).toBeUndefined()
    expect(Object.keys((await bench.catalog.news(pod(), { 'other/x': '' })) ?? {})).toContain('default/web')
  })

  it('of a hundred agents within a second cost one look at each collection, whatever they ask for and have', async () => {
    const bench = new Bench()
    for (let n = 0; n < 20; n++) await bench.service(`web-${n}`)
    const first = await bench.catalog.news(pod(), {})
    let looks = 0
    for (const method of ['list', 'changes', 'get', 'revision'] as const) {
      const original = bench.store[method].bind(bench.store) as (...given: unknown[]) => unknown
      Object.assign(bench.store, {
        [method]: (...given: unknown[]) => {
          looks++
          return original(...given)
        },
      })
    }
    bench.now += 1_000
    for (let n = 0; n < 100; n++) {
      expect(await bench.catalog.news(pod(), versions(first))).toBeUndefined()
      expect(await bench.catalog.news(pod({ enableServiceLinks: false }), {})).toBeUndefined()
    }
    expect(looks).toBe(2)
  })

  it('take names for data', async () => {
    const bench = new Bench()
    expect(await bench.catalog.news(pod(), { 'other/constructor': '', 'constructor/toString': '' })).toEqual({
      'other/constructor': null,
      'constructor/toString': null,
    })
  })
})

describe('the next news', () => {
  it('come when endpoints change, a Service comes, or one goes', async () => {
    const bench = new Bench()
    await bench.service('web')
    let known = versions(await bench.catalog.news(pod(), {}))
    const endpoints = bench.next(known)
    await bench.slice('web', ['10.0.0.1'])
    const first = await endpoints
    expect(first?.['default/web']?.groups).toMatchObject([{ endpoints: [{ address: '10.0.0.1' }] }])
    known = versions(first, known)
    const asked = bench.next({ ...known, 'other/db': '-' })
    await bench.service('db', 'other')
    expect(Object.keys((await asked) ?? {})).toEqual(['other/db'])
    const gone = bench.next(known)
    const web = (await bench.store.get(SERVICES, 'default/web'))!
    await bench.store.delete(SERVICES, web.key, web.object, web.revision)
    expect(await gone).toEqual({ 'default/web': null })
  })

  it('are none while nothing changes that this pod knows of', async () => {
    const bench = new Bench()
    await bench.service('web')
    const known = versions(await bench.catalog.news(pod(), {}))
    const patience = new AbortController()
    const next = bench.next(known, pod(), patience.signal)
    await bench.service('db', 'other')
    await bench.slice('db', ['10.0.0.9'], 'other')
    patience.abort()
    expect(await next).toBeUndefined()
  })

  it('miss nothing of a stream of changes, read as agents do', async () => {
    const bench = new Bench()
    await bench.service('web')
    let known: KnownServices = {}
    const seen = new Set<string>()
    const last = '10.0.0.50'
    const reading = (async () => {
      while (!seen.has(last)) {
        const news = (await bench.catalog.news(pod(), known)) ?? (await bench.next(known))
        known = versions(news, known)
        for (const view of Object.values(news ?? {}))
          for (const { endpoints } of view?.groups ?? []) for (const { address } of endpoints) seen.add(address)
      }
    })()
    for (let n = 1; n <= 50; n++) await bench.slice('web', [`10.0.0.${n}`])
    await reading
    expect(seen.has(last)).toBe(true)
  })
})
