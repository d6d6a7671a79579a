// Objects inside objects: they say what they are, and their metadata is held to the rules of metadata.
import { type FieldError, invalid, required } from '../field-error.ts'
import { commonErrors } from '../metadata.ts'
import { isDNS1035Label } from '../names.ts'
import type { ObjectMeta } from '../types.ts'

export function embeddedErrors(value: Readonly<Record<string, unknown>>, field: string, alreadyRequired: readonly string[]): FieldError[] {
  const errors: FieldError[] = []
  const at = (name: string) => (field === '' ? name : `${field}.${name}`)
  const { apiVersion, kind, metadata } = value
  for (const [name, text] of [
    ['apiVersion', apiVersion],
    ['kind', kind],
  ] as const) {
    if ((text === undefined || text === '') && !(text === undefined && alreadyRequired.includes(name))) errors.push(required(at(name)))
  }
  if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2) {
    errors.push(invalid(at('apiVersion'), apiVersion, `unexpected GroupVersion string: ${apiVersion}`))
  }
  if (typeof kind === 'string' && kind !== '') {
    const wrong = isDNS1035Label(kind.toLowerCase())
    if (wrong.length > 0) errors.push(invalid(at('kind'), kind, `may have mixed case, but should otherwise match: ${wrong.join(',')}`))
  }
  if (typeof metadata === 'object' && metadata !== null) errors.push(...metadataErrors(metadata as ObjectMeta, at('metadata')))
  return errors
}

/** Names are not looked at: other objects' names have other rules. */
const metadataErrors = (metadata: ObjectMeta, field: string): FieldError[] =>
  commonErrors(metadata).map(error => ({ ...error, field: error.field.replace(/^metadata/, field) }))
