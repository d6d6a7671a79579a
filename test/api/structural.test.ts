import { afterAll, describe, expect, it } from 'vitest'
import { type FieldSet, paths } from '../../shared/apimachinery/apply/field-set.ts'
import { OpenApi } from '../../shared/apimachinery/openapi/route.ts'
import { Registry } from '../../shared/apimachinery/registry.ts'
import { addSchema, removeSchema } from '../../shared/apimachinery/schema/schemas.ts'
import { type JsonSchema, structuralTypes } from '../../shared/apimachinery/schema/structural.ts'
import { schemaEngines as engines } from '../../shared/apimachinery/schema-engines.ts'
import type { KubeObject } from '../../shared/apimachinery/types.ts'

const object = (properties: Record<string, JsonSchema>, more: JsonSchema = {}): JsonSchema => ({ type: 'object', properties, ...more })
const text: JsonSchema = { type: 'string' }
const open = { 'x-kubernetes-preserve-unknown-fields': true }

const widget = object({
  spec: object(
    {
      size: { type: 'integer', format: 'int32', minimum: 1 },
      color: { ...text, default: 'red' },
      maybe: { ...text, nullable: true, default: 'x' },
      port: { 'x-kubernetes-int-or-string': true },
      items: {
        type: 'array',
        items: object({ name: text, port: { type: 'integer', default: 80 }, v: text }),
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name', 'port'],
      },
      tags: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
      plain: { type: 'array', items: text },
      extra: object({ closed: object({ x: text }) }, open),
      byName: { type: 'object', additionalProperties: object({ a: text, b: { ...text, default: 'b' } }) },
      template: { type: 'object', 'x-kubernetes-embedded-resource': true, ...open },
    },
    { required: ['size'] },
  ),
})

const KEY = 'test:widget:1:v1'
const types = structuralTypes({ group: 'shop.example', version: 'v1', kind: 'Widget', listKind: 'WidgetList', plural: 'widgets' }, widget)
addSchema(KEY, types.object)
addSchema(`${KEY}List`, types.list)
afterAll(() => {
  removeSchema(KEY)
  removeSchema(`${KEY}List`)
})

const make = (spec: unknown, more: object = {}) => ({
  apiVersion: 'shop.example/v1',
  kind: 'Widget',
  metadata: { name: 'w' },
  spec,
  ...more,
})
const decode = (value: unknown) => engines.decode(value, KEY)

describe('custom resources', () => {
  it('are pruned, with every unknown path reported', () => {
    const { object: pruned, unknown } = decode(
      make(
        {
          size: 1,
          frob: 1,
          items: [{ name: 'a', m: 1 }],
          extra: { any: { thing: 1 }, closed: { x: '1', y: '2' } },
          byName: { k: { a: '1', c: 1 } },
        },
        { top: 1 },
      ),
    )
    expect(pruned).toEqual(
      make({ size: 1, items: [{ name: 'a' }], extra: { any: { thing: 1 }, closed: { x: '1' } }, byName: { k: { a: '1' } } }),
    )
    expect(unknown).toEqual(
      ['spec.byName.k.c', 'spec.extra.closed.y', 'spec.frob', 'spec.items[0].m', 'top'].map(
        path => `unknown field ${JSON.stringify(path)}`,
      ),
    )
  })

  it('keep values as they were sent, for validation to judge', () => {
    const spec = { size: 'large', color: '', plain: [], tags: null, port: 'http', maybe: null }
    expect(decode(make(spec)).object).toEqual(make(spec))
  })

  it("have Go's metadata, also where they are embedded", () => {
    expect(decode(make({ size: 1 }, { metadata: { name: 'w', frob: 1, labels: {} } }))).toMatchObject({
      object: { metadata: { name: 'w' } },
      unknown: ['unknown field "metadata.frob"'],
    })
    expect(() => decode(make({}, { metadata: { labels: { a: 1 } } }))).toThrow(
      'json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string',
    )
    expect(() => decode(make({ template: { metadata: { labels: { a: 1 } } } }))).toThrow(
      'spec.template.metadata: Invalid value: {"labels":{"a":1}}: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string',
    )
  })

  it('get defaults wherever the object that holds them is there', () => {
    const value = make({ maybe: null, items: [{ name: 'a' }], byName: { k: {} } }) as unknown as KubeObject
    engines.applyDefaults(value, KEY)
    expect(value).toEqual(make({ color: 'red', maybe: null, items: [{ name: 'a', port: 80 }], byName: { k: { b: 'b' } } }))
  })

  it('are applied by the keys and types of their schema', () => {
    const options = { manager: 'one', apiVersion: 'shop.example/v1', schema: KEY, subresource: '', now: 0, resetFields: [], force: false }
    const config = make({
      items: [{ name: 'n', v: '1' }],
      tags: ['x'],
      plain: ['p'],
      extra: { deep: { more: true } },
    }) as unknown as KubeObject
    const applied = engines.applyConfiguration(undefined, config, options)
    expect([...paths(applied.metadata.managedFields![0]!.fieldsV1 as FieldSet)]).toEqual([
      '.spec.plain',
      '.spec.extra.deep',
      '.spec.extra.deep.more',
      '.spec.items[name="n",port=80]',
      '.spec.items[name="n",port=80].name',
      '.spec.items[name="n",port=80].v',
      '.spec.tags[="x"]',
    ])
    const refused = (spec: unknown) => () => engines.applyConfiguration(applied, make(spec) as unknown as KubeObject, options)
    expect(refused({ unknown: 1 })).toThrow('(/w; shop.example/v1, Kind=Widget): .spec.unknown: field not declared in schema')
    expect(refused({ size: 'x' })).toThrow('.spec.size: expected numeric (int or float), got string')
    expect(
      refused({
        items: [
          { name: 'q', port: 1 },
          { name: 'q', port: 1 },
        ],
      }),
    ).toThrow('.spec.items: duplicate entries for key [name="q",port=1]')
  })

  it('are published under the reversed name of their group', async () => {
    const registry = new Registry([
      {
        group: 'shop.example',
        resource: 'widgets',
        singular: 'widget',
        kind: 'Widget',
        namespaced: true,
        versions: [{ version: 'v1', storage: true, schema: KEY }],
      },
    ])
    const openApi = new OpenApi({ registry, version: 'v1.36.0' })
    const get = async (path: string) => {
      const url = new URL(path, 'http://api')
      return (await (await openApi.respond(new Request(url), url, 0))!.json()) as Record<string, never>
    }
    const v3 = (await get('/openapi/v3/apis/shop.example/v1')) as unknown as {
      info: object
      components: { schemas: Record<string, object> }
      paths: Record<string, { patch?: { requestBody: { content: object } } }>
    }
    expect(v3.info).toEqual({ title: 'Kubernetes CRD Swagger', version: 'v1.36.0' })
    expect(v3.components.schemas['example.shop.v1.Widget']).toMatchObject({
      type: 'object',
      properties: {
        metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] },
        spec: {
          required: ['size'],
          properties: { port: { anyOf: [{ type: 'integer' }, { type: 'string' }] }, maybe: { type: 'string', nullable: true } },
        },
      },
      'x-kubernetes-group-version-kind': [{ group: 'shop.example', version: 'v1', kind: 'Widget' }],
    })
    expect(v3.components.schemas).toHaveProperty(['example.shop.v1.WidgetList'])
    const { patch } = v3.paths['/apis/shop.example/v1/namespaces/{namespace}/widgets/{name}']!
    expect(Object.keys(patch!.requestBody.content)).not.toContain('application/strategic-merge-patch+json')

    const v2 = (await get('/openapi/v2')) as unknown as { definitions: Record<string, { properties: { spec: { properties: object } } }> }
    expect(v2.definitions['example.shop.v1.Widget']!.properties.spec.properties).toMatchObject({
      size: { type: 'integer' },
      maybe: {},
      port: { 'x-kubernetes-int-or-string': true },
    })
    expect(v2.definitions['example.shop.v1.Widget']!.properties.spec.properties).not.toHaveProperty('maybe.type')
  })
})
