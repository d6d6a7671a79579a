// Estimated costs of rules. The numbers of the first two tables are those that upstream's tests expect of the same schemas and rules.
import { describe, expect, it } from 'vitest'
import { estimateCost } from '../../shared/apimachinery/cel/cost/estimate.ts'
import { maxCardinality, sizedType } from '../../shared/apimachinery/cel/cost/sized-type.ts'
import { checkingEnvironment } from '../../shared/apimachinery/cel/environment.ts'
import { rewrite } from '../../shared/apimachinery/cel/rewrite.ts'
import { TypeNames } from '../../shared/apimachinery/cel/types.ts'
import type { JsonSchema } from '../../shared/apimachinery/schema/structural.ts'

function costOf(schema: JsonSchema, rule: string, isRoot = false): number {
  const environment = checkingEnvironment()
  const type = new TypeNames(environment).of(schema, isRoot)
  environment.registerVariable('self', type)
  environment.registerVariable('oldSelf', type)
  expect(environment.check(rewrite(rule).text)).toMatchObject({ valid: true })
  const sized = sizedType(schema, isRoot)
  if (sized === undefined) throw new Error('rules cannot see this')
  return estimateCost(rule, environment, sized)
}

const primitive = (name: string): JsonSchema => {
  if (name === 'int-or-string') return { 'x-kubernetes-int-or-string': true }
  return ['duration', 'date', 'date-time'].includes(name) ? { type: 'string', format: name } : { type: name }
}
const list = (items: JsonSchema, maxItems?: number): JsonSchema => ({
  type: 'array',
  items,
  ...(maxItems === undefined ? {} : { maxItems }),
})
const map = (additionalProperties: JsonSchema, maxProperties?: number): JsonSchema => ({
  type: 'object',
  additionalProperties,
  ...(maxProperties === undefined ? {} : { maxProperties }),
})
const text = (maxLength?: number): JsonSchema => ({ type: 'string', ...(maxLength === undefined ? {} : { maxLength }) })

describe('the estimated cost', () => {
  it.each([
    ['number', 'self.all(x, true)', 4718591, 10, 32],
    ['string', 'self.all(x, true)', 3145727, 20, 62],
    ['boolean', 'self.all(x, true)', 1887437, 5, 17],
    ['int-or-string', 'self.all(x, true)', 4718591, 10, 32],
    ['duration', 'self.all(x, true)', 2359295, 5, 17],
    ['date', 'self.all(x, true)', 725936, 15, 47],
    ['date-time', 'self.all(x, true)', 428963, 25, 77],
    ['number', 'self[1] == 0.0', 2, 5000, 2],
    ['string', 'self[1] == self[1]', 314577, 8, 314577],
    ['int-or-string', 'self[0] == 5', 3, 10, 3],
    ['boolean', 'self[0] == false', 2, 25, 2],
    ['duration', 'self[0].getHours() == 2', 4, 525, 4],
    ['date', 'self[2].getDayOfMonth() == 13', 4, 42, 4],
    ['number', 'self.all(x, x == 0.0)', 6291454, 3 * 1024 * 2048, 25165826],
    ['number', 'self.all(x, self.all(y, true))', 4718591 ** 2, 10, 352],
    ['number', 'self.all(x, self.all(y, self.all(z, true)))', 4718591 ** 2, 10, 3552],
  ])('of a list of %s with %s is %d, and with at most %d items %d', (items, rule, open, maxItems, bounded) => {
    const cost = costOf(list(primitive(items)), rule)
    if (open > 1e9) expect(cost).toBeGreaterThan(1e9)
    else expect(cost).toBe(open)
    expect(costOf(list(primitive(items), maxItems), rule)).toBe(bounded)
  })

  it.each<[JsonSchema, string, number]>([
    [list(list(primitive('number'))), 'self.all(x, true)', 3145727],
    [list(list(primitive('number')), 100), 'self.all(x, true)', 302],
    [list(list(primitive('number'))), 'self[0][0] == -1.0', 3],
    [map(primitive('number')), 'self.all(x, true)', 1348169],
    [map(primitive('string')), 'self.all(x, true)', 1179647],
    [map(primitive('boolean')), 'self.all(x, true)', 943718],
    [map(primitive('duration')), 'self.all(x, true)', 1048577],
    [map(primitive('date')), 'self.all(x, true)', 524288],
    [map(primitive('date-time')), 'self.all(x, true)', 349526],
    [map(map(primitive('number'))), 'self.all(x, true)', 1179647],
    [map(primitive('number')), 'self["x"] == 0.0', 2],
    [map(primitive('integer')), 'oldSelf.size() == self.size()', 5],
    [map(primitive('date-time')), 'self["a"] == self["b"]', 8],
    [map(primitive('duration')), 'self["c"] == self["d"]', 8],
    [list(map(primitive('number'))), 'self.all(x, x.y == 25.2)', 6291452],
    [list(map(primitive('number')), 12), 'self.all(x, x.y == 25.2)', 74],
    [list(map(primitive('number'))), 'self[0].x > 2.0', 4],
    [text(), "self.contains('test')", 314574],
    [text(10), "self.contains('test')", 5],
    [text(), "self.startsWith('test')", 2],
    [text(), "self.endsWith('test')", 2],
    [text(), 'size(self + "hello") > size("hello")', 314578],
    [text(4), 'size(self + "hello") > size("hello")', 7],
    [text(), 'self.matches("x")', 314574],
    [text(50), 'self.matches("x")', 22],
    [text(), '"".matches("(((((((((())))))))))[0-9]")', 7],
    [text(), 'self.matches("")', 1],
    [text(0), 'self == "x"', 1],
    [text(), 'self == "x"', 2],
    [{ type: 'string', format: 'byte' }, 'self == b"x"', 2],
    [text(), "self.find('[0-9]+') == ''", 629147],
    [text(10), "self.find('[0-9]+') == ''", 11],
    [list(text()), "self.join(' ') == 'aa bb'", 329853068905],
    [list(text(10), 10), "self.join(' ') == 'aa bb'", 43],
    [list(text()), 'self.isSorted() == true', 329854432052],
    [list(text(10), 10), 'self.isSorted() == true', 52],
    [text(), "self.lowerAscii() == 'lower!'", 314575],
    [text(10), "self.lowerAscii() == 'lower!'", 6],
    [{ type: 'string', enum: ['A', 'B', 'C', 'LongValue'] }, "self.contains('A')", 2],
  ])('of %j with %s is %d', (schema, rule, cost) => {
    expect(costOf(schema, rule)).toBe(cost)
  })

  it.each([
    ['self.str.replace(self.before, self.after) == "does not matter"', 629154, 12],
    ['self.str.split(self.before) == []', 629160, 18],
  ])('of members of an object with %s is %d, and with short ones %d', (rule, open, short) => {
    const object = (maxLength?: number): JsonSchema => ({
      type: 'object',
      properties: { str: text(maxLength), before: text(2), after: text(4) },
    })
    expect(costOf(object(), rule)).toBe(open)
    expect(costOf(object(4), rule)).toBe(short)
  })

  it('of has() is what leads to the member', () => {
    const schema: JsonSchema = { type: 'object', properties: { spec: { type: 'object', properties: { a: text() } } } }
    expect(costOf(schema, 'has(self.spec.a)')).toBe(2)
    expect(costOf(schema, 'has(self.spec) ? self.spec.a.size() > 3 : true')).toBe(1 + 3 + 1 + 1)
    const items = list({ type: 'object', properties: { a: text() } }, 3)
    expect(costOf(items, 'has(self[0].a)')).toBe(2)
  })

  it('of optional values is what they are taken from, and what each step adds', () => {
    const schema: JsonSchema = { type: 'object', properties: { spec: { type: 'object', properties: { a: text() } } } }
    expect(costOf(schema, 'self.?spec.?a.orValue("").size() > 1')).toBe(3 + 1 + 1 + 1)
    expect(costOf(schema, 'self.?spec.optMap(v, v.a.size()).orValue(0) > 1')).toBe(2 + 2 + 13 + 3 + 1 + 1)
    expect(costOf(schema, '{?"a": self.?spec.?a}.size() == 1')).toBe(30 + 3 + 1 + 1)
    expect(costOf(schema, '[?self.?spec.?a, "b"].size() == 1')).toBe(10 + 3 + 1 + 1)
  })

  it('of loops is what each of upstream expansions does', () => {
    const numbers = list(primitive('integer'), 10)
    expect(costOf(numbers, 'self.exists(x, x > 1)')).toBe(2 + 10 * (4 + 2))
    expect(costOf(numbers, 'self.exists_one(x, x > 1)')).toBe(3 + 10 * (2 + 2))
    expect(costOf(numbers, 'self.filter(x, x > 1).size() == 0')).toBe(12 + 10 * (13 + 2) + 1 + 1)
    expect(costOf(numbers, 'self.map(x, x + 1).size() == 0')).toBe(12 + 10 * (12 + 2) + 1 + 1)
    expect(costOf(numbers, 'self.sum() == self.max()')).toBe(2 * (1 + 10) + 1)
  })

  it('of the root of a resource counts the members that every resource has', () => {
    const schema: JsonSchema = { type: 'object', properties: { spec: { type: 'object' } } }
    expect(costOf(schema, 'self.metadata.name.startsWith("abc")', true)).toBe(3 + 1)
    expect(costOf(schema, 'self.metadata.name == self.kind', true)).toBe(5 + 314573)
  })

  it('is taken as often as a value can stand in a request', () => {
    const cardinality = (schema: JsonSchema) => maxCardinality(sizedType(schema) as NonNullable<ReturnType<typeof sizedType>>)
    expect(cardinality(text())).toBe(1048576)
    expect(cardinality({ type: 'object', required: ['ab'], properties: { ab: text(), c: text() } })).toBe(Math.floor(3145728 / 11))
  })
})
