import type { CSIDriver } from '../api/storage/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since, UNSET } from './printers/text.ts'
import { specChanged } from './strategy.ts'

export default defineResource<CSIDriver>({
  group: 'storage.k8s.io',
  resource: 'csidrivers',
  singular: 'csidriver',
  kind: 'CSIDriver',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.storage.v1.CSIDriver' }],
  generation: specChanged,
  columns: columns(
    'Name, AttachRequired:boolean, PodInfoOnMount:boolean, StorageCapacity:boolean, TokenRequests, RequiresRepublish:boolean, Modes, Age',
  ),
  cells: ({ metadata, spec }, now) => [
    metadata.name,
    spec.attachRequired ?? true,
    spec.podInfoOnMount ?? false,
    spec.storageCapacity ?? false,
    spec.tokenRequests && spec.tokenRequests.length > 0 ? spec.tokenRequests.map(t => t.audience).join(',') : UNSET,
    spec.requiresRepublish ?? false,
    (spec.volumeLifecycleModes ?? []).join(','),
    since(metadata.creationTimestamp, now),
  ],
})
