import type { NetworkPolicy } from '../api/networking/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, selectorText, since } from './printers/text.ts'
import { specChanged } from './strategy.ts'

export default defineResource<NetworkPolicy>({
  group: 'networking.k8s.io',
  resource: 'networkpolicies',
  singular: 'networkpolicy',
  kind: 'NetworkPolicy',
  namespaced: true,
  shortNames: ['netpol'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.networking.v1.NetworkPolicy' }],
  generation: specChanged,
  columns: columns('Name, Pod-Selector, Age'),
  cells: ({ metadata, spec }, now) => [metadata.name, selectorText(spec.podSelector), since(metadata.creationTimestamp, now)],
})
