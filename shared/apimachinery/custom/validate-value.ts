// A value against a schema, with the messages of upstream's validator (k8s.io/kube-openapi/pkg/validation/validate).
//
// An update may leave alone what was wrong before ("ratcheting"): what is found in a part that is as it was is not reported.
import { type FieldError, invalid, notSupported, printValue, required, tooLong, tooMany, typeInvalid } from '../field-error.ts'
import { equal, member } from '../objects.ts'
import type { JsonSchema } from '../schema/structural.ts'
import { embeddedErrors } from './embedded.ts'
import { matchesFormat } from './formats.ts'
import { mapKey } from './list-types.ts'
import { compilePattern } from './pattern.ts'

/** Where the value stands: in the object, and as messages call it (below status they leave that out). */
export interface Place {
  readonly field: string
  readonly name: string
}

/** The value that was there before, where the two can be told to be the same one; undefined where there is none. */
export interface Before {
  readonly value: unknown
}

type Members = Record<string, unknown>

export const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

export function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

const below = ({ field, name }: Place, element: string): Place => {
  const text = (path: string) => (path === '' ? element.replace(/^\./, '') : `${path}${element}`)
  return { field: text(field), name: text(name) }
}

/** Errors about no field in particular. */
const NOWHERE = '<nil>'
const nowhere = (detail: string): FieldError => ({ type: 'FieldValueInvalid', field: NOWHERE, message: `Invalid value: "": ${detail}` })

export function validateValue(value: unknown, schema: JsonSchema, place: Place, before?: Before): FieldError[] {
  const errors = [
    ...typeErrors(value, schema, place),
    ...combinedErrors(value, schema, place, before),
    ...scalarErrors(value, schema, place),
    ...(Array.isArray(value) ? listErrors(value, schema, place, before) : []),
    ...enumErrors(value, schema, place),
    ...(isObject(value) ? objectErrors(value, schema, place, before) : []),
  ]
  return errors.length > 0 && before !== undefined && equal(before.value, value) ? [] : errors
}

function typeErrors(value: unknown, schema: JsonSchema, { field, name }: Place): FieldError[] {
  const actual = typeOf(value)
  if (value === null && schema.nullable) return []
  const isIntOrString = schema['x-kubernetes-int-or-string'] === true
  const types = isIntOrString ? ['integer', 'string'] : schema.type === undefined || schema.type === '' ? [] : [schema.type]
  if (types.length === 0 || types.includes(actual) || (actual === 'integer' && types.includes('number'))) return []
  return [typeInvalid(field, actual, `${name} in body must be of type ${types.join(',')}: "${actual}"`)]
}

function combinedErrors(value: unknown, schema: JsonSchema, place: Place, before: Before | undefined): FieldError[] {
  const errors: FieldError[] = []
  const text = JSON.stringify(place.name)
  const results = (member: 'allOf' | 'anyOf' | 'oneOf') =>
    ((schema[member] ?? []) as readonly JsonSchema[]).map(one => validateValue(value, one, place, before))
  const any = results('anyOf')
  if (any.length > 0 && !any.some(one => one.length === 0)) {
    errors.push(nowhere(`${text} must validate at least one schema (anyOf)`), ...(any[0] as FieldError[]))
  }
  const one = results('oneOf')
  const fitting = one.filter(result => result.length === 0).length
  if (one.length > 0 && fitting !== 1) {
    const found = fitting === 0 ? 'Found none valid' : `Found ${fitting} valid alternatives`
    errors.push(
      nowhere(`${text} must validate one and only one schema (oneOf). ${found}`),
      ...(fitting === 0 ? (one[0] as FieldError[]) : []),
    )
  }
  const all = results('allOf')
  const failed = all.filter(result => result.length > 0)
  if (failed.length > 0) {
    const none = failed.length === all.length ? '. None validated' : ''
    errors.push(...failed.flat(), nowhere(`${text} must validate all the schemas (allOf)${none}`))
  }
  if (schema.not !== undefined && validateValue(value, schema.not as JsonSchema, place).length === 0) {
    errors.push(nowhere(`${text} must not validate the schema (not)`))
  }
  return errors
}

function scalarErrors(value: unknown, schema: JsonSchema, place: Place): FieldError[] {
  if (typeof value === 'string') return textErrors(value, schema, place)
  return typeof value === 'number' ? numberErrors(value, schema, place) : []
}

const number = (schema: JsonSchema, keyword: string) => schema[keyword] as number | undefined

function textErrors(value: string, schema: JsonSchema, { field, name }: Place): FieldError[] {
  const errors: FieldError[] = []
  const [min, max] = [number(schema, 'minLength'), number(schema, 'maxLength')]
  const length = min === undefined && max === undefined ? 0 : [...value].length
  // The first of these is enough.
  if (max !== undefined && length > max) errors.push(tooLong(field, max))
  else if (min !== undefined && length < min) errors.push(invalid(field, value, `${name} in body should be at least ${min} chars long`))
  else if (typeof schema.pattern === 'string' && compilePattern(schema.pattern)?.test(value) === false) {
    errors.push(invalid(field, value, `${name} in body should match '${schema.pattern}'`))
  }
  const { format } = schema
  if (format !== undefined && !matchesFormat(format, value)) {
    errors.push(typeInvalid(field, value, `${name} in body must be of type ${format}: ${printValue(value)}`))
  }
  return errors
}

const INT32 = 2 ** 31

function numberErrors(value: number, schema: JsonSchema, { field, name }: Place): FieldError[] {
  const errors: FieldError[] = []
  const { type, format } = schema
  if (type === 'integer' && !Number.isInteger(value)) {
    return [nowhere(`Checked value must be of type integer (default format) in ${name}`)]
  }
  if (format === 'int32' && (value >= INT32 || value < -INT32)) {
    return [nowhere(`Checked value must be of type integer with format int32 in ${name}`)]
  }
  const wrong = (detail: string) => errors.push(invalid(field, value, `${name} in body should be ${detail}`))
  const multiple = number(schema, 'multipleOf')
  if (multiple !== undefined && !Number.isInteger(value / multiple)) wrong(`a multiple of ${multiple}`)
  const max = number(schema, 'maximum')
  if (max !== undefined && (schema.exclusiveMaximum ? value >= max : value > max)) {
    wrong(schema.exclusiveMaximum ? `less than ${max}` : `less than or equal to ${max}`)
  }
  const min = number(schema, 'minimum')
  if (min !== undefined && (schema.exclusiveMinimum ? value <= min : value < min)) {
    wrong(schema.exclusiveMinimum ? `greater than ${min}` : `greater than or equal to ${min}`)
  }
  return errors
}

function enumErrors(value: unknown, schema: JsonSchema, { field }: Place): FieldError[] {
  const values = schema.enum as readonly unknown[] | undefined
  // Null is none of them, not even where it is named: upstream compares it with the empty value.
  if (values === undefined || values.length === 0 || (value !== null && values.some(one => equal(one, value)))) return []
  return [
    notSupported(
      field,
      value,
      values.map(one => (typeof one === 'string' ? one : JSON.stringify(one))),
    ),
  ]
}

function listErrors(value: readonly unknown[], schema: JsonSchema, place: Place, before: Before | undefined): FieldError[] {
  const errors: FieldError[] = []
  const { items } = schema
  if (items !== undefined) {
    const old = oldItems(schema, before)
    for (const [i, item] of value.entries()) errors.push(...validateValue(item, items, below(place, `[${i}]`), old(item)))
  }
  const [min, max] = [number(schema, 'minItems'), number(schema, 'maxItems')]
  if (min !== undefined && value.length < min) {
    errors.push(invalid(place.field, value.length, `${place.name} in body should have at least ${min} items`))
  }
  if (max !== undefined && value.length > max) errors.push(tooMany(place.field, value.length, max))
  return errors
}

/** Only items with keys can be told to be the same. */
export function oldItems(schema: JsonSchema, before: Before | undefined): (item: unknown) => Before | undefined {
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(before?.value)) return () => undefined
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const byKey = new Map((before.value as unknown[]).map(item => [mapKey(item, keys), item]))
  return item => {
    const key = mapKey(item, keys)
    return byKey.has(key) ? { value: byKey.get(key) } : undefined
  }
}

export const oldMember = (before: Before | undefined, name: string): Before | undefined =>
  isObject(before?.value) && Object.hasOwn(before.value, name) ? { value: before.value[name] } : undefined

function objectErrors(value: Members, schema: JsonSchema, place: Place, before: Before | undefined): FieldError[] {
  const errors: FieldError[] = []
  const names = Object.keys(value)
  const [min, max] = [number(schema, 'minProperties'), number(schema, 'maxProperties')]
  if (min !== undefined && names.length < min) {
    errors.push(invalid(place.field, names.length, `${place.name} in body should have at least ${min} properties`))
  }
  if (max !== undefined && names.length > max) errors.push(tooMany(place.field, names.length, max))
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true
  for (const name of schema.required ?? []) if (!Object.hasOwn(value, name)) errors.push(required(below(place, `.${name}`).field))
  const { properties, additionalProperties } = schema
  for (const [name, one] of Object.entries(value)) {
    const type = member(properties, name) ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
    if (type !== undefined) errors.push(...validateValue(one, type, below(place, `.${name}`), oldMember(before, name)))
  }
  if (isEmbedded) errors.push(...embeddedErrors(value, place.field, schema.required ?? []))
  return errors
}

/** Whether a schema, or anything in it, has rules. */
export function hasRules(schema: JsonSchema): boolean {
  const { properties = {}, additionalProperties, items } = schema
  const own = (schema['x-kubernetes-validations'] ?? []) as readonly unknown[]
  return (
    own.length > 0 ||
    Object.values(properties).some(hasRules) ||
    (typeof additionalProperties === 'object' && hasRules(additionalProperties)) ||
    (items !== undefined && hasRules(items))
  )
}
