import type { DeviceClass } from '../api/resource/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since } from './printers/text.ts'
import { specChanged } from './strategy.ts'

export default defineResource<DeviceClass>({
  group: 'resource.k8s.io',
  resource: 'deviceclasses',
  singular: 'deviceclass',
  kind: 'DeviceClass',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.resource.v1.DeviceClass' }],
  generation: specChanged,
  columns: columns('Name, Age'),
  cells: ({ metadata }, now) => [metadata.name, since(metadata.creationTimestamp, now)],
})
