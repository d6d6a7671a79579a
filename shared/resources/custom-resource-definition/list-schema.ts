// x-kubernetes-list-type, -list-map-keys and -map-type: what they may be said of.
import { type FieldError, invalid, notSupported, required } from '../../apimachinery/field-error.ts'
import { member } from '../../apimachinery/objects.ts'
import type { JsonSchema } from '../../apimachinery/schema/structural.ts'

export function listErrors(schema: JsonSchema, field: string): FieldError[] {
  const errors: FieldError[] = []
  const listType = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  if (listType !== undefined) {
    if (schema.type !== 'array')
      errors.push(invalid(`${field}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified'))
    if (!['atomic', 'set', 'map'].includes(listType))
      errors.push(notSupported(`${field}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']))
  }
  if (keys.length > 0 && listType !== 'map') {
    errors.push(invalid(`${field}.x-kubernetes-list-type`, listType ?? null, 'must be map if x-kubernetes-list-map-keys is non-empty'))
  }
  if (listType === 'map') errors.push(...mapErrors(schema, keys, field))
  if (listType === 'set' && schema.items !== undefined) errors.push(...setErrors(schema.items, `${field}.items`))
  const mapType = schema['x-kubernetes-map-type']
  if (mapType !== undefined) {
    if (schema.type !== 'object')
      errors.push(invalid(`${field}.type`, schema.type ?? '', 'must be object if x-kubernetes-map-type is specified'))
    if (mapType !== 'atomic' && mapType !== 'granular')
      errors.push(notSupported(`${field}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']))
  }
  return errors
}

const SCALARS = ['string', 'integer', 'number', 'boolean']

function mapErrors({ items }: JsonSchema, keys: readonly string[], field: string): FieldError[] {
  const at = `${field}.x-kubernetes-list-map-keys`
  if (items !== undefined && items.type !== 'object') {
    return [invalid(`${field}.items.type`, items.type ?? '', "must be object if parent array's x-kubernetes-list-type is map")]
  }
  if (keys.length === 0) return [required(at, 'must not be empty if x-kubernetes-list-type is map')]
  const errors: FieldError[] = []
  if (keys.some(key => member(items?.properties, key) === undefined))
    errors.push(invalid(at, keys, 'entries must all be names of item properties'))
  if (new Set(keys).size < keys.length) errors.push(invalid(at, keys, 'must not contain duplicate entries'))
  for (const key of keys) {
    const property = member(items?.properties, key)
    if (property === undefined) continue
    const name = `${field}.items.properties[${key}]`
    if (!SCALARS.includes(property.type ?? '') && property['x-kubernetes-int-or-string'] !== true) {
      errors.push(invalid(`${name}.type`, property.type ?? '', "must be a scalar type if parent array's x-kubernetes-list-type is map"))
    }
    if (property.default === undefined && !items?.required?.includes(key)) {
      const why = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property'
      errors.push(required(`${name}.default`, why))
    }
    if (property.nullable)
      errors.push({
        type: 'FieldValueForbidden',
        field: `${name}.nullable`,
        message: 'Forbidden: this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
      })
  }
  if (items?.nullable)
    errors.push({
      type: 'FieldValueForbidden',
      field: `${field}.items.nullable`,
      message: 'Forbidden: cannot be nullable when x-kubernetes-list-type is map',
    })
  return errors
}

/** What is compared as a whole must be owned as a whole. */
function setErrors(items: JsonSchema, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (items.nullable)
    errors.push({
      type: 'FieldValueForbidden',
      field: `${field}.nullable`,
      message: 'Forbidden: cannot be nullable when x-kubernetes-list-type is set',
    })
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    errors.push(
      invalid(
        `${field}.x-kubernetes-map-type`,
        items['x-kubernetes-map-type'] ?? null,
        'must be atomic as item of a list with x-kubernetes-list-type=set',
      ),
    )
  }
  if (items.type === 'array' && items['x-kubernetes-list-type'] !== undefined && items['x-kubernetes-list-type'] !== 'atomic') {
    errors.push(
      invalid(
        `${field}.x-kubernetes-list-type`,
        items['x-kubernetes-list-type'],
        'must be atomic as item of a list with x-kubernetes-list-type=set',
      ),
    )
  }
  return errors
}
