// Fields of a custom resource that a field selector may name.
import type { SelectableField } from '../../api/apiextensions/v1.ts'
import type { KubeObject } from '../types.ts'
import { splitPath, valueAt } from './paths.ts'

/** Undefined when there are none: metadata.name and metadata.namespace can always be selected by. */
export function selectableFieldsOf(
  fields: readonly SelectableField[],
  read: (object: KubeObject) => KubeObject,
): Readonly<Record<string, (object: KubeObject) => string>> | undefined {
  if (fields.length === 0) return undefined
  return Object.fromEntries(
    fields.map(({ jsonPath }) => {
      const path = splitPath(jsonPath)
      return [
        path.join('.'),
        (object: KubeObject) => {
          const value = valueAt(read(object), path)
          return value === undefined || value === null ? '' : String(value)
        },
      ]
    }),
  )
}
