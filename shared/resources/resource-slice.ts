import type { ResourceSlice } from '../api/resource/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since } from './printers/text.ts'
import { specChanged } from './strategy.ts'

export default defineResource<ResourceSlice>({
  group: 'resource.k8s.io',
  resource: 'resourceslices',
  singular: 'resourceslice',
  kind: 'ResourceSlice',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.resource.v1.ResourceSlice' }],
  generation: specChanged,
  columns: columns('Name, Node, Driver, Pool, Age'),
  cells: ({ metadata, spec }, now) => [
    metadata.name,
    spec.nodeName ?? '',
    spec.driver,
    spec.pool.name,
    since(metadata.creationTimestamp, now),
  ],
})
