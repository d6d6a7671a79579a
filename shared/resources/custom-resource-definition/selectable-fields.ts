// Fields that may be selected by are simple values of the schema.
import type { SelectableField } from '../../api/apiextensions/v1.ts'
import { duplicate, type FieldError, invalid, required, tooMany } from '../../apimachinery/field-error.ts'
import { member } from '../../apimachinery/objects.ts'
import type { JsonSchema } from '../../apimachinery/schema/structural.ts'

const MOST = 8

export function validateSelectableFields(
  fields: readonly SelectableField[] | undefined,
  root: JsonSchema | undefined,
  field: string,
): FieldError[] {
  if (fields === undefined) return []
  const errors: FieldError[] = []
  if (fields.length > MOST) errors.push(tooMany(field, fields.length, MOST))
  const seen = new Set<string>()
  for (const [i, { jsonPath }] of fields.entries()) {
    const at = `${field}[${i}].jsonPath`
    if (!jsonPath) {
      errors.push(required(at))
      continue
    }
    const found = resolve(jsonPath, root)
    if (typeof found === 'string') {
      errors.push(invalid(at, jsonPath, `is an invalid path: ${found}`))
      continue
    }
    if (!['string', 'boolean', 'integer'].includes(found.type ?? '')) {
      errors.push(
        invalid(
          at,
          jsonPath,
          'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
        ),
      )
    } else if (seen.has(jsonPath)) errors.push(duplicate(at, jsonPath))
    seen.add(jsonPath)
  }
  return errors
}

/** The schema that a path names, or what is wrong with the path. Metadata is nothing that a schema tells about. */
export function resolve(path: string, root: JsonSchema | undefined): JsonSchema | string {
  if (!path.startsWith('.')) return `expected [ or . but got: ${/^[^.[]*/.exec(path)?.[0]}`
  const names = path.slice(1).split('.')
  if (names[0] === 'metadata' || root === undefined) return 'does not refer to a valid field'
  let schema: JsonSchema = root
  for (const name of names) {
    const next = member(schema.properties, name)
    if (next === undefined) return 'does not refer to a valid field'
    schema = next
  }
  return schema
}
