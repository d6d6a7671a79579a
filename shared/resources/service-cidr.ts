import type { ServiceCIDR } from '../api/networking/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since } from './printers/text.ts'
import { apartFromStatus } from './strategy.ts'

export default defineResource<ServiceCIDR>({
  group: 'networking.k8s.io',
  resource: 'servicecidrs',
  singular: 'servicecidr',
  kind: 'ServiceCIDR',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.networking.v1.ServiceCIDR' }],
  ...apartFromStatus,
  parts: { status: {} },
  columns: columns('Name, CIDRs, Age'),
  cells: ({ metadata, spec }, now) => [metadata.name, (spec.cidrs ?? []).join(','), since(metadata.creationTimestamp, now)],
})
