import type { ComponentStatus } from '../api/core/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns } from './printers/text.ts'

/** What stands here for the processes that a cluster of servers has. */
const COMPONENTS = [
  ['controller-manager', 'ok: the dispatch, reconcile and tick functions'],
  ['scheduler', 'ok: the scheduler inside the reconcile function'],
  ['etcd-0', 'ok: the DynamoDB table'],
] as const

export default defineResource<ComponentStatus>({
  group: '',
  resource: 'componentstatuses',
  singular: 'componentstatus',
  kind: 'ComponentStatus',
  namespaced: false,
  shortNames: ['cs'],
  verbs: ['get', 'list'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.core.v1.ComponentStatus',
      deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
    },
  ],
  virtualList: async () =>
    COMPONENTS.map(([name, message]) => ({
      apiVersion: 'v1',
      kind: 'ComponentStatus',
      metadata: { name },
      conditions: [{ type: 'Healthy', status: 'True', message }],
    })),
  columns: columns('Name, Status, Message, Error'),
  cells({ metadata, conditions }) {
    const healthy = conditions?.find(c => c.type === 'Healthy')
    return [metadata.name, healthy?.status === 'True' ? 'Healthy' : 'Unhealthy', healthy?.message ?? '', healthy?.error ?? '']
  },
})
