import { required } from '../../apimachinery/field-error.ts'
import { isDNS1123Subdomain, isPathSegmentName } from '../../apimachinery/names.ts'
import { addInvalid, type Errors } from './checks.ts'

/** A name that ends up in a path. */
export function pathName(value: string | undefined, field: string, errors: Errors, why = ''): void {
  if (!value) errors.push(required(field, why))
  else addInvalid(isPathSegmentName(value), field, value, errors)
}

export interface TypedReference {
  readonly apiGroup?: string
  readonly kind?: string
  readonly name?: string
}

/** An object of any kind, by group, kind and name. */
export function typedReference({ apiGroup, kind, name }: TypedReference, field: string, errors: Errors): void {
  if (apiGroup !== undefined) addInvalid(isDNS1123Subdomain(apiGroup), `${field}.apiGroup`, apiGroup, errors)
  pathName(kind, `${field}.kind`, errors)
  pathName(name, `${field}.name`, errors)
}
