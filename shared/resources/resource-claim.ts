import type { ResourceClaim } from '../api/resource/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { defaultDevices } from './device-defaults.ts'
import { columns, since } from './printers/text.ts'
import { apartFromStatus } from './strategy.ts'

function claimState(deleted: string | undefined, status: ResourceClaim['status']): string {
  const states = [
    ...(deleted ? ['deleted'] : []),
    ...(status?.allocation ? ['allocated'] : []),
    ...((status?.reservedFor ?? []).length > 0 ? ['reserved'] : []),
  ]
  return states.join(',') || 'pending'
}

export default defineResource<ResourceClaim>({
  group: 'resource.k8s.io',
  resource: 'resourceclaims',
  singular: 'resourceclaim',
  kind: 'ResourceClaim',
  namespaced: true,
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.resource.v1.ResourceClaim',
      defaults(object) {
        defaultDevices((object as ResourceClaim).spec?.devices)
      },
    },
  ],
  ...apartFromStatus,
  parts: { status: {} },
  columns: columns('Name, State, Age'),
  cells: ({ metadata, status }, now) => [
    metadata.name,
    claimState(metadata.deletionTimestamp, status),
    since(metadata.creationTimestamp, now),
  ],
})
