// One thing wrong with one field. The wording follows upstream's field.Error, because kubectl prints it to people and
// controllers look for parts of it (k8s.io/apimachinery/pkg/util/validation/field).

export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError'

export interface FieldError {
  readonly type: FieldErrorType
  /** Path as a person writes it: spec.containers[0].ports[1].name, metadata.labels, spec.selector[app] */
  readonly field: string
  /** The whole text after "<field>: ", as upstream words it, e.g. `Invalid value: -1: must be greater than or equal to 0` */
  readonly message: string
}

/** A value as upstream prints it in messages: strings quoted, objects as JSON, nothing as null. */
export function printValue(value: unknown): string {
  return value === undefined ? 'null' : JSON.stringify(value)
}

const join = (head: string, detail: string) => (detail === '' ? head : `${head}: ${detail}`)

export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  message: join(`Invalid value: ${printValue(value)}`, detail),
})

export const required = (field: string, detail = ''): FieldError => ({
  type: 'FieldValueRequired',
  field,
  message: join('Required value', detail),
})

export const forbidden = (field: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  field,
  message: join('Forbidden', detail),
})

export const duplicate = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueDuplicate',
  field,
  message: `Duplicate value: ${printValue(value)}`,
})

export const notFound = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  message: `Not found: ${printValue(value)}`,
})

export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  message: join(
    `Unsupported value: ${printValue(value)}`,
    supported.length > 0 ? `supported values: ${[...supported].map(s => JSON.stringify(s)).join(', ')}` : '',
  ),
})

export const typeInvalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueTypeInvalid',
  field,
  message: join(`Invalid value: ${printValue(value)}`, detail),
})

export const tooLong = (field: string, maxBytes: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  message: `Too long: may not be more than ${maxBytes} bytes`,
})

export const tooMany = (field: string, actual: number, max: number): FieldError => ({
  type: 'FieldValueTooMany',
  field,
  message: `Too many: ${actual}: must have at most ${max} items`,
})

export const internalError = (field: string, detail: string): FieldError => ({
  type: 'InternalError',
  field,
  message: join('Internal error', detail),
})
