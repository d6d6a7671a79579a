// Types as JSON schemas, the way each OpenAPI version wants them: with the extensions by which clients merge, apply and explain.
import { findSchema } from '../schema/schemas.ts'
import type { Field, Schema, StructSchema } from '../schema/types.ts'
import type { Descriptions } from './descriptions.ts'

export type Json = Record<string, unknown>
export type Flavour = 'v2' | 'v3'

export interface GroupVersionKindText {
  readonly group: string
  readonly version: string
  readonly kind: string
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'
const EXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1'

/** Types that are one value: their name in the document, and what stands under it. */
const VALUES: Readonly<Record<string, { readonly name: string; readonly v2: Json; readonly v3?: Json; readonly description: string }>> = {
  time: { name: `${META}.Time`, v2: { type: 'string', format: 'date-time' }, description: 'A moment, in whole seconds.' },
  microTime: { name: `${META}.MicroTime`, v2: { type: 'string', format: 'date-time' }, description: 'A moment, in microseconds.' },
  duration: { name: `${META}.Duration`, v2: { type: 'string' }, description: 'A length of time, such as 1h30m.' },
  quantity: {
    name: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
    v2: { type: 'string' },
    v3: { oneOf: [{ type: 'string' }, { type: 'number' }] },
    description:
      'An exact number with a suffix: 500m, 1.5, 64Mi, 12e6. Suffixes are n, u, m, k, M, G, T, P, E, and Ki to Ei for powers of 1024.',
  },
  intOrString: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    v2: { type: 'string', format: 'int-or-string' },
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
    description: 'A number or a text.',
  },
  raw: { name: 'io.k8s.apimachinery.pkg.runtime.RawExtension', v2: { type: 'object' }, description: 'Any object.' },
  fieldsV1: { name: `${META}.FieldsV1`, v2: { type: 'object' }, description: 'A set of field paths as a tree.' },
  json: { name: `${EXTENSIONS}.JSON`, v2: {}, description: 'Any JSON value.' },
  schemaOrArray: { name: `${EXTENSIONS}.JSONSchemaPropsOrArray`, v2: {}, description: 'A schema, or a list of schemas.' },
  schemaOrBool: { name: `${EXTENSIONS}.JSONSchemaPropsOrBool`, v2: {}, description: 'A schema, or true or false.' },
  schemaOrStrings: { name: `${EXTENSIONS}.JSONSchemaPropsOrStringArray`, v2: {}, description: 'A schema, or a list of texts.' },
}

/** The patch of any type, as PATCH takes it. */
export const PATCH = `${META}.Patch`

/** Collects the definitions that a document refers to. */
export class Definitions {
  readonly #flavour: Flavour
  readonly #descriptions: Descriptions
  readonly #kinds: ReadonlyMap<string, readonly GroupVersionKindText[]>
  readonly #found = new Map<string, Json>()

  /** @param kinds which kinds a definition is, by its name */
  constructor(flavour: Flavour, descriptions: Descriptions, kinds: ReadonlyMap<string, readonly GroupVersionKindText[]>) {
    this.#flavour = flavour
    this.#descriptions = descriptions
    this.#kinds = kinds
  }

  /** All that were referred to, by name. */
  all(): Json {
    return Object.fromEntries([...this.#found].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** A reference, which brings what it refers to into the document. `key`: under which the type is known; custom ones are published under another name. */
  reference(key: string): Json {
    const name = findSchema(key)?.name ?? key
    if (!this.#found.has(name)) this.#define(key, name)
    return { $ref: `${this.#flavour === 'v2' ? '#/definitions/' : '#/components/schemas/'}${name}` }
  }

  #define(key: string, name: string): void {
    const value = Object.values(VALUES).find(one => one.name === name)
    if (value !== undefined) {
      this.#found.set(name, { description: value.description, ...(this.#flavour === 'v3' ? (value.v3 ?? value.v2) : value.v2) })
      return
    }
    if (name === PATCH) {
      this.#found.set(name, { description: 'A patch, of the kind that the content type says.', type: 'object' })
      return
    }
    const schema = findSchema(key)
    if (schema === undefined) return
    this.#found.set(name, {})
    this.#found.set(name, this.#struct(schema, key))
  }

  #struct(schema: StructSchema, key: string): Json {
    if (schema.published !== undefined) {
      for (const type of ['ObjectMeta', 'ListMeta']) this.reference(`${META}.${type}`)
      return { ...schema.published(this.#flavour), ...this.#kindsOf(key) }
    }
    const [description = '', fields = {}] = this.#described(schema.name) ?? []
    const properties = [...schema.fields.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    const required = properties.filter(field => field.required).map(({ name }) => name)
    return {
      ...(description === '' ? {} : { description }),
      type: 'object',
      ...(required.length === 0 ? {} : { required }),
      ...(properties.length === 0
        ? {}
        : { properties: Object.fromEntries(properties.map(field => [field.name, this.#field(field, fields[field.name])])) }),
      ...(schema.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...this.#kindsOf(key),
    }
  }

  /** Versions that upstream serves no more are described by those that took their place. */
  #described(name: string): Descriptions[string] | undefined {
    if (name in this.#descriptions) return this.#descriptions[name]
    const [, group = '', type = ''] = /^io\.k8s\.api\.(\w+)\.v\d+(?:alpha|beta)\d+\.(\w+)$/.exec(name) ?? []
    const places = group === 'extensions' ? ['apps.v1', 'networking.v1'] : [`${group}.v1`, `${group}.v2`]
    return places.map(place => this.#descriptions[`io.k8s.api.${place}.${type}`]).find(found => found !== undefined)
  }

  #kindsOf(key: string): Json {
    const kinds = this.#kinds.get(key)
    return kinds === undefined || kinds.length === 0 ? {} : { 'x-kubernetes-group-version-kind': kinds }
  }

  #field(field: Field, description: string | undefined): Json {
    const { schema } = field
    return {
      ...this.#type(schema, field.default ?? defaultOf(field), description ?? this.#typeDescription(schema)),
      ...(schema.type === 'list'
        ? {
            'x-kubernetes-list-type': schema.listType,
            ...(schema.listType === 'map' ? { 'x-kubernetes-list-map-keys': schema.keys } : {}),
          }
        : {}),
      ...(schema.type === 'map' && schema.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(field.patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': field.patchMergeKey }),
      ...(field.patchStrategies.length === 0 ? {} : { 'x-kubernetes-patch-strategy': field.patchStrategies.join(',') }),
    }
  }

  #typeDescription(schema: Schema): string | undefined {
    return schema.type === 'struct' ? this.#described(schema.name)?.[0] : undefined
  }

  #type(schema: Schema, value: unknown, description: string | undefined): Json {
    const about = description ? { description } : {}
    const fallback = value === undefined ? {} : { default: value }
    switch (schema.type) {
      case 'struct':
        return this.#referTo(schema.name, about, fallback)
      case 'list':
        return { ...about, type: 'array', items: this.#element(schema.item) }
      case 'map':
        return { ...about, type: 'object', additionalProperties: this.#element(schema.value) }
      case 'string':
        return { ...about, type: 'string', ...fallback }
      case 'boolean':
        return { ...about, type: 'boolean', ...fallback }
      case 'int32':
      case 'int64':
        return { ...about, type: 'integer', format: schema.type, ...fallback }
      case 'double':
        return { ...about, type: 'number', format: 'double', ...fallback }
      case 'bytes':
        return { ...about, type: 'string', format: 'byte' }
      case 'any':
        return about
      default:
        return this.#referTo(VALUES[schema.type]!.name, about, fallback)
    }
  }

  /** An item or a map's value: its zero value is its default, as long as it is no pointer or list. */
  #element(schema: Schema): Json {
    const zero =
      schema.type === 'struct'
        ? {}
        : schema.type === 'string'
          ? ''
          : schema.type.startsWith('int') && schema.type !== 'intOrString'
            ? 0
            : undefined
    return this.#type(schema, zero, undefined)
  }

  /** Version 3 allows nothing beside a reference, so a description or default puts it into an allOf. Version 2 has no default there. */
  #referTo(name: string, about: Json, fallback: Json): Json {
    const reference = this.reference(name)
    if (this.#flavour === 'v2') return { ...about, ...reference }
    return Object.keys(about).length + Object.keys(fallback).length === 0 ? reference : { ...about, allOf: [reference], ...fallback }
  }
}

/** Structs that are no pointers, and what is written although it is empty, have their zero value as default. */
function defaultOf({ schema, pointer, always }: Field): unknown {
  if (pointer) return undefined
  if (schema.type === 'struct') return {}
  if (!always) return undefined
  if (schema.type === 'string') return ''
  if (schema.type === 'boolean') return false
  return schema.type === 'int32' || schema.type === 'int64' || schema.type === 'double' ? 0 : undefined
}
