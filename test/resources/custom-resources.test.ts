// Custom resources through several environments that share nothing but the store, as functions do.
import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryStore } from '../../shared/store/memory.ts'
import { startApi, type TestApi } from './api.ts'

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const GROUP = 'example.com'
const MERGE = 'application/merge-patch+json'
const APPLY = 'application/apply-patch+yaml'

const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
const version = (name: string, schema: object = open, more: object = {}) => ({
  name,
  served: true,
  storage: true,
  schema: { openAPIV3Schema: schema },
  ...more,
})

function definition(plural: string, versions = [version('v1')], names: object = {}, spec: object = {}) {
  const singular = plural.slice(0, -1)
  const kind = `${singular[0]?.toUpperCase()}${singular.slice(1)}`
  return {
    metadata: { name: `${plural}.${GROUP}` },
    spec: { group: GROUP, scope: 'Namespaced', names: { plural, kind, ...names }, versions, ...spec },
  }
}

const widgets = `/apis/${GROUP}/v1/namespaces/default/widgets`
const widget = (name: string, more: object = {}) => ({ apiVersion: `${GROUP}/v1`, kind: 'Widget', metadata: { name }, ...more })
const conditionsOf = ({ body }: { body: { status?: { conditions?: { type: string; status: string }[] } } }) =>
  Object.fromEntries((body.status?.conditions ?? []).map(({ type, status }) => [type, status]))

describe('custom resources', () => {
  let a: TestApi
  let b: TestApi

  beforeEach(async () => {
    const store = new MemoryStore()
    a = await startApi({ store })
    b = await startApi({ store })
  })

  describe('rules', () => {
    const refused = async (spec: object) => {
      const { code, body } = await a.send('POST', CRDS, definition('widgets', [version('v1', { type: 'object', properties: { spec } })]))
      if (code === 201) return []
      return (body.details.causes as { field: string; message: string }[]).map(({ field, message }) => [field, message])
    }
    const rules = (...texts: string[]) => ({ 'x-kubernetes-validations': texts.map(rule => ({ rule })) })
    const nested = 'self.all(x, self.all(y, x == y))'
    const advice =
      '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)'
    const at = 'spec.validation.openAPIV3Schema.properties[spec]'

    it('may cost so much each', async () => {
      const list = (maxItems: number) => ({ type: 'array', maxItems, items: { type: 'string', maxLength: 10 }, ...rules(nested) })
      expect(await refused(list(1000))).toEqual([])
    })

    it('that cost more are refused, with how much too much it is', async () => {
      const list = (maxItems: number) => ({ type: 'array', maxItems, items: { type: 'string', maxLength: 10 }, ...rules(nested) })
      expect(await refused(list(1200))).toEqual([
        [`${at}.x-kubernetes-validations[0].rule`, `Forbidden: estimated rule cost exceeds budget by factor of 1.296600x ${advice}`],
      ])
      expect(await refused(list(3000))).toEqual([
        [`${at}.x-kubernetes-validations[0].rule`, `Forbidden: estimated rule cost exceeds budget by factor of 8.1x ${advice}`],
      ])
    })

    it('may cost so much together, and the most expensive are named', async () => {
      const items = { type: 'string', maxLength: 10 }
      const list = { type: 'array', maxItems: 1000, items, ...rules(...Array.from({ length: 12 }, () => nested), 'self.size() > 0') }
      const causes = await refused(list)
      expect(causes.filter(([, message]) => message?.startsWith('Forbidden: contributed to estimated rule cost total'))).toHaveLength(4)
      expect(causes.at(-1)).toEqual([
        'spec.validation.openAPIV3Schema',
        `Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of 1.080600x ${advice}`,
      ])
      expect(causes).toHaveLength(5)
    })

    it('count as often as lists above hold their value', async () => {
      const text = { type: 'string', maxLength: 100, ...rules("self.contains('x')") }
      const lists = (maxItems?: number) => ({ type: 'array', maxItems, items: { type: 'array', maxItems, items: text } })
      expect(await refused(lists(100))).toEqual([])
      expect((await refused(lists())).length).toBeGreaterThan(0)
    })

    it('do not know cel.bind', async () => {
      const [[, message] = []] = await refused({ type: 'integer', ...rules('cel.bind(x, self * 2, x < 10)') })
      expect(message?.match(/undeclared reference to '\w+'/g)).toEqual(
        ['cel', 'bind', 'x', 'x'].map(name => `undeclared reference to '${name}'`),
      )
    })
  })

  it('lose all owners to a write that an owner in another version could not see', async () => {
    const schema = (...names: string[]) => ({
      type: 'object',
      properties: { spec: { type: 'object', properties: Object.fromEntries(names.map(name => [name, { type: 'string' }])) } },
    })
    const versions = [version('v1', schema('a')), version('v2', schema('a', 'b'), { storage: false })]
    await a.send('POST', CRDS, definition('widgets', versions))
    const second = `/apis/${GROUP}/v2/namespaces/default/widgets`
    await a.send('POST', `${widgets}?fieldManager=first`, widget('w', { spec: { a: 'x' } }))
    const owners = ({ body }: { body: { metadata: { managedFields?: { manager: string }[] } } }) =>
      body.metadata.managedFields?.map(({ manager }) => manager)
    expect(owners(await a.send('PATCH', `${second}/w?fieldManager=second`, { spec: { a: 'y' } }, MERGE))).toEqual(['first', 'second'])
    await a.send('POST', `${widgets}?fieldManager=first`, widget('v', { spec: { a: 'x' } }))
    expect(owners(await a.send('PATCH', `${second}/v?fieldManager=second`, { spec: { b: 'y' } }, MERGE))).toBeUndefined()
  })

  it('are served by every environment as soon as their definition is acknowledged', async () => {
    expect(await b.send('GET', widgets)).toMatchObject({ code: 404 })
    expect(await a.send('POST', CRDS, definition('widgets'))).toMatchObject({ code: 201 })
    expect(await b.send('POST', widgets, widget('w'))).toMatchObject({ code: 201 })
    expect(conditionsOf(await b.send('GET', `${CRDS}/widgets.${GROUP}`))).toEqual({ NamesAccepted: 'True', Established: 'True' })
    const discovered = await b.send('GET', `/apis/${GROUP}/v1`)
    expect(discovered.body.resources.map(({ name }: { name: string }) => name)).toEqual(['widgets'])
  })

  it('are seen with the schema that was acknowledged last, whoever changed it', async () => {
    await a.send('POST', CRDS, definition('widgets', [version('v1', { type: 'object', properties: { n: { type: 'integer' } } })]))
    expect(await b.send('POST', widgets, widget('w', { n: 1 }))).toMatchObject({ code: 201 })
    const schema = { type: 'object', properties: { n: { type: 'integer', minimum: 5 }, size: { type: 'string', default: 'm' } } }
    await a.send('PATCH', `${CRDS}/widgets.${GROUP}`, { spec: { versions: [version('v1', schema)] } }, MERGE)
    expect(await b.send('POST', widgets, widget('x', { n: 1 }))).toMatchObject({ code: 422 })
    expect(await b.send('GET', `${widgets}/w`)).toMatchObject({ code: 200, body: { n: 1, size: 'm' } })
  })

  it('get their names once, however many definitions want them at the same time', async () => {
    const plurals = ['gadgets', 'gizmos', 'widgets', 'doodads']
    const apis = [a, b, a, b]
    await Promise.all(
      plurals.map((plural, i) => apis[i]?.send('POST', CRDS, definition(plural, undefined, { kind: 'Thing', listKind: 'ThingList' }))),
    )
    const conditions = await Promise.all(plurals.map(async plural => conditionsOf(await a.send('GET', `${CRDS}/${plural}.${GROUP}`))))
    expect(conditions.map(({ Established }) => Established).sort()).toEqual(['False', 'False', 'False', 'True'])
    const winner = plurals[conditions.findIndex(({ Established }) => Established === 'True')]
    await b.send('DELETE', `${CRDS}/${winner}.${GROUP}`)
    const left = plurals.filter(plural => plural !== winner)
    const after = await Promise.all(left.map(async plural => conditionsOf(await b.send('GET', `${CRDS}/${plural}.${GROUP}`))))
    expect(after.map(({ Established }) => Established).sort()).toEqual(['False', 'False', 'True'])
  })

  it('go with their definition, in every environment', async () => {
    await a.send('POST', CRDS, definition('widgets'))
    await b.send('POST', widgets, widget('plain'))
    await b.send('POST', widgets, widget('held', { metadata: { name: 'held', finalizers: ['example.com/f'] } }))
    expect(await a.send('DELETE', `${CRDS}/widgets.${GROUP}`)).toMatchObject({ code: 200 })
    expect((await b.send('GET', widgets)).body.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['held'])
    expect(await b.send('POST', widgets, widget('late'))).toMatchObject({ code: 403 })
    await b.send('PATCH', `${widgets}/held`, { metadata: { finalizers: null } }, MERGE)
    expect(await a.send('GET', `${CRDS}/widgets.${GROUP}`)).toMatchObject({ code: 404 })
    expect(await b.send('GET', widgets)).toMatchObject({ code: 404 })
    // A definition of the same name begins anew.
    await a.send('POST', CRDS, definition('widgets'))
    expect((await b.send('GET', widgets)).body.items).toEqual([])
  })

  it('are applied by several managers through several environments', async () => {
    const schema = {
      type: 'object',
      properties: { spec: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } } },
    }
    await a.send('POST', CRDS, definition('widgets', [version('v1', schema)]))
    const apply = (api: TestApi, manager: string, spec: object) =>
      api.send('PATCH', `${widgets}/w?fieldManager=${manager}`, widget('w', { spec }), APPLY)
    expect(await apply(a, 'one', { a: '1' })).toMatchObject({ code: 201 })
    expect(await apply(b, 'two', { b: '2' })).toMatchObject({ code: 200, body: { spec: { a: '1', b: '2' } } })
    expect(await apply(b, 'two', { a: '3' })).toMatchObject({ code: 409 })
    expect((await apply(a, 'one', {})).body.spec).toEqual({ b: '2' })
  })

  it('count against quotas, live in namespaces and answer in protobuf only what is metadata', async () => {
    await a.send('POST', CRDS, definition('widgets'))
    const quota = { metadata: { name: 'q' }, spec: { hard: { [`count/widgets.${GROUP}`]: '1' } } }
    await a.send('POST', '/api/v1/namespaces/default/resourcequotas', quota)
    const status = { hard: quota.spec.hard, used: { [`count/widgets.${GROUP}`]: '0' } }
    await a.send('PATCH', '/api/v1/namespaces/default/resourcequotas/q/status', { status }, MERGE)
    expect(await b.send('POST', widgets, widget('one'))).toMatchObject({ code: 201 })
    expect(await b.send('POST', widgets, widget('two'))).toMatchObject({ code: 403 })
    expect(await b.send('POST', `/apis/${GROUP}/v1/namespaces/nowhere/widgets`, widget('w'))).toMatchObject({ code: 404 })
  })

  it('may have members that objects inherit', async () => {
    const properties = { constructor: { type: 'string' }, spec: { type: 'object', additionalProperties: { type: 'string' } } }
    await a.send('POST', CRDS, definition('widgets', [version('v1', { type: 'object', properties })]))
    const sent = widget('w', JSON.parse('{"constructor":"c","spec":{"__proto__":"p","toString":"t"},"hasOwnProperty":"x"}'))
    const { code, body, warning } = await b.send('POST', widgets, sent)
    expect([code, Object.keys(body.spec), body.constructor]).toEqual([201, ['__proto__', 'toString'], 'c'])
    expect(warning).toContain('unknown field \\"hasOwnProperty\\"')
  })
})
