// What is known of a type: enough to decode, default, patch, merge and encode its values. Built-in types come from generated.ts,
// types of custom resources from their definition's structural schema; nothing that reads a Schema can tell which.

export type Schema = StructSchema | MapSchema | ListSchema | ScalarSchema

/** An object with named members. */
export interface StructSchema {
  readonly type: 'struct'
  /** "io.k8s.api.core.v1.PodSpec"; "" inside a custom resource. */
  readonly name: string
  /** How Go calls it in error messages: "v1.PodSpec". */
  readonly goName: string
  /** Owned and merged as a whole (x-kubernetes-map-type: atomic). */
  readonly atomic: boolean
  /** Members by their JSON name, in Go's order. */
  readonly fields: ReadonlyMap<string, Field>
  /** Members that are not named stay as they are (x-kubernetes-preserve-unknown-fields) instead of being dropped. */
  readonly open: boolean
  /** The members that are not named have this type (additionalProperties beside properties cannot be; kept for embedded resources). */
  readonly embedded: boolean
  /** null stays null (nullable in a structural schema). Go's types drop it. */
  readonly nullable: boolean
  /** A custom resource's: nothing is left out because it is empty, and JSON types are checked as they are. */
  readonly structural: boolean
  /** How a custom resource's type is published: its definition knows more than what is needed here. */
  published?(version: 'v2' | 'v3'): Record<string, unknown>
}

export interface MapSchema {
  readonly type: 'map'
  readonly goName: string
  readonly value: Schema
  readonly atomic: boolean
  readonly nullable: boolean
}

export interface ListSchema {
  readonly type: 'list'
  readonly goName: string
  readonly item: Schema
  readonly listType: 'atomic' | 'set' | 'map'
  /** Members that identify an item of a list with listType "map". */
  readonly keys: readonly string[]
  /** Protobuf has a message of its own around the list. */
  readonly wrapped: boolean
  readonly nullable: boolean
}

export interface ScalarSchema {
  readonly type: ScalarType
  readonly goName: string
  readonly nullable: boolean
}

export type ScalarType =
  | 'string'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  /** Base64 text in JSON. */
  | 'bytes'
  | 'time'
  | 'microTime'
  | 'duration'
  | 'quantity'
  | 'intOrString'
  /** Any object, kept as it is (runtime.RawExtension). */
  | 'raw'
  | 'fieldsV1'
  /** Any JSON value (apiextensions' JSON, and the three types that are a schema or something else). */
  | 'json'
  | 'schemaOrArray'
  | 'schemaOrBool'
  | 'schemaOrStrings'
  /** A JSON value of which nothing is known: lists of scalars and maps of it merge member by member in custom resources. */
  | 'any'

export type PatchStrategy = 'merge' | 'retainKeys' | 'replace'

export interface Field {
  readonly name: string
  readonly schema: Schema
  /** A pointer in Go: zero is a value, and not the same as absent. */
  readonly pointer: boolean
  /** Written even when it is empty: a list as null, text as "". Structs that are no pointers are always written. */
  readonly always: boolean
  /** Left out when it is the zero value, also where a struct would be written. */
  readonly omitZero: boolean
  readonly required: boolean
  /** Of the schema itself, e.g. "TCP". Shared: clone before use. Undefined: none. */
  readonly default: unknown
  readonly patchStrategies: readonly PatchStrategy[]
  /** Member by which strategic merge patch pairs the items of this list. */
  readonly patchMergeKey: string | undefined
  /** Protobuf field numbers, through the messages that JSON does not show; empty: not in protobuf. */
  readonly numbers: readonly number[]
}
