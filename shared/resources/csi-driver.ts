import type { CSIDriver } from '../api/storage/v1.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since, UNSET } from './printers/text.ts'

const TOKENS_IN_SECRETS =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes'

export default defineResource<CSIDriver>({
  group: 'storage.k8s.io',
  resource: 'csidrivers',
  singular: 'csidriver',
  kind: 'CSIDriver',
  namespaced: false,
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.storage.v1.CSIDriver',
      defaults(object) {
        const driver = object as CSIDriver
        driver.spec ??= {}
        const { spec } = driver
        spec.attachRequired ??= true
        spec.podInfoOnMount ??= false
        spec.storageCapacity ??= false
        spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType'
        if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent']
        spec.requiresRepublish ??= false
        spec.seLinuxMount ??= false
      },
    },
  ],
  allowUnconditionalUpdate: false,
  warnings: ({ spec }, old) =>
    spec?.tokenRequests?.length && spec.serviceAccountTokenInSecrets === undefined && !equal(spec.tokenRequests, old?.spec?.tokenRequests)
      ? [TOKENS_IN_SECRETS]
      : [],
  deletion: { returnsObject: true },
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
