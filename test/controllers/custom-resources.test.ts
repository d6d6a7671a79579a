// Controllers that work on every kind see those that come while they run.
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { GroupResource, KubeObject } from '../../shared/apimachinery/types.ts'
import { CONFIG_MAPS, NAMESPACES, RESOURCE_QUOTAS } from '../../shared/controllers/collections.ts'
import { TestCluster } from './cluster.ts'

const DEFINITIONS: GroupResource = { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' }
const WIDGETS: GroupResource = { group: 'example.com', resource: 'widgets' }
let cluster: TestCluster

async function define(): Promise<void> {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  await cluster.client.create(DEFINITIONS, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  } as KubeObject)
  await cluster.calm()
}

beforeEach(async () => {
  cluster = await TestCluster.start()
  await define()
})
afterEach(() => cluster.stop())

const widget = (name: string, metadata: object = {}) => ({ apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name, ...metadata } })

it('collects what a custom resource owns, and custom resources that are owned', async () => {
  const owner = await cluster.create(WIDGETS, widget('owner'))
  const reference = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'owner', uid: owner.metadata.uid }
  await cluster.create(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned', ownerReferences: [reference] } })
  await cluster.create(WIDGETS, widget('child', { ownerReferences: [reference] }))
  await cluster.create(WIDGETS, widget('other'))
  await cluster.calm()
  await cluster.client.delete(WIDGETS, cluster.namespace, 'owner')
  await cluster.calm()
  expect((await cluster.list(WIDGETS)).map(({ metadata }) => metadata.name)).toEqual(['other'])
  expect(await cluster.client.get(CONFIG_MAPS, cluster.namespace, 'owned')).toBeUndefined()
})

it('empties a namespace of custom resources before it goes', async () => {
  await cluster.client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } })
  await cluster.create(WIDGETS, widget('w', { namespace: 'n', finalizers: ['example.com/f'] }))
  await cluster.client.delete(NAMESPACES, undefined, 'n')
  await cluster.calm()
  expect(await cluster.client.get(NAMESPACES, undefined, 'n')).toBeDefined()
  await cluster.client.patch(WIDGETS, 'n', 'w', { type: 'merge', body: { metadata: { finalizers: null } } })
  await cluster.pass(30)
  expect(await cluster.client.get(NAMESPACES, undefined, 'n')).toBeUndefined()
})

it('counts custom resources for quotas', async () => {
  const name = 'count/widgets.example.com'
  await cluster.create(RESOURCE_QUOTAS, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q' },
    spec: { hard: { [name]: '2' } },
  })
  await cluster.calm()
  await cluster.create(WIDGETS, widget('w'))
  await cluster.create(WIDGETS, widget('x'))
  await cluster.client.delete(WIDGETS, cluster.namespace, 'w')
  await cluster.pass(10)
  expect(await cluster.get(RESOURCE_QUOTAS, 'q')).toMatchObject({ status: { used: { [name]: '1' } } })
})

it('lets a definition go when the last object has lost its finalizers', async () => {
  await cluster.create(WIDGETS, widget('w', { finalizers: ['example.com/f'] }))
  await cluster.client.delete(DEFINITIONS, undefined, 'widgets.example.com')
  await cluster.calm()
  expect(await cluster.client.get(DEFINITIONS, undefined, 'widgets.example.com')).toBeDefined()
  await cluster.patch(WIDGETS, 'w', { metadata: { finalizers: null } })
  await cluster.pass(30)
  expect(await cluster.client.get(DEFINITIONS, undefined, 'widgets.example.com')).toBeUndefined()
})

it('counts custom resources for quotas that were there before their kind', async () => {
  await cluster.client.delete(DEFINITIONS, undefined, 'widgets.example.com')
  await cluster.calm()
  const hard = { 'count/widgets.example.com': '1' }
  await cluster.create(RESOURCE_QUOTAS, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'early' }, spec: { hard } })
  await cluster.calm()
  await define()
  await cluster.create(WIDGETS, widget('one'))
  await expect(cluster.create(WIDGETS, widget('two'))).rejects.toThrow('exceeded quota: early')
})
