// What the verbs need of the engines that work by schema (folders schema, codec, patch, apply and openapi): their signatures, so that
// each side can be read and tested without the other. Schema names are those of the facts: "io.k8s.api.core.v1.Pod".
import type { FieldError } from './field-error.ts'
import type { StructSchema } from './schema/types.ts'
import type { KubeObject } from './types.ts'

export type Serialization = 'json' | 'yaml' | 'protobuf'

export interface Parsed {
  /** Plain data, owned by the caller. For protobuf already in JSON's shape. */
  readonly value: unknown
  /** 'duplicate field "spec.a"', in document order; for YAML one text about all of them. */
  readonly duplicates: readonly string[]
  /** Where each path stands in the document; only when something stands twice. */
  readonly order?: ReadonlyMap<string, number> | undefined
  /** By path (".spec.ports[0].port"), the text of numbers that are whole and not written so: Go reads 8.1e1 as no integer. */
  readonly literals?: ReadonlyMap<string, string> | undefined
  /** What a patch made of an object: there is no document whose order would count, so that unknown fields are reported by name. */
  readonly patched?: boolean
}

export interface Decoded {
  /** Of the schema's shape: unknown fields dropped, nulls and empty members as Go would leave them, quantities and times canonical. */
  readonly object: KubeObject
  /** 'unknown field "spec.foo"' (and 'duplicate field ...' where decode was given them), in document order, paths as upstream writes them. */
  readonly unknown: readonly string[]
  /** Warnings about values, e.g. fractional bytes in a quantity. */
  readonly warnings: readonly string[]
  /** Where maps and lists were sent that are empty, by path ("spec.template.metadata.labels"): "{}" or "[]". They are left out. */
  readonly emptied?: ReadonlyMap<string, string>
}

/** A body that cannot be read at all. The message is upstream's (Go's JSON, YAML or protobuf decoder). */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

export interface ManagedFieldsOptions {
  readonly manager: string
  readonly apiVersion: string
  readonly schema: string
  /** "" for the main endpoint. */
  readonly subresource: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Paths that this endpoint never owns, e.g. [["status"]]. */
  readonly resetFields: readonly (readonly string[])[]
  /** The object in another version of its kind, and that version's type; undefined when the version is not served. For owners who wrote another version. */
  readonly convert?: (object: KubeObject, apiVersion: string) => { readonly object: KubeObject; readonly schema: StructSchema } | undefined
}

export interface ApplyOptions extends ManagedFieldsOptions {
  readonly force: boolean
}

export interface ApplyConflict {
  /** 'conflict with "kubectl" using apps/v1' with subresource and time where upstream says them. */
  readonly message: string
  /** ".spec.replicas" */
  readonly field: string
}

/** Other managers own, with other values, what an apply without force sets. */
export class ApplyConflictError extends Error {
  override readonly name = 'ApplyConflictError'
  readonly conflicts: readonly ApplyConflict[]
  constructor(message: string, conflicts: readonly ApplyConflict[]) {
    super(message)
    this.conflicts = conflicts
  }
}

/** A patch that cannot be applied to this document. `code` 400 for a malformed patch, 422 for one that does not fit, 500 for a missing merge key. */
export class PatchError extends Error {
  override readonly name = 'PatchError'
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export interface Engines {
  /** Must be awaited before YAML is parsed or written. */
  loadYaml(): Promise<void>
  /** `expected`: the type of a protobuf body that does not say its own. @throws DecodeError */
  parse(body: Uint8Array, format: Serialization, expected?: { apiVersion: string; kind: string; schema: string }): Parsed
  /** Takes `value` over (may change it). `parsed`: where it comes from, so that duplicates are reported in order. @throws DecodeError where a value has the wrong type */
  decode(value: unknown, schema: string, parsed?: Omit<Parsed, 'value'>): Decoded
  /** The object (or list, or Status) as bytes. JSON and YAML need no schema. `indent` for people. */
  encode(object: object, format: Serialization, indent?: boolean): Uint8Array
  /** One event of a protobuf watch: its length (four bytes, big endian) and a WatchEvent around the object. */
  encodeWatchFrame(type: string, object: object): Uint8Array
  /** The object that Go prints for an empty value of the type: required members are there, and empty (a Job's containers are null). */
  zeroObject(schema: string): KubeObject
  /** Adds the schema's defaults, in place. */
  applyDefaults(object: KubeObject, schema: string): void
  /** Adds, in place, what is written although it is empty (status: {}), after a kind's own rules took parts away. */
  complete(object: KubeObject, schema: string): void

  /** The argument is not changed; the answer may share parts with it. @throws PatchError */
  jsonPatch(document: unknown, operations: unknown): unknown
  mergePatch(document: unknown, patch: unknown): unknown
  strategicMergePatch(document: unknown, patch: unknown, schema: string): unknown

  /** metadata.managedFields of `object` after a write that is not an apply, in place. `old` undefined: a creation. */
  trackUpdate(object: KubeObject, old: KubeObject | undefined, options: ManagedFieldsOptions): void
  /** Merges an applied configuration into the live object (undefined: a creation) and answers the new object with its managedFields. @throws ApplyConflictError, DecodeError */
  applyConfiguration(live: KubeObject | undefined, configuration: KubeObject, options: ApplyOptions): KubeObject

  /** Problems of metadata.managedFields as sent by a client. */
  validateManagedFields?(object: KubeObject): readonly FieldError[]
}
