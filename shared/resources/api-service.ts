import type { APIService } from '../api/apiregistration/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, since, UNKNOWN } from './printers/text.ts'
import { apartFromStatus } from './strategy.ts'

export default defineResource<APIService>({
  group: 'apiregistration.k8s.io',
  resource: 'apiservices',
  singular: 'apiservice',
  kind: 'APIService',
  namespaced: false,
  categories: ['api-extensions'],
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService' }],
  ...apartFromStatus,
  parts: { status: {} },
  columns: columns('Name, Service, Available, Age'),
  cells: ({ metadata, spec, status }, now) => {
    const available = status?.conditions?.find(c => c.type === 'Available')
    const text = available ? (available.status === 'True' ? 'True' : `${available.status} (${available.reason})`) : UNKNOWN
    return [
      metadata.name,
      spec?.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local',
      text,
      since(metadata.creationTimestamp, now),
    ]
  },
})
