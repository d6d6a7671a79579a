import type { PriorityLevelConfiguration } from '../api/flowcontrol/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { firstObjects, settleSchemasOf } from './flow-control/lazy.ts'
import { columns, NONE, since } from './printers/text.ts'
import { apartFromStatus, specChanged } from './strategy.ts'

export default defineResource<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  resource: 'prioritylevelconfigurations',
  singular: 'prioritylevelconfiguration',
  kind: 'PriorityLevelConfiguration',
  namespaced: false,
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration',
      defaults(object) {
        const { spec } = object as PriorityLevelConfiguration
        if (spec?.exempt !== undefined) {
          spec.exempt.nominalConcurrencyShares ??= 0
          spec.exempt.lendablePercent ??= 0
        }
        if (spec?.limited === undefined) return
        spec.limited.nominalConcurrencyShares ??= 30
        spec.limited.lendablePercent ??= 0
        const queuing = spec.limited.limitResponse?.queuing
        if (queuing === undefined) return
        queuing.handSize ||= 8
        queuing.queues ||= 64
        queuing.queueLengthLimit ||= 50
      },
    },
  ],
  firstObjects,
  ...apartFromStatus,
  begin: async (level, old, context) => (old ? undefined : { commit: () => settleSchemasOf(level.metadata.name ?? '', context) }),
  afterDelete: (level, context) => settleSchemasOf(level.metadata.name ?? '', context),
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
