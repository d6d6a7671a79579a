import type { IPAddress } from '../api/networking/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns } from './printers/text.ts'

export default defineResource<IPAddress>({
  group: 'networking.k8s.io',
  resource: 'ipaddresses',
  singular: 'ipaddress',
  kind: 'IPAddress',
  namespaced: false,
  shortNames: ['ip'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.networking.v1.IPAddress' }],
  columns: columns('Name, ParentRef'),
  cells: ({ metadata, spec: { parentRef } }) => {
    const place = [parentRef.group, parentRef.resource, parentRef.namespace, parentRef.name].filter(Boolean).join('/')
    return [metadata.name, place]
  },
})
