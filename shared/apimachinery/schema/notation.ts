// Reads one definition from generated.ts. The notation is described in scripts/generate-schema.ts.
import type { Field, ListSchema, PatchStrategy, ScalarSchema, ScalarType, Schema, StructSchema } from './types.ts'

/** Finds a definition by its module and name; called when a field's type is first looked at. */
export type Resolve = (module: string, name: string) => StructSchema

const SCALARS: Readonly<Record<string, readonly [type: ScalarType, goName: string]>> = {
  s: ['string', 'string'],
  b: ['boolean', 'bool'],
  i: ['int32', 'int32'],
  l: ['int64', 'int64'],
  d: ['double', 'float64'],
  y: ['bytes', '[]uint8'],
  t: ['time', 'v1.Time'],
  u: ['microTime', 'v1.MicroTime'],
  D: ['duration', 'v1.Duration'],
  q: ['quantity', 'resource.Quantity'],
  x: ['intOrString', 'intstr.IntOrString'],
  r: ['raw', 'runtime.RawExtension'],
  f: ['fieldsV1', 'v1.FieldsV1'],
  j: ['json', 'v1.JSON'],
  A: ['schemaOrArray', 'v1.JSONSchemaPropsOrArray'],
  B: ['schemaOrBool', 'v1.JSONSchemaPropsOrBool'],
  C: ['schemaOrStrings', 'v1.JSONSchemaPropsOrStringArray'],
  I: ['any', 'interface {}'],
}

/** Scalars without a name of their own are the same everywhere. */
const plain = new Map<string, ScalarSchema>(
  Object.entries(SCALARS).map(([letter, [type, goName]]) => [letter, { type, goName, nullable: false }]),
)

const STRATEGIES: Readonly<Record<string, PatchStrategy>> = { m: 'merge', k: 'retainKeys', r: 'replace' }

/** A struct of the notation; its fields are read when they are first asked for. */
export class Definition implements StructSchema {
  readonly type = 'struct'
  readonly name: string
  readonly goName: string
  readonly atomic: boolean
  readonly isKind: boolean
  readonly open = false
  readonly embedded = false
  readonly nullable = false
  readonly structural = false
  readonly #text: string
  readonly #module: string
  readonly #resolve: Resolve
  #fields: ReadonlyMap<string, Field> | undefined

  /** `line` is the definition's whole line; `name` the full one. */
  constructor(line: string, module: string, name: string, resolve: Resolve) {
    const colon = line.indexOf(':')
    const head = line.slice(0, colon)
    this.name = name
    this.goName = `${module.slice(module.indexOf('/') + 1)}.${head.replace(/[!~]+$/, '')}`
    this.isKind = head.includes('!')
    this.atomic = head.includes('~')
    this.#text = line.slice(colon + 1)
    this.#module = module
    this.#resolve = resolve
  }

  get fields(): ReadonlyMap<string, Field> {
    this.#fields ??= readFields(this.#text, this.#module, this.#resolve)
    return this.#fields
  }
}

function readFields(text: string, module: string, resolve: Resolve): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>()
  for (const part of text === '' ? [] : text.split(';')) {
    const field = new NotatedField(part, module, resolve)
    fields.set(field.name, field)
  }
  return fields
}

/** type, then modifiers: see the generator. */
const MODIFIERS = /^(\*?)(!?)(z?)(R?)(?:L(a|s|m\(([^)]*)\)))?(?:M([ag]))?(?:P([mkr]+))?(?:\^([^#=]+))?(?:#([\d/]+))?(?:=(.*))?$/

class NotatedField implements Field {
  readonly name: string
  readonly pointer: boolean
  readonly always: boolean
  readonly omitZero: boolean
  readonly required: boolean
  readonly default: unknown
  readonly patchStrategies: readonly PatchStrategy[]
  readonly patchMergeKey: string | undefined
  readonly numbers: readonly number[]
  readonly #read: () => Schema
  #schema: Schema | undefined

  constructor(text: string, module: string, resolve: Resolve) {
    const colon = text.indexOf(':')
    const space = text.indexOf(' ', colon)
    const end = space < 0 ? text.length : space
    const found = MODIFIERS.exec(text.slice(end + 1))
    if (found === null) throw new Error(`unreadable field: ${text}`)
    const [, pointer, always, omitZero, required, list, keys, map, strategies, mergeKey, numbers, value] = found
    this.name = text.slice(0, colon)
    this.pointer = pointer !== ''
    this.always = always !== ''
    this.omitZero = omitZero !== ''
    this.required = required !== ''
    this.default = value === undefined ? undefined : JSON.parse(value)
    this.patchStrategies = strategies === undefined ? [] : [...strategies].map(letter => STRATEGIES[letter]!)
    this.patchMergeKey = mergeKey
    this.numbers = numbers === undefined ? [] : numbers.split('/').map(Number)
    const type = text.slice(colon + 1, end)
    this.#read = () => readType(type, module, resolve, list, keys?.split(',') ?? [], map)
  }

  get schema(): Schema {
    this.#schema ??= this.#read()
    return this.#schema
  }
}

function readType(text: string, module: string, resolve: Resolve, list?: string, keys: readonly string[] = [], map?: string): Schema {
  const head = text[0]!
  if (head === '<') {
    const end = text.indexOf('>')
    const name = text.slice(1, end)
    const goName = name.includes('.') ? name : `${module.slice(module.indexOf('/') + 1)}.${name}`
    return { ...readType(text.slice(end + 1), module, resolve, list, keys, map), goName } as Schema
  }
  if (head === '@') {
    const dot = text.indexOf('.')
    const struct = dot < 0 ? resolve(module, text.slice(1)) : resolve(text.slice(1, dot), text.slice(dot + 1))
    return map === undefined || (map === 'a') === struct.atomic ? struct : new Remapped(struct, map === 'a')
  }
  if (head === '{') {
    const value = readType(text.slice(1), module, resolve)
    return { type: 'map', goName: `map[string]${value.goName}`, value, atomic: map === 'a', nullable: false }
  }
  if (head === '[' || head === '%') {
    const item = readType(text.slice(head === '%' ? 2 : 1), module, resolve)
    const listType = list === undefined || list === 'a' ? 'atomic' : list === 's' ? 'set' : 'map'
    return { type: 'list', goName: `[]${item.goName}`, item, listType, keys, wrapped: head === '%', nullable: false } satisfies ListSchema
  }
  const scalar = plain.get(head)
  if (scalar === undefined) throw new Error(`unreadable type: ${text}`)
  return scalar
}

/** A struct that one field merges otherwise than the struct itself says. */
class Remapped implements StructSchema {
  readonly type = 'struct'
  readonly open = false
  readonly embedded = false
  readonly nullable = false
  readonly structural = false
  readonly atomic: boolean
  readonly #of: StructSchema

  constructor(of: StructSchema, atomic: boolean) {
    this.#of = of
    this.atomic = atomic
  }

  get name(): string {
    return this.#of.name
  }

  get goName(): string {
    return this.#of.goName
  }

  get fields(): ReadonlyMap<string, Field> {
    return this.#of.fields
  }
}
