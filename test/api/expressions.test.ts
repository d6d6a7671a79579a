// CEL that the interpreter itself does not know: messages, optional entries, has() of more than a path, the rest of the optional library.
import { describe, expect, it } from 'vitest'
import { checkingEnvironment, withPatchTypes } from '../../shared/apimachinery/cel/environment.ts'
import { check, compile } from '../../shared/apimachinery/cel/expression.ts'
import { rewrite } from '../../shared/apimachinery/cel/rewrite.ts'
import { untypedToCel } from '../../shared/apimachinery/cel/types.ts'

const object = { name: 'n', labels: { app: 'a' }, items: [{ name: 'x', size: 1 }, { name: 'y' }], none: {} }

function checked(text: string) {
  const environment = checkingEnvironment()
  environment.registerVariable('object', 'dyn')
  return check(text, withPatchTypes(environment, rewrite(text).types))
}

const plain = (value: unknown): unknown => {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [key, plain(one)]))
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'bigint') return Number(value)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
}

const values: Readonly<Record<string, unknown>> = {
  'Object{spec: Object.spec{replicas: 1 + 1}}': { spec: { replicas: 2 } },
  'Object { spec : Object . spec { replicas : 1 , } , }': { spec: { replicas: 1 } },
  "Object{text: '{a: 1}', more: \"it's {\", raw: r'\\d{2}'} // {": { text: '{a: 1}', more: "it's {", raw: '\\d{2}' },
  'Object{a: object.name == "n" ? {"b": [1, 2]} : {}, namespace: "reserved"}': { a: { b: [1, 2] }, namespace: 'reserved' },
  'Object{?a: object.?labels.app, ?b: object.?labels.other}': { a: 'a' },
  "{'a': 1, ?'b': object.?labels.app, ?'c': object.?labels.other, object.name == 'n' ? 'd' : 'e': 2}": { a: 1, b: 'a', d: 2 },
  '[1, ?object.?labels.other, ?optional.of(2)]': [1, 2],
  'object.items.map(i, Object.items{name: i.name})': [{ name: 'x' }, { name: 'y' }],
  'has(object.items[0].size) && !has(object.items[1].size)': true,
  'has(Object{a: 1}.a) && !has(Object{}.a)': true,
  "Object{a: 1} == Object{a: 1} && !(JSONPatch{op: 'add'} == JSONPatch{op: 'remove'})": true,
  "object.labels[?'app'].optMap(v, v + '!').orValue('none')": 'a!',
  "object.labels[?'other'].optMap(v, v + '!').orValue('none')": 'none',
  "object.?labels.optFlatMap(l, l[?'app']).orValue('none')": 'a',
  'optional.ofNonZeroValue(object.none).hasValue() || optional.ofNonZeroValue(0).hasValue()': false,
  "jsonpatch.escapeKey('k8s.io/x~y')": 'k8s.io~1x~0y',
  "'a' in {'a': 1} && 1 in [1]": true,
}

describe('expressions', () => {
  for (const [text, value] of Object.entries(values)) {
    it(text, async () => {
      expect(checked(text).problem).toBeUndefined()
      expect(plain(await compile(text, 'patch').evaluate({ object: untypedToCel(object) }))).toEqual(value)
    })
  }
})

const expected = "expecting {'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}"
const problems: Readonly<Record<string, readonly [column: number, problem: string]>> = {
  'Object{': [8, `Syntax error: mismatched input '<EOF>' ${expected}`],
  'Object{a: Object.a{': [20, `Syntax error: mismatched input '<EOF>' ${expected}`],
  'Object{a: thing}': [11, "undeclared reference to 'thing' (in container '')"],
  "Object{a: 1, b: 1 + 'x'}": [19, "found no matching overload for '_+_' applied to '(int, string)'"],
  'Odd.type{a: 1}': [9, "undeclared reference to 'Odd.type' (in container '')"],
  "JSONPatch{op: 'add', value: 1, odd: 2}": [35, "undefined field 'odd'"],
  'JSONPatch{path: [1]}': [15, "expected type of field 'path' is 'string' but provided type is 'list(int)'"],
  "{'a': 1, 'b': 'x'}": [15, "expected type 'int' but found 'string'"],
  'object.items.map(i, [i.size, 1, [1, true]])': [37, "expected type 'int' but found 'bool'"],
  "[?optional.of(1), 'x']": [19, "expected type 'int' but found 'string'"],
  'Object{?a: 1}': [12, "expected type 'optional_type(dyn)' but found 'int'"],
}

describe('what is wrong with an expression', () => {
  for (const [text, [column, problem]] of Object.entries(problems)) {
    it(text, () => expect(checked(text).problem).toBe(`ERROR: <input>:1:${column}: ${problem}\n | ${text}\n | ${'.'.repeat(column - 1)}^`))
  }
})

const failures: Readonly<Record<string, string>> = {
  'object.missing.x': 'no such key: missing',
  'object.items[2]': 'index out of bounds: 2',
  'object.name + object.items[0].size': 'no such overload',
  '!object.name': 'no such overload',
  'object.name && true': 'no such overload',
  "object.items.startsWith('a')": 'no such overload: startsWith(list, string)',
  'int(object.name)': "type conversion error from 'string' to 'int'",
  '1 % (object.items[0].size - 1)': 'modulus by zero',
}

describe('an evaluation that fails says why', () => {
  for (const [text, message] of Object.entries(failures)) {
    it(text, () => expect(() => compile(text).evaluate({ object: untypedToCel(object) })).toThrow(message))
  }
})

it('all names that nothing stands for are listed, in the order of the text', () => {
  const text = 'cel.bind(x, odd(object.a), x + object.items.map(i, i.size + j)[0])'
  const found = [...(checked(text).problem ?? '').matchAll(/ERROR: <input>:1:(\d+): undeclared reference to '(\w+)'/g)].map(
    ([, column, name]) => [Number(column), name],
  )
  expect(found).toEqual([
    [1, 'cel'],
    [9, 'bind'],
    [10, 'x'],
    [16, 'odd'],
    [28, 'x'],
    [61, 'j'],
  ])
})
