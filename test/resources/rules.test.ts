// Rules in CEL: what Kubernetes adds to the language, one expression at a time, through the door.
import { beforeAll, describe, expect, it } from 'vitest'
import { startApi, type TestApi } from './api.ts'

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
let api: TestApi

beforeAll(async () => {
  api = await startApi()
})

let count = 0

/** Defines a kind with this schema and answers how to write objects of it. */
async function kind(schema: object) {
  const plural = `things${count++}`
  const kindName = `Thing${count}`
  const definition = {
    metadata: { name: `${plural}.rules.example` },
    spec: {
      group: 'rules.example',
      scope: 'Namespaced',
      names: { plural, kind: kindName },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec: schema } } } },
      ],
    },
  }
  const { code, body } = await api.send('POST', CRDS, definition)
  const path = `/apis/rules.example/v1/namespaces/default/${plural}`
  const object = (spec: unknown) => ({ apiVersion: 'rules.example/v1', kind: kindName, metadata: { name: 't' }, spec })
  return {
    code,
    body,
    create: (spec: unknown) => api.send('POST', path, object(spec)),
    update: (spec: unknown) => api.send('PATCH', `${path}/t`, { spec }, 'application/merge-patch+json'),
  }
}

const rule = (text: string, more: object = {}) => ({ 'x-kubernetes-validations': [{ rule: text, ...more }] })
const text = { type: 'string', maxLength: 100 }

describe('a rule', () => {
  it.each([
    ["'a,b,c'.split(',') == ['a', 'b', 'c']", true],
    ["'hello'.substring(1, 3) == 'el' && 'hello'.charAt(1) == 'e' && 'abcabc'.lastIndexOf('b') == 4", true],
    ["' x '.trim() == 'x' && 'AbC'.lowerAscii() == 'abc' && 'a-b-c'.replace('-', '+', 1) == 'a+b-c'", true],
    ["'abc123def45'.findAll('[0-9]+') == ['123', '45'] && 'x'.find('y') == ''", true],
    ['[1, 2, 3].isSorted() && [1, 2].sum() == 3 && [3, 1].min() == 1 && [3, 1].max() == 3 && [1, 2, 1].lastIndexOf(1) == 2', true],
    ["quantity('1Ki').add(quantity('1Ki')).compareTo(quantity('2Ki')) == 0 && quantity('500m').isLessThan(quantity('1'))", true],
    ["!isQuantity('1Zi') && quantity('2').isInteger() && quantity('2k').asInteger() == 2000", true],
    ["url('https://a.example:8443/b?q=1').getPort() == '8443' && url('https://a/b?q=1').getQuery()['q'] == ['1']", true],
    ["isURL('/only/path') && !isURL('no scheme')", true],
    ["ip('127.0.0.1').isLoopback() && ip('fe80::1').isLinkLocalUnicast() && !isIP('1.2.3')", true],
    ["cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.0.0.0/8').prefixLength() == 8", true],
    ["!format.dns1123Label().validate('ok').hasValue() && format.uuid().validate('x').hasValue()", true],
    ["duration('90s') > duration('1m') && timestamp('2024-01-01T00:00:00Z').getFullYear() == 2024", true],
    ["self.matches('^a+$') ? true : self.size() > 2", true],
    ["self == 'something else'", false],
    ["self.startsWith('b') || self.contains('c')", false],
  ])('%s holds: %s', async (expression, holds) => {
    const { code, body, create } = await kind({ ...text, ...rule(expression) })
    expect([code, body.message]).toEqual([201, undefined])
    expect((await create('aaa')).code).toBe(holds ? 201 : 422)
  })

  it('joins lists whose texts have a limit', async () => {
    const { code, create } = await kind({ type: 'array', maxItems: 5, items: text, ...rule("self.join('-') == 'x-y'") })
    expect(code).toBe(201)
    expect([(await create(['x', 'y'])).code, (await create(['x'])).code]).toEqual([201, 422])
  })

  it.each([
    ['self.oops()', "undeclared reference to 'oops'"],
    ["self + 1 == 'x'", 'no matching overload'],
    ['nothing > 1', "undeclared reference to 'nothing'"],
    ['self.field == 1', ''],
    ["'just text'", 'must evaluate to a bool'],
  ])('%s is refused when the definition is written', async (expression, why) => {
    const { code, body } = await kind({ ...text, ...rule(expression) })
    expect([code, body.message]).toEqual([422, expect.stringContaining(why)])
  })

  it('sees what was there before, by key in lists and maps', async () => {
    const grow = { type: 'integer', ...rule('self >= oldSelf') }
    const items = { type: 'object', required: ['name'], properties: { name: text, n: grow } }
    const list = { type: 'array', maxItems: 5, items, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }
    const { create, update } = await kind({ type: 'object', properties: { list, map: { type: 'object', additionalProperties: grow } } })
    await create({ list: [{ name: 'a', n: 5 }], map: { k: 1 } })
    expect(
      await update({
        list: [
          { name: 'b', n: 1 },
          { name: 'a', n: 6 },
        ],
        map: { k: 2, other: 0 },
      }),
    ).toMatchObject({ code: 200 })
    expect(await update({ list: [{ name: 'a', n: 4 }] })).toMatchObject({ code: 422 })
    expect(await update({ map: { k: 1 } })).toMatchObject({ code: 422 })
  })

  it('compares objects, with what they were and with nothing', async () => {
    const point = { type: 'object', properties: { x: { type: 'integer' }, y: { type: 'integer' } } }
    const rules = rule('self.at == oldSelf.at && self != null')
    const { code, body, create, update } = await kind({ type: 'object', properties: { at: point, name: text }, ...rules })
    expect([code, body.message]).toEqual([201, undefined])
    await create({ at: { x: 1, y: 2 }, name: 'a' })
    expect(await update({ name: 'b' })).toMatchObject({ code: 200 })
    expect(await update({ at: { y: 3 } })).toMatchObject({ code: 422 })
    expect(await kind({ type: 'object', properties: { at: point, to: text }, ...rule('self.at == self.to') })).toMatchObject({ code: 422 })
  })

  it('cannot reach what the schema does not name, whatever it is called', async () => {
    const { code } = await kind({ type: 'object', properties: { a: text }, ...rule("has(self.constructor) || self.a == 'x'") })
    expect(code).toBe(422)
    const properties = { constructor: text, 'with-dash': text, namespace: text }
    const { create } = await kind({
      type: 'object',
      properties,
      ...rule('!has(self.constructor) || self.with__dash__dash == self.__namespace__'),
    })
    expect(await create({})).toMatchObject({ code: 201 })
    expect(await create({ constructor: 'c', 'with-dash': 'a', namespace: 'b' })).toMatchObject({ code: 422 })
  })
})
