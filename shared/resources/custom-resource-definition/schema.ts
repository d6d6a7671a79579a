// Which schemas a version may have: structural ones, in which every member has one type that can be told without looking at values
// (apiextensions-apiserver/pkg/apiserver/schema, and the schema part of validation.go).

import { prune } from '../../apimachinery/codec/structural.ts'
import { compilePattern, patternProblem } from '../../apimachinery/custom/pattern.ts'
import { checkRules } from '../../apimachinery/custom/rules.ts'
import { hasRules, validateValue } from '../../apimachinery/custom/validate-value.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import type { JsonSchema } from '../../apimachinery/schema/structural.ts'
import { typeOfSchema } from '../../apimachinery/schema/structural.ts'
import { listErrors } from './list-schema.ts'
import { ruleErrors } from './rules.ts'

type Place = 'root' | 'property' | 'items' | 'additional'

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string']
const UNSUPPORTED = ['patternProperties', 'definitions', 'dependencies', 'id', 'additionalItems'] as const
/** Parts of a schema that restrict values and say nothing about structure. */
const COMBINED = ['allOf', 'anyOf', 'oneOf'] as const

export function validateSchema(root: JsonSchema, field: string): FieldError[] {
  const errors = nodeErrors(root, field, 'root')
  errors.push(...metadataErrors(root, `${field}.properties[metadata]`))
  if (errors.length > 0) return errors
  errors.push(...defaultErrors(root, field, false))
  if (errors.length === 0 && hasRules(root)) errors.push(...ruleErrors(root, field))
  return errors
}

function nodeErrors(schema: JsonSchema, field: string, place: Place): FieldError[] {
  const errors: FieldError[] = [...keywordErrors(schema, field)]
  errors.push(...extensionErrors(schema, field), ...listErrors(schema, field))
  const { properties, additionalProperties, items } = schema
  for (const [name, one] of Object.entries(properties ?? {})) errors.push(...nodeErrors(one, `${field}.properties[${name}]`, 'property'))
  if (typeof additionalProperties === 'object' && additionalProperties !== null) {
    errors.push(...nodeErrors(additionalProperties, `${field}.additionalProperties`, 'additional'))
  }
  if (Array.isArray(items)) errors.push(forbidden(`${field}.items`, 'items must be a schema object and not an array'))
  else if (items !== undefined && items !== null) errors.push(...nodeErrors(items, `${field}.items`, 'items'))
  else if (schema.type === 'array') errors.push(required(`${field}.items`, 'must be specified'))
  for (const keyword of COMBINED) {
    for (const [i, one] of ((schema[keyword] ?? []) as readonly JsonSchema[]).entries()) {
      errors.push(...valueErrors(one, `${field}.${keyword}[${i}]`, schema['x-kubernetes-int-or-string'] === true))
    }
  }
  if (schema.not !== undefined) errors.push(...valueErrors(schema.not as JsonSchema, `${field}.not`, false))
  // What is inside comes first.
  errors.push(...typeErrors(schema, field, place))
  return errors
}

function typeErrors(schema: JsonSchema, field: string, place: Place): FieldError[] {
  const { type } = schema
  const isOpen = schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true
  if (schema.$ref !== undefined) return []
  if (type === undefined || type === '') {
    if (place === 'root') return [required(`${field}.type`, 'must not be empty at the root')]
    if (isOpen) return []
    return [
      required(
        `${field}.type`,
        place === 'items' ? 'must not be empty for specified array items' : 'must not be empty for specified object fields',
      ),
    ]
  }
  if (type === 'null') return [forbidden(`${field}.type`, 'type cannot be set to null, use nullable as an alternative')]
  if (!TYPES.includes(type)) return [notSupported(`${field}.type`, type, TYPES)]
  if (place === 'root' && type !== 'object') return [invalid(`${field}.type`, type, 'must be object at the root')]
  return []
}

function keywordErrors(schema: JsonSchema, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (schema.$ref !== undefined) errors.push(forbidden(`${field}.$ref`, '$ref is not supported'))
  for (const keyword of UNSUPPORTED) {
    const value = schema[keyword]
    const isEmpty = value === undefined || value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)
    if (!isEmpty) errors.push(forbidden(`${field}.${keyword}`, `${keyword} is not supported`))
  }
  if (schema.uniqueItems)
    errors.push(forbidden(`${field}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'))
  const { additionalProperties, properties } = schema
  const hasProperties = properties !== undefined && Object.keys(properties).length > 0
  if (hasProperties && additionalProperties !== undefined && additionalProperties !== false) {
    errors.push(forbidden(`${field}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'))
  }
  errors.push(...patternErrors(schema, field))
  return errors
}

function patternErrors({ pattern }: JsonSchema, field: string): FieldError[] {
  if (typeof pattern !== 'string' || pattern === '' || compilePattern(pattern) !== undefined) return []
  const why = `must be a valid regular expression, but isn't: error parsing regexp: ${patternProblem(pattern)}`
  return [invalid(`${field}.pattern`, pattern, why)]
}

function extensionErrors(schema: JsonSchema, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    errors.push(invalid(`${field}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'))
  }
  if (schema['x-kubernetes-embedded-resource'] === true) {
    if (schema.type !== 'object')
      errors.push(invalid(`${field}.type`, schema.type ?? '', 'must be object if x-kubernetes-embedded-resource is true'))
    if (schema['x-kubernetes-preserve-unknown-fields'] !== true && Object.keys(schema.properties ?? {}).length === 0) {
      errors.push(
        required(
          `${field}.properties`,
          'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
        ),
      )
    }
  }
  return errors
}

/** A schema that only restricts values must not say what the structure says. */
function valueErrors(schema: JsonSchema, field: string, isIntOrString: boolean): FieldError[] {
  const errors: FieldError[] = []
  const { type } = schema
  if (type && !(isIntOrString && (type === 'integer' || type === 'string')))
    errors.push(forbidden(`${field}.type`, 'must be empty to be structural'))
  if (schema.default !== undefined) errors.push(forbidden(`${field}.default`, 'must be undefined to be structural'))
  if (schema.nullable) errors.push(forbidden(`${field}.nullable`, 'must be false to be structural'))
  for (const keyword of ['title', 'description'] as const)
    if (schema[keyword]) errors.push(forbidden(`${field}.${keyword}`, 'must be empty to be structural'))
  if (schema.additionalProperties !== undefined)
    errors.push(forbidden(`${field}.additionalProperties`, 'must be undefined to be structural'))
  for (const keyword of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource', 'x-kubernetes-int-or-string'] as const) {
    if (schema[keyword]) errors.push(forbidden(`${field}.${keyword}`, 'must be false to be structural'))
  }
  for (const keyword of ['x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-map-type'] as const) {
    if (schema[keyword] !== undefined) errors.push(forbidden(`${field}.${keyword}`, 'must be undefined to be structural'))
  }
  errors.push(...patternErrors(schema, field))
  for (const [name, one] of Object.entries(schema.properties ?? {})) errors.push(...valueErrors(one, `${field}.properties[${name}]`, false))
  if (schema.items !== undefined && !Array.isArray(schema.items)) errors.push(...valueErrors(schema.items, `${field}.items`, false))
  for (const keyword of COMBINED) {
    for (const [i, one] of ((schema[keyword] ?? []) as readonly JsonSchema[]).entries())
      errors.push(...valueErrors(one, `${field}.${keyword}[${i}]`, false))
  }
  if (schema.not !== undefined) errors.push(...valueErrors(schema.not as JsonSchema, `${field}.not`, false))
  return errors
}

/** Of an object's own metadata a schema may restrict the name, and nothing else. */
function metadataErrors({ properties }: JsonSchema, field: string): FieldError[] {
  const metadata = properties?.metadata
  if (metadata === undefined) return []
  const errors: FieldError[] = []
  if (metadata.type !== undefined && metadata.type !== 'object') errors.push(invalid(`${field}.type`, metadata.type, 'must be object'))
  const names = Object.keys(metadata.properties ?? {})
  if (names.some(name => name !== 'name' && name !== 'generateName')) {
    errors.push(forbidden(field, 'must not specify anything other than name and generateName, but metadata is implicitly specified'))
  }
  return errors
}

function defaultErrors(schema: JsonSchema, field: string, isMetadata: boolean): FieldError[] {
  const errors: FieldError[] = []
  if (schema.default !== undefined && schema.default !== null) {
    const at = `${field}.default`
    if (isMetadata) errors.push(forbidden(at, 'must not be set in top-level metadata'))
    else errors.push(...ownDefaultErrors(schema, at))
  }
  const { properties, additionalProperties, items } = schema
  const isRoot = field.endsWith('openAPIV3Schema')
  for (const [name, one] of Object.entries(properties ?? {})) {
    errors.push(...defaultErrors(one, `${field}.properties[${name}]`, isMetadata || (isRoot && name === 'metadata')))
  }
  if (typeof additionalProperties === 'object')
    errors.push(...defaultErrors(additionalProperties, `${field}.additionalProperties`, isMetadata))
  if (items !== undefined) errors.push(...defaultErrors(items, `${field}.items`, isMetadata))
  return errors
}

function ownDefaultErrors(schema: JsonSchema, at: string): FieldError[] {
  const value = schema.default
  let isUnknown = false
  const type = typeOfSchema(schema)
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (type.type === 'struct' && isObject) {
    prune(
      value as Record<string, unknown>,
      type,
      () => {
        isUnknown = true
      },
      metadata => metadata,
    )
  }
  if (isUnknown) return [invalid(at, value, 'must not have unknown fields')]
  const errors = validateValue(value, schema, { field: at, name: '' })
  return errors.length > 0 || !hasRules(schema) ? errors : [...checkRules(value, schema, at, undefined, false).errors]
}
