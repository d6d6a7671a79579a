// The scale subresource: who owns the number, and what a custom resource without one does.
import { beforeEach, describe, expect, it } from 'vitest'
import { startApi, type TestApi, template } from './api.ts'

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets'
const MERGE = 'application/merge-patch+json'
const APPLY = 'application/apply-patch+yaml'
const scale = (name: string, replicas: number) => ({ apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name }, spec: { replicas } })

interface Entry {
  readonly manager: string
  readonly operation: string
  readonly subresource?: string
  readonly time?: string
  readonly fieldsV1: Readonly<Record<string, unknown>>
}

describe('scale', () => {
  let api: TestApi

  beforeEach(async () => {
    api = await startApi()
  })

  const entries = async (path: string): Promise<readonly Entry[]> => (await api.send('GET', path)).body.metadata.managedFields ?? []

  describe('of a Deployment', () => {
    const web = `${DEPLOYMENTS}/web`
    beforeEach(async () => {
      const spec = { selector: { matchLabels: { app: 'a' } }, template }
      await api.send('POST', `${DEPLOYMENTS}?fieldManager=maker`, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec,
      })
    })
    const revision = async () => (await api.send('GET', web)).body.metadata.resourceVersion as string

    it('written as it is, is written twice all the same, and then no more', async () => {
      const seen = new Set([await revision()])
      await api.send('PUT', `${web}/scale`, scale('web', 1))
      expect(await entries(web)).toHaveLength(2)
      seen.add(await revision())
      await api.send('PUT', `${web}/scale`, scale('web', 1))
      expect(await entries(web)).toHaveLength(1)
      seen.add(await revision())
      for (let i = 0; i < 3; i++) await api.send('PUT', `${web}/scale`, scale('web', 1))
      expect(seen.size).toBe(3)
      expect([...seen].at(-1)).toBe(await revision())
    })

    it('gives the number to who changes it, without a time', async () => {
      await api.send('PATCH', `${web}/scale?fieldManager=scaler`, { spec: { replicas: 4 } }, MERGE)
      const [scaler] = (await entries(web)).filter(({ manager }) => manager === 'scaler')
      expect(scaler).toMatchObject({ operation: 'Update', subresource: 'scale', fieldsV1: { 'f:spec': { 'f:replicas': {} } } })
      expect(scaler).not.toHaveProperty('time')
      await api.send('PATCH', `${web}/scale?fieldManager=scaler`, { spec: { replicas: 5 } }, MERGE)
      expect((await entries(web)).filter(({ manager }) => manager === 'scaler')).toHaveLength(1)
    })

    it('leaves an applier, who is told apart without a version, its entry and its time', async () => {
      const applied = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: { replicas: 3 } }
      await api.send('PATCH', `${web}/scale?fieldManager=applier&force=true`, applied, APPLY)
      const before = await revision()
      await api.send('PATCH', `${web}/scale?fieldManager=applier`, applied, APPLY)
      expect(await revision()).toBe(before)
    })
  })

  describe('of a custom resource', () => {
    const path = (name: string) => `${WIDGETS}/${name}`
    beforeEach(async () => {
      const integer = { type: 'integer' }
      const schema = {
        type: 'object',
        properties: {
          spec: { type: 'object', properties: { size: integer, other: integer } },
          status: { type: 'object', properties: { size: integer } },
        },
      }
      const versions = [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: { scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
        },
      ]
      const spec = { group: 'example.com', scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget' }, versions }
      await api.send('POST', CRDS, { metadata: { name: 'widgets.example.com' }, spec })
    })
    const make = (name: string, spec: object) =>
      api.send('POST', `${WIDGETS}?fieldManager=maker`, { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name }, spec })

    it('takes the number from its maker where the definition says it is, and leaves it what is above', async () => {
      await make('w', { size: 2 })
      await api.send('PUT', `${path('w')}/scale?fieldManager=scaler`, scale('w', 5))
      expect((await entries(path('w'))).map(({ manager, fieldsV1 }) => [manager, fieldsV1])).toEqual(
        expect.arrayContaining([
          ['maker', { 'f:spec': {} }],
          ['scaler', { 'f:spec': { 'f:size': {} } }],
        ]),
      )
    })

    it('that has no number can be given one, but not be read or left without', async () => {
      await make('w', { other: 1 })
      expect(await api.send('GET', `${path('w')}/scale`)).toMatchObject({ code: 500 })
      const nothing = await api.send('PATCH', `${path('w')}/scale`, { metadata: { labels: {} } }, MERGE)
      expect(nothing).toMatchObject({ code: 400, body: { message: 'the spec replicas field ".spec.size" cannot be empty' } })
      expect(await api.send('PATCH', `${path('w')}/scale`, { spec: { replicas: 1 } }, MERGE)).toMatchObject({ code: 200 })
      expect((await api.send('GET', path('w'))).body.spec).toEqual({ other: 1, size: 1 })
    })
  })
})
