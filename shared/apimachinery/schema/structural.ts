// The type of a custom resource, from the structural schema of its definition. Add both types under names of their own
// (schemas.ts, addSchema): `<name>` and `<name>List`; two clusters may define the same kind differently.
import { schemaOf } from './schemas.ts'
import type { Field, ScalarSchema, Schema, StructSchema } from './types.ts'

/** openAPIV3Schema of a version, as far as it says what is looked at here. Validation reads the rest. */
export interface JsonSchema {
  readonly type?: string
  readonly format?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly required?: readonly string[]
  readonly default?: unknown
  readonly nullable?: boolean
  readonly description?: string
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-embedded-resource'?: boolean
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: string
  readonly [keyword: string]: unknown
}

export interface CustomKind {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly listKind: string
  readonly plural: string
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'

/** "example.golden.v1.Widget": how definitions of custom kinds are called in OpenAPI. */
const definitionName = ({ group, version, kind }: CustomKind) => `${group.split('.').reverse().join('.')}.${version}.${kind}`

/** `schema` undefined: the definition says nothing, and everything is kept. */
export function structuralTypes(custom: CustomKind, schema: JsonSchema | undefined): { object: StructSchema; list: StructSchema } {
  const name = definitionName(custom)
  const root = schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  const object: StructSchema = {
    ...struct(root, name, custom.kind, true),
    published: version => publishedObject(root, version),
  }
  const items: Field = {
    ...field('items', {
      type: 'list',
      goName: `[]${custom.kind}`,
      item: object,
      listType: 'atomic',
      keys: [],
      wrapped: false,
      nullable: false,
    }),
    required: true,
  }
  const list: StructSchema = {
    ...object,
    name: `${name.slice(0, -custom.kind.length)}${custom.listKind}`,
    goName: custom.listKind,
    atomic: false,
    open: false,
    fields: new Map([...identity('ListMeta'), ['items', items]]),
    published: version => publishedList(custom, name, version),
  }
  return { object, list }
}

const text: ScalarSchema = { type: 'string', goName: 'string', nullable: false }

/** A member of which nothing is assumed: what was sent stays, also when it is empty. */
const field = (name: string, schema: Schema, value?: unknown): Field => ({
  name,
  schema,
  pointer: true,
  always: false,
  omitZero: false,
  required: false,
  default: value,
  patchStrategies: [],
  patchMergeKey: undefined,
  numbers: [],
})

const identity = (metadata: string): [string, Field][] => [
  ['apiVersion', field('apiVersion', text)],
  ['kind', field('kind', text)],
  ['metadata', field('metadata', schemaOf(`${META}.${metadata}`))],
]

function struct(schema: JsonSchema, name: string, goName: string, isObject: boolean): StructSchema {
  const fields = new Map(
    Object.entries(schema.properties ?? {}).map(([member, type]): [string, Field] => [
      member,
      { ...field(member, typeOf(type), type.default), required: schema.required?.includes(member) ?? false },
    ]),
  )
  if (isObject) for (const [member, one] of identity('ObjectMeta')) fields.set(member, one)
  return {
    type: 'struct',
    name,
    goName,
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    fields,
    open: schema['x-kubernetes-preserve-unknown-fields'] === true,
    embedded: isObject,
    nullable: schema.nullable === true,
    structural: true,
  }
}

/** The type of a schema inside a custom resource. */
export const typeOfSchema = (schema: JsonSchema): Schema => typeOf(schema)

function typeOf(schema: JsonSchema): Schema {
  const nullable = schema.nullable === true
  if (schema['x-kubernetes-int-or-string']) return { type: 'intOrString', goName: 'intstr.IntOrString', nullable }
  switch (schema.type) {
    case 'object': {
      const { additionalProperties: values, properties } = schema
      const atomic = schema['x-kubernetes-map-type'] === 'atomic'
      if (schema['x-kubernetes-embedded-resource']) return struct(schema, '', 'object', true)
      if (properties === undefined && values !== undefined && values !== false) {
        return { type: 'map', goName: 'map[string]interface {}', value: values === true ? ANY : typeOf(values), atomic, nullable }
      }
      return struct(schema, '', 'object', false)
    }
    case 'array': {
      const listType = schema['x-kubernetes-list-type']
      return {
        type: 'list',
        goName: '[]interface {}',
        item: schema.items === undefined ? ANY : typeOf(schema.items),
        listType: listType === 'map' || listType === 'set' ? listType : 'atomic',
        keys: schema['x-kubernetes-list-map-keys'] ?? [],
        wrapped: false,
        nullable,
      }
    }
    case 'string':
      return { ...text, nullable }
    case 'integer':
      return { type: 'int64', goName: 'int64', nullable }
    case 'number':
      return { type: 'double', goName: 'float64', nullable }
    case 'boolean':
      return { type: 'boolean', goName: 'bool', nullable }
    default:
      return ANY
  }
}

const ANY: ScalarSchema = { type: 'any', goName: 'interface {}', nullable: true }

// --- how it is published ---------------------------------------------------------------------------------------------------------

type Json = Record<string, unknown>

const CONVENTIONS = 'More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md'
const TYPE_META = {
  apiVersion: `The version of the schema of this object. ${CONVENTIONS}#resources`,
  kind: `The kind of this object, in CamelCase. ${CONVENTIONS}#types-kinds`,
  metadata: `Standard object's metadata. ${CONVENTIONS}#metadata`,
}

const refer = (version: 'v2' | 'v3', name: string): Json => ({
  $ref: `${version === 'v2' ? '#/definitions/' : '#/components/schemas/'}${name}`,
})

function identityProperties(version: 'v2' | 'v3', metadata: string): Json {
  const reference = refer(version, `${META}.${metadata}`)
  return {
    apiVersion: { description: TYPE_META.apiVersion, type: 'string' },
    kind: { description: TYPE_META.kind, type: 'string' },
    metadata: { description: TYPE_META.metadata, ...(version === 'v2' ? reference : { allOf: [reference] }) },
  }
}

function publishedObject(root: JsonSchema, version: 'v2' | 'v3'): Json {
  const published = publish(root, version)
  if (published.properties === undefined && root['x-kubernetes-preserve-unknown-fields']) return { type: 'object', ...published }
  return { ...published, type: 'object', properties: { ...(published.properties as Json), ...identityProperties(version, 'ObjectMeta') } }
}

function publishedList({ kind, plural }: CustomKind, item: string, version: 'v2' | 'v3'): Json {
  return {
    description: `A list of objects of kind ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      ...identityProperties(version, 'ListMeta'),
      items: { description: `The ${plural}.`, type: 'array', items: refer(version, item) },
    },
  }
}

/**
 * Version 3 takes a schema as it is. Version 2 knows no nullable, and old clients hold objects against it that upstream lets through:
 * what may be null or holds unknown members says nothing about its type there.
 */
function publish(schema: JsonSchema, version: 'v2' | 'v3'): Json {
  const { properties, items, additionalProperties, ...rest } = schema
  const mapped = (all: Readonly<Record<string, JsonSchema>>) =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, publish(one, version)]))
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true
  if (version === 'v2' && (schema.nullable || open || schema['x-kubernetes-int-or-string'])) {
    const { type: _, nullable: __, anyOf: ___, ...kept } = rest
    return kept
  }
  const embedded = schema['x-kubernetes-embedded-resource'] === true
  const { oneOf: _, anyOf: __, allOf: ___, not: ____, ...plain } = rest
  return {
    ...(version === 'v2' ? plain : rest),
    ...(version === 'v3' && schema['x-kubernetes-int-or-string'] && rest.anyOf === undefined
      ? { anyOf: [{ type: 'integer' }, { type: 'string' }] }
      : {}),
    ...(properties === undefined && !embedded
      ? {}
      : { properties: { ...mapped(properties ?? {}), ...(embedded ? identityProperties(version, 'ObjectMeta') : {}) } }),
    ...(embedded ? { required: [...new Set([...(schema.required ?? []), 'kind', 'apiVersion'])] } : {}),
    ...(items === undefined ? {} : { items: publish(items, version) }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties: typeof additionalProperties === 'boolean' ? additionalProperties : publish(additionalProperties, version),
        }),
  }
}
