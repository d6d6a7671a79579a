import type { CSIStorageCapacity } from '../api/storage/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'

export default defineResource<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  resource: 'csistoragecapacities',
  singular: 'csistoragecapacity',
  kind: 'CSIStorageCapacity',
  namespaced: true,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.storage.v1.CSIStorageCapacity' }],
})
