import type { VolumeAttachment } from '../api/storage/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since } from './printers/text.ts'
import { apartFromStatus } from './strategy.ts'

export default defineResource<VolumeAttachment>({
  group: 'storage.k8s.io',
  resource: 'volumeattachments',
  singular: 'volumeattachment',
  kind: 'VolumeAttachment',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.storage.v1.VolumeAttachment' }],
  ...apartFromStatus,
  allowUnconditionalUpdate: false,
  parts: { status: {} },
  columns: columns('Name, Attacher, PV, Node, Attached:boolean, Age'),
  cells: ({ metadata, spec, status }, now) => [
    metadata.name,
    spec.attacher,
    spec.source.persistentVolumeName ?? '',
    spec.nodeName,
    status?.attached ?? false,
    since(metadata.creationTimestamp, now),
  ],
})
