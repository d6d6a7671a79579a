import type { CSINode } from '../api/storage/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since } from './printers/text.ts'

export default defineResource<CSINode>({
  group: 'storage.k8s.io',
  resource: 'csinodes',
  singular: 'csinode',
  kind: 'CSINode',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.storage.v1.CSINode' }],
  columns: columns('Name, Drivers:integer, Age'),
  cells: ({ metadata, spec }, now) => [metadata.name, (spec.drivers ?? []).length, since(metadata.creationTimestamp, now)],
})
