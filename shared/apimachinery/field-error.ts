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
  | 'FieldValueTooFew'
  | 'FieldValueTooShort'
  | 'FieldValueTypeInvalid'
  | 'InternalError'

export interface FieldError {
  readonly type: FieldErrorType
  /** Path as a person writes it: spec.containers[0].ports[1].name, metadata.labels, spec.selector[app] */
  readonly field: string
  /** The whole text after "<field>: ", as upstream words it, e.g. `Invalid value: -1: must be greater than or equal to 0` */
  readonly message: string
}

/** A value as upstream prints it in messages: strings quoted as Go quotes them, objects as Go's JSON, nothing as null. */
export function printValue(value: unknown): string {
  if (value === undefined) return 'null'
  if (typeof value === 'string') return quote(value)
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\u0007': '\\a', '\u000b': '\\v' }

/** Go's %q. */
export function quote(text: string): string {
  return JSON.stringify(text)
    .replace(/\\u00([01][0-9a-f])/g, (_, hex: string) => SHORT_ESCAPES[String.fromCharCode(Number.parseInt(hex, 16))] ?? `\\x${hex}`)
    .replace(/[\u007f-\u00a0\u00ad\u2028\u2029\ufeff]/g, char => {
      const code = char.charCodeAt(0)
      return code < 0x80 ? `\\x${code.toString(16)}` : `\\u${code.toString(16).padStart(4, '0')}`
    })
}

/** The same errors, with what the client sent empty printed as it was sent: kinds' rules cannot tell it from what is absent. */
export function printedAsSent(errors: readonly FieldError[], emptied: ReadonlyMap<string, string> | undefined): readonly FieldError[] {
  if (emptied === undefined || emptied.size === 0) return errors
  return errors.map(error => {
    const sent = emptied.get(error.field)
    return sent === undefined ? error : { ...error, message: error.message.replace(/^(Invalid value: )null(?=: |$)/, `$1${sent}`) }
  })
}

const join = (head: string, detail: string) => (detail === '' ? head : `${head}: ${detail}`)

export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  message: join(`Invalid value: ${printValue(value)}`, detail),
})

/** Where the value itself tells nothing. */
export const invalidPlace = (field: string, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${detail}`,
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

export const duplicate = (field: string, value: unknown, detail = ''): FieldError => ({
  type: 'FieldValueDuplicate',
  field,
  message: join(`Duplicate value: ${printValue(value)}`, detail),
})

export const notFound = (field: string, value: unknown, detail = ''): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  message: join(`Not found: ${printValue(value)}`, detail),
})

export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  message: join(
    `Unsupported value: ${printValue(value)}`,
    supported.length > 0 ? `supported values: ${supported.map(quote).join(', ')}` : '',
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
  message: `Too long: may not be more than ${maxBytes} ${maxBytes === 1 ? 'byte' : 'bytes'}`,
})

export const tooLongCharacters = (field: string, max: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  message: `Too long: may not be more than ${max} ${max === 1 ? 'character' : 'characters'}`,
})

export const tooMany = (field: string, actual: number, max: number): FieldError => ({
  type: 'FieldValueTooMany',
  field,
  message: `Too many: ${actual}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
})

export const internalError = (field: string, detail: string): FieldError => ({
  type: 'InternalError',
  field,
  message: join('Internal error', detail),
})
