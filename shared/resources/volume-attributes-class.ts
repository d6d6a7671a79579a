import type { VolumeAttributesClass } from '../api/storage/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since } from './printers/text.ts'

export default defineResource<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  resource: 'volumeattributesclasses',
  singular: 'volumeattributesclass',
  kind: 'VolumeAttributesClass',
  namespaced: false,
  shortNames: ['vac'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.storage.v1.VolumeAttributesClass' }],
  columns: columns('Name, DriverName, Age'),
  cells: ({ metadata, driverName }, now) => [metadata.name, driverName, since(metadata.creationTimestamp, now)],
})
