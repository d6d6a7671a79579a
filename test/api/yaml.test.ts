// YAML as it is answered: style by examples, and that what was written is read again.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseYaml, writeYaml } from '../../shared/apimachinery/codec/yaml.ts'

const lines = (...text: string[]) => `${text.join('\n')}\n`

describe('YAML', () => {
  it.each([
    ['word', 'word'],
    ['', '""'],
    ['true', '"true"'],
    ['y', '"y"'],
    ['null', '"null"'],
    ['~', '"~"'],
    ['12', '"12"'],
    ['-0.5', '"-0.5"'],
    ['1e3', '"1e3"'],
    ['0x1F', '"0x1F"'],
    ['1_000', '"1_000"'],
    ['0o8', '0o8'],
    ['1.2.3', '1.2.3'],
    ['10:30', '"10:30"'],
    ['10:99', '10:99'],
    ['2026-01-02', '"2026-01-02"'],
    ['2026-02-30', '2026-02-30'],
    ['2026-01-02T03:04:05Z', '"2026-01-02T03:04:05Z"'],
    ['.5', '".5"'],
    ['.a', '.a'],
    ['a: b', "'a: b'"],
    ['a:b', 'a:b'],
    ['a #b', "'a #b'"],
    ['a#b', 'a#b'],
    ['- a', "'- a'"],
    ['-a', '-a'],
    ['?', "'?'"],
    ['*', "'*'"],
    ['{a}', "'{a}'"],
    ['a{b', 'a{b'],
    ['---', "'---'"],
    ["it's", "it's"],
    ["'it", "'''it'"],
    ['"', "'\"'"],
    [' a', "' a'"],
    ['a ', "'a '"],
    ['a\tb', '"a\\tb"'],
    ['ä☃', 'ä☃'],
    ['😀', '"\\U0001F600"'],
    ['a\u0000b', '"a\\0b"'],
    ['a\nb', '|-\n  a\n  b'],
    ['a\nb\n', '|\n  a\n  b'],
    ['a\n\n', '|+\n  a\n'],
    [' a\nb', '|2-\n   a\n  b'],
    ['a \nb', '"a \\nb"'],
    ['a\r\nb', '"a\\r\\nb"'],
  ])('writes %j as %s', (text, written) => {
    expect(writeYaml({ k: text })).toBe(`k: ${written}\n`)
  })

  it.each([
    [1, '1'],
    [-5, '-5'],
    [0.1, '0.1'],
    [1e21, '1e+21'],
    [0.00001, '1e-05'],
    [123456789012, '123456789012'],
    [true, 'true'],
    [null, 'null'],
    [[], '[]'],
    [{}, '{}'],
  ])('writes %j as %s', (value, written) => {
    expect(writeYaml({ k: value })).toBe(`k: ${written}\n`)
  })

  it('does not indent lists, and begins their items on the line of the dash', () => {
    expect(writeYaml({ b: [{ d: 1, c: [['x', 'y'], []] }], a: { z: [1] } })).toBe(
      lines('a:', '  z:', '  - 1', 'b:', '- c:', '  - - x', '    - "y"', '  - []', '  d: 1'),
    )
  })

  it('puts numbers within names in the order of numbers, and letters last', () => {
    const names = ['b', 'a10', 'a2', 'a', 'a-b', 'aa', 'a.b', '10', '9', 'B']
    expect(Object.keys(parseYaml(writeYaml(Object.fromEntries(names.map(name => [name, 0])))).value as object)).toEqual(
      Object.keys({ 9: 0, 10: 0, B: 0, a: 0, 'a-b': 0, 'a.b': 0, a2: 0, a10: 0, aa: 0, b: 0 }),
    )
    expect(writeYaml(Object.fromEntries(names.map(name => [name, 0])))).toBe(
      lines('"9": 0', '"10": 0', 'B: 0', 'a: 0', 'a-b: 0', 'a.b: 0', 'a2: 0', 'a10: 0', 'aa: 0', 'b: 0'),
    )
  })

  it('folds long lines at the first space after the eightieth column, whatever the quotes', () => {
    const words = `${'x'.repeat(79)} y z ${'w'.repeat(90)} v`
    expect(writeYaml({ k: words })).toBe(lines(`k: ${'x'.repeat(79)}`, `  y z ${'w'.repeat(90)}`, '  v'))
    expect(writeYaml({ k: `${words}: #` })).toBe(lines(`k: '${'x'.repeat(79)}`, `  y z ${'w'.repeat(90)}`, "  v: #'"))
    expect(writeYaml({ k: `${words}\t` })).toBe(lines(`k: "${'x'.repeat(79)}`, `  y z ${'w'.repeat(90)}`, '  v\\t"'))
  })

  it('puts long names behind a question mark', () => {
    const name = 'n'.repeat(129)
    expect(writeYaml({ [name]: { a: [1] } })).toBe(lines(`? ${name}`, ': a:', '  - 1'))
  })

  it('is read as what was written', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.string({ unit: fc.constantFrom(...'ab 1:-#\n\t\'"{}?.~yn'), maxLength: 120 }),
      fc.string({ unit: fc.constantFrom('word', ' ', '  ', "it's", ': ', '\n'), maxLength: 60 }),
    )
    const { tree } = fc.letrec(tie => ({
      tree: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        text,
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(fc.string({ unit: 'grapheme-ascii', maxLength: 140 }), tie('tree'), { maxKeys: 4 }),
      ),
    }))
    fc.assert(
      fc.property(fc.dictionary(text, tree, { maxKeys: 4 }), object => {
        fc.pre(Object.keys(object).every(name => name !== '__proto__'))
        expect(parseYaml(writeYaml(object)).value).toEqual(JSON.parse(JSON.stringify(object)))
      }),
      { numRuns: 500 },
    )
  })
})
