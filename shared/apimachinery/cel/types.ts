// How CEL sees values of a structural schema: their types, declared to the checker, and the values themselves
// (apiextensions-apiserver/pkg/apiserver/schema/cel, k8s.io/apiserver/pkg/cel).
import type { Environment } from '@marcbachmann/cel-js'
import { member } from '../objects.ts'
import type { JsonSchema } from '../schema/structural.ts'
import { durationOf } from './environment.ts'

const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
)

/** Whether a variable may have this name. */
export const isIdentifier = (name: string): boolean => /^[a-zA-Z_]\w*$/.test(name) && !RESERVED.has(name)

/** A member's name as expressions write it; undefined where none can. */
export function escapeName(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`
  const escaped = name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__')
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(escaped) ? escaped : undefined
}

const METADATA: JsonSchema = { type: 'object', properties: { name: { type: 'string' }, generateName: { type: 'string' } } }
const TEXT: JsonSchema = { type: 'string' }

/** The members that expressions may name. */
export function membersOf(schema: JsonSchema, isResource: boolean): [name: string, schema: JsonSchema][] {
  const members = Object.entries(schema.properties ?? {}).filter(
    ([name]) => !isResource || !['apiVersion', 'kind', 'metadata'].includes(name),
  )
  if (isResource) members.push(['apiVersion', TEXT], ['kind', TEXT], ['metadata', METADATA])
  return members
}

const isResource = (schema: JsonSchema, isRoot: boolean) => isRoot || schema['x-kubernetes-embedded-resource'] === true

/** Objects of one type can be compared, and with null; the interpreter would not let them. Answers the name. */
export function declareType(environment: Environment, name: string, fields: Readonly<Record<string, string>>): string {
  environment.registerType(name, { fields: { ...fields } })
  environment.registerOperator(`${name} == ${name}`, isEqual)
  environment.registerOperator(`${name} == null`, () => false)
  return name
}

/** For the checker alone: values are maps when an expression runs. */
const isEqual = (a: unknown, b: unknown): boolean => a === b

/** Declares the schema's types to an environment and answers the name of the first. */
export class TypeNames {
  readonly #environment: Environment
  #count = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  of(schema: JsonSchema, isRoot = false): string {
    if (schema['x-kubernetes-int-or-string']) return 'dyn'
    switch (schema.type) {
      case 'object':
        return this.#object(schema, isRoot)
      case 'array':
        return schema.items === undefined ? 'list<dyn>' : `list<${this.of(schema.items)}>`
      case 'integer':
        return 'int'
      case 'number':
        return 'double'
      case 'boolean':
        return 'bool'
      case 'string':
        return textType(schema.format)
      default:
        return 'dyn'
    }
  }

  #object(schema: JsonSchema, isRoot: boolean): string {
    const { additionalProperties, properties } = schema
    if (properties === undefined && additionalProperties !== undefined && additionalProperties !== false && !isResource(schema, isRoot)) {
      return `map<string, ${additionalProperties === true ? 'dyn' : this.of(additionalProperties)}>`
    }
    const fields: Record<string, string> = {}
    for (const [name, one] of membersOf(schema, isResource(schema, isRoot))) {
      const escaped = escapeName(name)
      if (escaped !== undefined) fields[escaped] = this.of(one)
    }
    return declareType(this.#environment, `Type${this.#count++}`, fields)
  }
}

function textType(format: string | undefined): string {
  if (format === 'date-time' || format === 'date' || format === 'datetime') return 'google.protobuf.Timestamp'
  if (format === 'duration') return 'google.protobuf.Duration'
  return format === 'byte' ? 'bytes' : 'string'
}

/** Whole numbers are CEL's int, objects are maps; what the schema does not name is out of reach. */
export function toCel(value: unknown, schema: JsonSchema, isRoot = false): unknown {
  if (value === null || value === undefined) return null
  if (schema['x-kubernetes-int-or-string']) return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return listToCel(value, schema)
  if (typeof value === 'object') return objectToCel(value as Record<string, unknown>, schema, isRoot)
  if (typeof value === 'number') return schema.type === 'integer' ? BigInt(Math.trunc(value)) : value
  if (typeof value !== 'string') return value
  switch (textType(schema.format)) {
    case 'google.protobuf.Timestamp':
      return new Date(value)
    case 'google.protobuf.Duration':
      return durationOf(value) ?? value
    case 'bytes':
      return new Uint8Array(Buffer.from(value, 'base64'))
    default:
      return value
  }
}

/** Sets are equal whatever their order. */
function listToCel(value: readonly unknown[], schema: JsonSchema): unknown {
  const items = value.map(item => toCel(item, schema.items ?? {}))
  const isSet = schema['x-kubernetes-list-type'] === 'set' && items.every(item => typeof item !== 'object')
  return isSet ? new Set(items) : items
}

function objectToCel(value: Record<string, unknown>, schema: JsonSchema, isRoot: boolean): Map<string, unknown> {
  const result = new Map<string, unknown>()
  const { additionalProperties, properties } = schema
  if (properties === undefined && additionalProperties !== undefined && !isResource(schema, isRoot)) {
    const type = typeof additionalProperties === 'object' ? additionalProperties : {}
    for (const [name, one] of Object.entries(value)) result.set(name, toCel(one, type))
    return result
  }
  for (const [name, one] of membersOf(schema, isResource(schema, isRoot))) {
    const found = member(value, name)
    const escaped = escapeName(name)
    if (found !== undefined && found !== null && escaped !== undefined) result.set(escaped, toCel(found, one))
  }
  return result
}

/** Values of which no schema is known: whole numbers are ints, as upstream's unstructured objects have them. */
export function untypedToCel(value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(untypedToCel)
  if (typeof value !== 'object') return value
  return new Map(Object.entries(value).map(([name, one]) => [name, untypedToCel(one)]))
}
