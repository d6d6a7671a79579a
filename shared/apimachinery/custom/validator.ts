// Everything that an object of one version of a custom kind must keep: its schema, lists without duplicates, rules in CEL.
import type { FieldError } from '../field-error.ts'
import { equal } from '../objects.ts'
import type { JsonSchema } from '../schema/structural.ts'
import type { KubeObject } from '../types.ts'
import { listTypeErrors } from './list-types.ts'
import { type Before, hasRules, validateValue } from './validate-value.ts'

export interface ValidatorOptions {
  readonly apiVersion: string
  readonly kind: string
  readonly hasStatus: boolean
}

type Members = Record<string, unknown>

/** After these a rule could not say anything sensible. */
const BLOCKING = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
])
const NOT_CHECKED: FieldError = {
  type: 'FieldValueInvalid',
  field: '<nil>',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
}

export class Validator {
  readonly #schema: JsonSchema | undefined
  readonly #options: ValidatorOptions
  readonly #hasRules: boolean
  #rules: typeof import('./rules.ts') | undefined
  /** What an update may leave broken is told in warnings. */
  readonly #tolerated = new WeakMap<object, readonly FieldError[]>()

  constructor(schema: JsonSchema | undefined, options: ValidatorOptions) {
    this.#schema = schema
    this.#options = options
    this.#hasRules = schema !== undefined && hasRules(schema)
  }

  /** Rules need an interpreter of CEL, which is loaded when the first of them is to be kept. */
  async load(): Promise<void> {
    if (this.#hasRules) this.#rules ??= await import('./rules.ts')
  }

  validate(object: KubeObject): FieldError[] {
    return this.#check(object, this.#schema, '', '', undefined)
  }

  /** `old` as the schema sees it now. */
  validateUpdate(object: KubeObject, old: KubeObject): FieldError[] {
    return this.#check(object, this.#schema, '', '', { value: old })
  }

  /** A write of the status looks at nothing else. */
  validateStatus(object: KubeObject, old: KubeObject): FieldError[] {
    const { status } = object as unknown as Members
    const schema = this.#schema?.properties?.status
    if (schema === undefined || status === undefined) return this.#ruleErrors(object, { value: old }, [])
    const before = (old as unknown as Members).status
    const errors = validateValue(status, schema, { field: 'status', name: '' }, before === undefined ? undefined : { value: before })
    return this.#ruleErrors(object, { value: old }, [...errors, ...listTypeErrors(status, schema, 'status')])
  }

  warnings(object: KubeObject, old: KubeObject | undefined): string[] {
    const finalizers = (object.metadata.finalizers ?? [])
      .filter(
        finalizer => !finalizer.includes('/') && !STANDARD_FINALIZERS.includes(finalizer) && !old?.metadata.finalizers?.includes(finalizer),
      )
      .map(
        finalizer =>
          `metadata.finalizers: ${JSON.stringify(finalizer)}: prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers`,
      )
    const tolerated = (this.#tolerated.get(object) ?? []).map(({ field, message }) => `${field}: ${message}`)
    return [...finalizers, ...tolerated]
  }

  #check(value: object, schema: JsonSchema | undefined, field: string, name: string, before: Before | undefined): FieldError[] {
    if (schema === undefined) return []
    const errors = validateValue(value, schema, { field, name }, before)
    const lists = listTypeErrors(value, schema, field)
    // What stood twice before may stand twice.
    const old = before === undefined || lists.length === 0 ? [] : listTypeErrors(before.value, schema, field)
    const all = [...errors, ...lists.filter(error => !old.some(other => equal(other, error)))]
    return this.#ruleErrors(value as KubeObject, before, all)
  }

  #ruleErrors(object: KubeObject, before: Before | undefined, errors: FieldError[]): FieldError[] {
    if (this.#rules === undefined || this.#schema === undefined) return errors
    if (errors.some(({ type }) => BLOCKING.has(type))) return [...errors, NOT_CHECKED]
    const identity = { apiVersion: this.#options.apiVersion, kind: this.#options.kind }
    const old = before === undefined ? undefined : { value: { ...(before.value as object), ...identity } }
    const result = this.#rules.checkRules({ ...object, ...identity }, this.#schema, '', old, true)
    this.#tolerated.set(object, result.tolerated)
    return [...errors, ...result.errors]
  }
}

const STANDARD_FINALIZERS = ['kubernetes', 'orphan', 'foregroundDeletion']
