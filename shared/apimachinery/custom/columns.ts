// The columns that a definition prints (apiextensions-apiserver/pkg/registry/customresource/tableconvertor).
import type { CustomResourceColumnDefinition } from '../../api/apiextensions/v1.ts'
import type { Column } from '../resource.ts'
import { humanDuration } from '../response/age.ts'
import type { KubeObject } from '../types.ts'
import { findByPath, type JsonPath, parseJsonPath } from './json-path.ts'

export interface Columns {
  readonly columns: readonly Column[]
  cells(object: KubeObject, now: number): readonly unknown[]
}

const NAME: Column = { name: 'Name', type: 'string', format: 'name' }
const AGE: CustomResourceColumnDefinition = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }

export function columnsOf(defined: readonly CustomResourceColumnDefinition[] | undefined): Columns {
  const own = defined === undefined || defined.length === 0 ? [AGE] : defined
  const made = own.map(({ jsonPath, type }) => ({ path: parseJsonPath(jsonPath), type }))
  return {
    columns: [
      NAME,
      ...own.map(({ name, type, format, description, priority }) => ({
        name,
        type: type as Column['type'],
        format: format ?? '',
        description: description ?? '',
        priority: priority ?? 0,
      })),
    ],
    cells: (object, now) => [object.metadata.name, ...made.map(({ path, type }) => cell(object, path, type, now))],
  }
}

function cell(object: KubeObject, path: JsonPath, type: string, now: number): unknown {
  const found = findByPath(object, path)
  if (found.length === 0 || found[0] === undefined || found[0] === null) return null
  return type === 'string' ? textOf(found[0]) : scalar(found[0], type, now)
}

/** Null where the value is not of the column's type. */
function scalar(value: unknown, type: string, now: number): unknown {
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date': {
      if (typeof value !== 'string') return null
      const time = Date.parse(value)
      return Number.isNaN(time) ? '<invalid>' : humanDuration(now - time)
    }
    default:
      return null
  }
}

/** Scalars as they are, everything else as Go's JSON, with members by name. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(sorted(value)))

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, inner]) => [name, sorted(inner)]))
}
