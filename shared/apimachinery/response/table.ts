// Objects as a Table (what kubectl get prints) or as their metadata alone.
import { invalid } from '../field-error.ts'
import type { Endpoint } from '../registry.ts'
import type { Column } from '../resource.ts'
import { badRequest } from '../status-error.ts'
import type { KubeObject } from '../types.ts'

export interface ListMeta {
  resourceVersion?: string
  continue?: string
  remainingItemCount?: number
}

export type IncludeObject = 'None' | 'Metadata' | 'Object'

const DEFAULT_COLUMNS: readonly Column[] = [
  { name: 'Name', type: 'string', format: 'name', description: 'Name must be unique within a namespace.' },
  {
    name: 'Created At',
    type: 'date',
    description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
  },
]

/** @throws StatusError 400 */
export function includeObjectOf(query: URLSearchParams): IncludeObject {
  const text = query.get('includeObject') ?? ''
  if (text === '') return 'Metadata'
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text
  const { field, message } = invalid('includeObject', text, "must be 'Metadata', 'Object', 'None', or empty")
  throw badRequest(`Unable to convert to Table as requested: ${field}: ${message}`)
}

/** `objects` in storage version; `shown` gives each in the version that is answered. */
export function tableOf(
  objects: readonly KubeObject[],
  metadata: ListMeta,
  endpoint: Endpoint,
  options: {
    readonly version: string
    readonly include: IncludeObject
    readonly now: number
    readonly withColumns: boolean
    shown(object: KubeObject): KubeObject
  },
): object {
  const { definition } = endpoint
  const columns = definition.columns ?? DEFAULT_COLUMNS
  const { cells = defaultCells } = definition
  const row = (object: KubeObject) => {
    const conditions = definition.rowConditions?.(object)
    return {
      // A bookmark's object has no name.
      cells: cells.call(definition, object, options.now).map(cell => (cell === undefined ? '' : cell)),
      ...(conditions === undefined || conditions.length === 0 ? {} : { conditions }),
      object: includedObject(object, options),
    }
  }
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: options.withColumns
      ? columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({ name, type, format, description, priority }))
      : null,
    // Upstream has two makers of tables: the one for kinds without columns of their own writes no rows as null.
    rows: objects.length === 0 && definition.columns === undefined ? null : objects.map(row),
  }
}

function includedObject(
  object: KubeObject,
  options: { include: IncludeObject; version: string; shown(object: KubeObject): KubeObject },
): object | null {
  if (options.include === 'None') return null
  return options.include === 'Object' ? options.shown(object) : partialOf(object, options.version)
}

const defaultCells = ({ metadata }: KubeObject) => [metadata.name, metadata.creationTimestamp ?? null]

export function partialOf({ metadata }: KubeObject, version: string): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata }
}
