import type { ResourceClaimTemplate } from '../api/resource/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { defaultDevices } from './device-defaults.ts'
import { columns, since } from './printers/text.ts'

export default defineResource<ResourceClaimTemplate>({
  group: 'resource.k8s.io',
  resource: 'resourceclaimtemplates',
  singular: 'resourceclaimtemplate',
  kind: 'ResourceClaimTemplate',
  namespaced: true,
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.resource.v1.ResourceClaimTemplate',
      defaults(object) {
        defaultDevices((object as ResourceClaimTemplate).spec?.spec?.devices)
      },
    },
  ],
  columns: columns('Name, Age'),
  cells: ({ metadata }, now) => [metadata.name, since(metadata.creationTimestamp, now)],
})
