import { describe, expect, it } from 'vitest'
import { OpenApi } from '../../shared/apimachinery/openapi/route.ts'
import { Registry } from '../../shared/apimachinery/registry.ts'
import { defineResource } from '../../shared/apimachinery/resource.ts'

const deployments = defineResource({
  group: 'apps',
  resource: 'deployments',
  singular: 'deployment',
  kind: 'Deployment',
  namespaced: true,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.apps.v1.Deployment' }],
  parts: { status: {} },
})
const nodes = defineResource({
  group: '',
  resource: 'nodes',
  singular: 'node',
  kind: 'Node',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.core.v1.Node' }],
})

const registry = new Registry([deployments])
const openApi = new OpenApi({ registry, version: 'v1.36.0' })
const NOW = Date.UTC(2026, 0, 1)
const V2 = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
const V3 = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf'

async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  const url = new URL(path, 'http://api')
  return (await openApi.respond(new Request(url, { headers }), url, NOW)) ?? new Response(null, { status: 599 })
}

// biome-ignore lint/suspicious/noExplicitAny: documents are read by path
const json = async (path: string) => (await (await get(path)).json()) as any

const DEPLOYMENT = '/apis/apps/v1/namespaces/{namespace}/deployments/{name}'

describe('OpenAPI v3', () => {
  it('names a document for each group version, and keeps the name until what is served changes', async () => {
    const { paths } = await json('/openapi/v3')
    expect(Object.keys(paths)).toEqual([
      '.well-known/openid-configuration',
      'api',
      'apis',
      'apis/apps',
      'apis/apps/v1',
      'openid/v1/jwks',
      'version',
    ])
    const address = paths['apis/apps/v1'].serverRelativeURL as string
    expect(address).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/)

    const right = await get(address)
    expect(right.status).toBe(200)
    expect(right.headers.get('cache-control')).toBe('public, immutable')
    expect(right.headers.get('expires')).toBe('Fri, 01 Jan 2027 00:00:00 GMT')
    const wrong = await get('/openapi/v3/apis/apps/v1?hash=OLD')
    expect([wrong.status, wrong.headers.get('location')]).toEqual([301, address])
    expect((await get('/openapi/v3/apis/apps/v1')).headers.get('cache-control')).toBe('no-cache, private')
  })

  it('has what kubectl decides by: field validation and the patches that a kind takes', async () => {
    const { paths } = await json('/openapi/v3/apis/apps/v1')
    const { patch } = paths[DEPLOYMENT]
    expect(patch['x-kubernetes-group-version-kind']).toEqual({ group: 'apps', version: 'v1', kind: 'Deployment' })
    expect(patch.parameters.map((parameter: { name: string }) => parameter.name)).toEqual(
      expect.arrayContaining(['fieldValidation', 'dryRun', 'fieldManager', 'force']),
    )
    expect(Object.keys(patch.requestBody.content)).toContain('application/strategic-merge-patch+json')
    expect(paths[`${DEPLOYMENT}/status`].put.operationId).toBe('replaceAppsV1NamespacedDeploymentStatus')
    expect(paths['/apis/apps/v1/deployments'].get.operationId).toBe('listAppsV1DeploymentForAllNamespaces')
  })

  it('has what kubectl merges and explains by', async () => {
    const { components } = await json('/openapi/v3/apis/apps/v1')
    const { schemas } = components
    const pod = schemas['io.k8s.api.core.v1.PodSpec']
    expect(pod.properties.containers).toMatchObject({
      type: 'array',
      items: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Container' }], default: {} },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    })
    expect(pod.properties.volumes['x-kubernetes-patch-strategy']).toBe('merge,retainKeys')
    expect(pod.properties.dnsPolicy.description).toContain('DNS')
    // A field that holds an object says what it is for there, not what the object's type is.
    expect(pod.properties.securityContext.description).toMatch(/^SecurityContext holds pod-level security attributes/)
    expect(pod.properties.affinity.description).toBe("If specified, the pod's scheduling constraints")
    expect(pod.required).toEqual(['containers'])
    expect(schemas['io.k8s.api.apps.v1.Deployment']['x-kubernetes-group-version-kind']).toEqual([
      { group: 'apps', version: 'v1', kind: 'Deployment' },
    ])
    expect(schemas['io.k8s.api.core.v1.ContainerPort'].properties.protocol.default).toBe('TCP')
    for (const reference of JSON.stringify(schemas).matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      expect(schemas).toHaveProperty([reference[1]!])
  })

  it('answers in the form that is asked for', async () => {
    const protobuf = await get('/openapi/v3/apis/apps/v1', { accept: V3 })
    expect(protobuf.headers.get('content-type')).toBe('application/com.github.proto-openapi.spec.v3.v1.0+protobuf')
    expect(Buffer.from(await protobuf.arrayBuffer()).subarray(0, 7)).toEqual(Buffer.from('\x0a\x053.0.0'))
    expect((await get('/openapi/v3/apis/apps/v1', { accept: 'application/yaml' })).status).toBe(406)
    expect((await get('/openapi/v3/apis/nope/v1')).status).toBe(404)
    expect((await get('/openapi/v4')).status).toBe(599)
  })

  it('does not send again what the client has', async () => {
    const etag = (await get('/openapi/v3')).headers.get('etag')!
    expect((await get('/openapi/v3', { 'if-none-match': etag })).status).toBe(304)
  })
})

describe('OpenAPI v2', () => {
  it('is one document, as JSON and as protobuf', async () => {
    const { swagger, definitions, paths } = await json('/openapi/v2')
    expect(swagger).toBe('2.0')
    expect(definitions['io.k8s.api.core.v1.PodSpec'].properties.containers['x-kubernetes-patch-merge-key']).toBe('name')
    expect(paths[DEPLOYMENT].patch.parameters.map((parameter: { name: string }) => parameter.name)).toContain('dryRun')
    const protobuf = await get('/openapi/v2', { accept: V2 })
    expect(protobuf.headers.get('content-type')).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf')
    expect(Buffer.from(await protobuf.arrayBuffer()).subarray(0, 5)).toEqual(Buffer.from('\x0a\x032.0'))
    expect((await get('/openapi/v2', { accept: 'text/html' })).status).toBe(406)
  })

  it('shows kinds as they come and go', async () => {
    const path = '/api/v1/nodes/{name}'
    expect((await json('/openapi/v2')).paths).not.toHaveProperty([path])
    registry.register(nodes)
    expect((await json('/openapi/v2')).paths).toHaveProperty([path])
    registry.unregister({ group: '', resource: 'nodes' })
    expect((await json('/openapi/v2')).paths).not.toHaveProperty([path])
  })
})
