// Several clusters behind one address: the same names in all of them, and nothing of one seen in another.
import { beforeEach, describe, expect, test } from 'vitest'
import { type Api, createApi } from '../../functions/api/app.ts'
import { clusterTokenAction } from '../../functions/api/cluster-token.ts'
import { ServedClusters } from '../../functions/api/clusters.ts'
import type { Cluster } from '../../shared/api/zeroplane/v1alpha1.ts'
import { MASTERS } from '../../shared/auth/types.ts'
import { CLUSTERS, clusterId, clusterPath, isMade, splitClusterPath } from '../../shared/cluster-name.ts'
import { Clusters, CONTENT_REMOVED } from '../../shared/clusters.ts'
import { builtInResources } from '../../shared/resources/index.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

const KIND = '/apis/zeroplane.dev/v1alpha1/clusters'
const MAPS = '/api/v1/namespaces/default/configmaps'

let home: Api
let stores: Map<string, MemoryStore>
let served: ServedClusters
let closed: string[]

beforeEach(async () => {
  stores = new Map([['default', new MemoryStore()]])
  closed = []
  const storeOf = (id: string) => {
    const store = stores.get(id) ?? new MemoryStore()
    stores.set(id, store)
    return store
  }
  const directory = new Clusters(storeOf('default'))
  served = new ServedClusters({
    find: name => directory.find(name),
    open: (id, isNew) =>
      createApi({
        store: storeOf(id),
        isNew,
        path: clusterPath(id),
        resources: builtInResources({ clusters: null }),
        serverAddress: 'host',
      }),
    closed: id => closed.push(id),
  })
  const token = clusterTokenAction(async name => (await served.api(name)).api.machinery)
  home = await createApi({
    store: storeOf('default'),
    resources: builtInResources({ clusters: { taken: 'default', token } }),
    tokens: [{ token: 'admin', user: { name: 'admin', groups: [MASTERS] } }],
  })
})

interface Answer {
  readonly code: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any kind
  readonly body: any
}

/** As the function does it (functions/api/handler.ts). */
function respond(path: string, init: RequestInit): Promise<Response> {
  const { name, path: inside } = splitClusterPath(path)
  const request = new Request(`http://host${inside}`, init)
  return name === undefined || name === 'default' ? home.handle(request) : served.handle(name, request)
}

async function send(token: string, method: string, path: string, body?: unknown, type = 'application/json'): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': type }
  const answer = await respond(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await answer.text()
  return { code: answer.status, body: answer.headers.get('content-type') === 'application/json' ? JSON.parse(text) : text }
}

async function make(name: string): Promise<Cluster> {
  const { code, body } = await send('admin', 'POST', KIND, { apiVersion: 'zeroplane.dev/v1alpha1', kind: 'Cluster', metadata: { name } })
  expect(code).toBe(201)
  return body as Cluster
}

async function tokenOf(name: string): Promise<string> {
  const { code, body } = await send('admin', 'POST', `${KIND}/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec: { audiences: [] },
  })
  expect(code).toBe(201)
  return body.status.token
}

const map = (name: string, data: Record<string, string>) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data })

/** As the cluster's controller writes it when nothing is left. */
async function close(name: string): Promise<void> {
  await send('admin', 'DELETE', `${KIND}/${name}`)
  const status = {
    phase: 'Terminating',
    conditions: [{ type: CONTENT_REMOVED, status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
  }
  await send('admin', 'PATCH', `${KIND}/${name}/status`, { status }, 'application/merge-patch+json')
}

async function forget(name: string): Promise<void> {
  await send('admin', 'PATCH', `${KIND}/${name}`, { metadata: { finalizers: null } }, 'application/merge-patch+json')
}

describe('names', () => {
  test('an id belongs to one object, and leads back to its path', () => {
    const id = clusterId({ name: 'pr-12', uid: '1f0c2a9b-0000-4000-8000-000000000000' })
    expect(id).toBe('pr-12.1f0c2a9b')
    expect([clusterPath(id), clusterPath('default'), isMade(id), isMade('default')]).toEqual(['/clusters/pr-12', '', true, false])
  })

  test('a path is divided where the name of the cluster ends', () => {
    expect(splitClusterPath('/clusters/pr-12/api/v1')).toEqual({ name: 'pr-12', path: '/api/v1' })
    expect(splitClusterPath('/clusters/pr-12')).toEqual({ name: 'pr-12', path: '/' })
    for (const path of ['/', '/api/v1', '/clusters', '/clusters/', '/clustersx/a'])
      expect(splitClusterPath(path)).toEqual({ name: undefined, path })
  })
})

describe('a cluster', () => {
  test('is there as soon as its object is, with what every cluster begins with', async () => {
    await make('pr-1')
    const { code, body } = await send(await tokenOf('pr-1'), 'GET', '/clusters/pr-1/api/v1/namespaces')
    expect(code).toBe(200)
    expect(body.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual([
      'default',
      'kube-node-lease',
      'kube-public',
      'kube-system',
    ])
  })

  test('shows its state and path', async () => {
    await make('pr-1')
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
    const answer = await respond(KIND, { headers: { authorization: 'Bearer admin', accept } })
    const table = (await answer.json()) as { columnDefinitions: { name: string }[]; rows: { cells: string[] }[] }
    expect(table.columnDefinitions.map(({ name }) => name)).toEqual(['Name', 'Status', 'Path', 'Age'])
    expect(table.rows[0]!.cells.slice(0, 3)).toEqual(['pr-1', 'Active', '/clusters/pr-1'])
  })

  test('has a name that fits into paths and keys, and is not the default one', async () => {
    const name = async (text: string) => (await send('admin', 'POST', KIND, { metadata: { name: text } })).body
    expect((await name('a.b')).message).toContain('must not contain dots')
    expect((await name('x'.repeat(33))).message).toContain('must be no more than 32 characters')
    expect((await name('default')).message).toContain('is the name of the default cluster')
  })

  test('makes no clusters itself', async () => {
    await make('pr-1')
    expect((await send(await tokenOf('pr-1'), 'GET', `/clusters/pr-1${KIND}`)).code).toBe(404)
    expect((await send('admin', 'GET', `/clusters/default${KIND}`)).code).toBe(200)
  })

  test('that nobody has made is told by name', async () => {
    for (const name of ['pr-9', '%2e%2e', 'x'.repeat(2000)]) {
      const { code, body } = await send('admin', 'GET', `/clusters/${name}/api/v1/namespaces`)
      expect(code).toBe(404)
      expect(body).toMatchObject({ kind: 'Status', reason: 'NotFound', details: { kind: 'clusters' } })
    }
    expect((await send('admin', 'POST', `${KIND}/pr-9/token`, { spec: {} })).code).toBe(404)
    expect(stores.size).toBe(1)
  })
})

describe('of one cluster, another sees', () => {
  let one: string
  let two: string
  beforeEach(async () => {
    await make('pr-1')
    await make('pr-2')
    one = await tokenOf('pr-1')
    two = await tokenOf('pr-2')
  })

  test('no object, though the names are the same', async () => {
    await send(one, 'POST', `/clusters/pr-1${MAPS}`, map('same', { from: 'one' }))
    expect((await send(two, 'GET', `/clusters/pr-2${MAPS}/same`)).code).toBe(404)
    await send(two, 'POST', `/clusters/pr-2${MAPS}`, map('same', { from: 'two' }))
    await send('admin', 'POST', MAPS, map('same', { from: 'home' }))
    await send(one, 'DELETE', `/clusters/pr-1${MAPS}/same`)
    expect((await send(two, 'GET', `/clusters/pr-2${MAPS}/same`)).body.data).toEqual({ from: 'two' })
    expect((await send('admin', 'GET', `${MAPS}/same`)).body.data).toEqual({ from: 'home' })
  })

  test('no revision', async () => {
    const version = async (token: string, cluster: string) =>
      (await send(token, 'GET', `/clusters/${cluster}${MAPS}`)).body.metadata.resourceVersion
    const before = await version(two, 'pr-2')
    for (let i = 0; i < 5; i++) await send(one, 'POST', `/clusters/pr-1${MAPS}`, map(`m${i}`, {}))
    expect(await version(two, 'pr-2')).toBe(before)
    expect(Number(await version(one, 'pr-1'))).toBeGreaterThan(Number(before))
  })

  test('nothing in a watch', async () => {
    const controller = new AbortController()
    const { resourceVersion } = (await send(two, 'GET', `/clusters/pr-2${MAPS}`)).body.metadata
    const answer = await respond(`/clusters/pr-2${MAPS}?watch=1&resourceVersion=${resourceVersion}`, {
      headers: { authorization: `Bearer ${two}` },
      signal: controller.signal,
    })
    const reader = answer.body!.getReader()
    await send(one, 'POST', `/clusters/pr-1${MAPS}`, map('ones', {}))
    await send('admin', 'POST', MAPS, map('homes', {}))
    await send(two, 'POST', `/clusters/pr-2${MAPS}`, map('twos', {}))
    // In order, so whatever came of the others would have come before.
    const { value } = await reader.read()
    expect(JSON.parse(Buffer.from(value!).toString().split('\n')[0]!).object.metadata.name).toBe('twos')
    controller.abort()
    await reader.cancel().catch(() => {})
  })

  test('no credentials', async () => {
    const codes = async (token: string) => [
      (await send(token, 'GET', '/api/v1/namespaces')).code,
      (await send(token, 'GET', '/clusters/pr-1/api/v1/namespaces')).code,
      (await send(token, 'GET', '/clusters/pr-2/api/v1/namespaces')).code,
    ]
    expect(await codes(one)).toEqual([401, 200, 401])
    expect(await codes(two)).toEqual([401, 401, 200])
    // Of the default one neither, though whoever has them may ask for others.
    expect(await codes('admin')).toEqual([200, 401, 401])
    const account = await send('admin', 'POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'robot' } })
    expect(account.code).toBe(201)
    const { body } = await send('admin', 'POST', '/api/v1/namespaces/default/serviceaccounts/robot/token', { spec: {} })
    // Known at home, though it may nothing; unknown elsewhere.
    expect(await codes(body.status.token)).toEqual([403, 401, 401])
  })

  test('no rights', async () => {
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'all' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:unauthenticated' }],
    }
    await send(one, 'POST', '/clusters/pr-1/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', binding)
    const anonymous = async (path: string) => (await respond(path, {})).status
    expect(await anonymous(`/clusters/pr-1${MAPS}`)).toBe(200)
    expect(await anonymous(`/clusters/pr-2${MAPS}`)).toBe(403)
    expect(await anonymous(MAPS)).toBe(403)
  })

  test('no keys: whoever checks tokens finds each cluster its own', async () => {
    const keys = async (token: string, cluster: string) => {
      const answer = await respond(`${cluster}/openid/v1/jwks`, { headers: { authorization: `Bearer ${token}` } })
      return ((await answer.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
    }
    const config = await respond('/clusters/pr-1/.well-known/openid-configuration', { headers: { authorization: `Bearer ${one}` } })
    expect(((await config.json()) as { jwks_uri: string }).jwks_uri).toBe('https://host/clusters/pr-1/openid/v1/jwks')
    const all = [...(await keys(one, '/clusters/pr-1')), ...(await keys(two, '/clusters/pr-2')), ...(await keys('admin', ''))]
    expect(new Set(all).size).toBe(3)
  })
})

describe('a token for a cluster', () => {
  test('is given to whom the default cluster allows it', async () => {
    await make('pr-1')
    expect((await send('', 'POST', `${KIND}/pr-1/token`, { spec: {} })).code).toBe(403)
  })

  test('has all rights there, and is taken back with the account that it is of', async () => {
    await make('pr-1')
    const token = await tokenOf('pr-1')
    expect((await send(token, 'DELETE', '/clusters/pr-1/api/v1/namespaces/kube-system/serviceaccounts/cluster-admin')).code).toBe(200)
    expect((await send(token, 'GET', '/clusters/pr-1/api/v1/namespaces')).code).toBe(401)
    expect((await send(await tokenOf('pr-1'), 'GET', '/clusters/pr-1/api/v1/namespaces')).code).toBe(200)
  })
})

describe('a cluster that is deleted', () => {
  test('takes nothing new, and shows and lets go what it has', async () => {
    await make('pr-1')
    const token = await tokenOf('pr-1')
    await send(token, 'POST', `/clusters/pr-1${MAPS}`, map('old', {}))
    await send('admin', 'DELETE', `${KIND}/pr-1`)
    const { code, body } = await send(token, 'POST', `/clusters/pr-1${MAPS}`, map('new', {}))
    expect([code, body.message]).toEqual([
      403,
      'clusters.zeroplane.dev "pr-1" is forbidden: unable to create new content in cluster pr-1 because it is being terminated',
    ])
    expect((await send(token, 'GET', `/clusters/pr-1${MAPS}/old`)).code).toBe(200)
    expect((await send(token, 'DELETE', `/clusters/pr-1${MAPS}/old`)).code).toBe(200)
  })

  test('and was never asked for gets nothing that clusters begin with', async () => {
    const { metadata } = await make('pr-1')
    await send('admin', 'DELETE', `${KIND}/pr-1`)
    await send('admin', 'GET', '/clusters/pr-1/api/v1/namespaces')
    const { items } = await stores.get(clusterId(metadata))!.list({ group: '', resource: 'namespaces' })
    expect(items).toEqual([])
  })

  test('is not served from the moment on that nothing runs in it', async () => {
    const { metadata } = await make('pr-1')
    const token = await tokenOf('pr-1')
    await close('pr-1')
    expect((await send(token, 'GET', `/clusters/pr-1${MAPS}`)).code).toBe(404)
    expect(closed).toEqual([clusterId(metadata)])
  })

  test('and made again is another one, whatever is remembered of the first', async () => {
    const first = await make('pr-1')
    const old = await tokenOf('pr-1')
    await send(old, 'POST', `/clusters/pr-1${MAPS}`, map('old', {}))
    await close('pr-1')
    await forget('pr-1')
    const second = await make('pr-1')
    expect(clusterId(second.metadata)).not.toBe(clusterId(first.metadata))
    expect((await send(old, 'GET', `/clusters/pr-1${MAPS}`)).code).toBe(401)
    expect((await send(await tokenOf('pr-1'), 'GET', `/clusters/pr-1${MAPS}/old`)).code).toBe(404)
  })
})

test('work finds out whether its cluster is still the one that it was for', async () => {
  const directory = new Clusters(stores.get('default')!)
  const { metadata } = await make('pr-1')
  expect(await directory.isThere('default')).toBe(true)
  expect(await directory.isThere(clusterId(metadata))).toBe(true)
  expect(await directory.isThere('pr-1.00000000')).toBe(false)
  await close('pr-1')
  expect(await directory.isThere(clusterId(metadata))).toBe(false)
  expect((await stores.get('default')!.get(CLUSTERS, '/pr-1'))?.object.metadata.finalizers).toEqual(['zeroplane.dev/cluster'])
})
