import type { PriorityLevelConfiguration } from '../api/flowcontrol/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { columns, NONE, since } from './printers/text.ts'
import { apartFromStatus, specChanged } from './strategy.ts'

export default defineResource<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  resource: 'prioritylevelconfigurations',
  singular: 'prioritylevelconfiguration',
  kind: 'PriorityLevelConfiguration',
  namespaced: false,
  versions: [{ version: 'v1', storage: true, schema: 'io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration' }],
  ...apartFromStatus,
  generation: specChanged,
  parts: { status: {} },
  columns: columns('Name, Type, NominalConcurrencyShares, Queues, HandSize, QueueLengthLimit, Age'),
  cells: ({ metadata, spec }, now) => {
    const queuing = spec.limited?.limitResponse?.queuing
    return [
      metadata.name,
      spec.type,
      spec.limited?.nominalConcurrencyShares ?? NONE,
      queuing?.queues ?? NONE,
      queuing?.handSize ?? NONE,
      queuing?.queueLengthLimit ?? NONE,
      since(metadata.creationTimestamp, now),
    ]
  },
})
