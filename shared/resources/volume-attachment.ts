import type { VolumeAttachment } from '../api/storage/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since } from './printers/text.ts'
import { keep, statusPart } from './strategy.ts'

export default defineResource<VolumeAttachment>({
  group: 'storage.k8s.io',
  resource: 'volumeattachments',
  singular: 'volumeattachment',
  kind: 'VolumeAttachment',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.storage.v1.VolumeAttachment' }],
  prepareForCreate(attachment) {
    attachment.status = { attached: false }
  },
  prepareForUpdate: (attachment, old) => keep(attachment, old, 'status'),
  allowUnconditionalUpdate: false,
  deletion: { returnsObject: true },
  parts: {
    status: {
      ...statusPart<VolumeAttachment>({ keepMetadata: ['labels', 'annotations', 'finalizers', 'ownerReferences'] }),
      resetFields: [['metadata'], ['spec']],
    },
  },
  columns: columns('Name, Attacher, PV, Node, Attached:boolean, Age').map(column =>
    column.name === 'Attacher' ? { ...column, format: 'name' } : column,
  ),
  cells: ({ metadata, spec, status }, now) => [
    metadata.name,
    spec.attacher,
    spec.source.persistentVolumeName ?? '',
    spec.nodeName,
    status?.attached ?? false,
    since(metadata.creationTimestamp, now),
  ],
})
