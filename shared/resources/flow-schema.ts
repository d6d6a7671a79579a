import type { FlowSchema } from '../api/flowcontrol/v1.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { firstObjects, settleSchema } from './flow-control/lazy.ts'
import { columns, NONE, since } from './printers/text.ts'
import { apartFromStatus, specChanged } from './strategy.ts'

export default defineResource<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  resource: 'flowschemas',
  singular: 'flowschema',
  kind: 'FlowSchema',
  namespaced: false,
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.flowcontrol.v1.FlowSchema',
      defaults(object) {
        const { spec } = object as FlowSchema
        if (spec !== undefined) spec.matchingPrecedence ||= 1000
      },
    },
  ],
  firstObjects,
  ...apartFromStatus,
  begin: async (schema, _, context) => ({ commit: () => settleSchema(schema.metadata.name ?? '', context) }),
  generation: specChanged,
  parts: { status: {} },
  columns: columns('Name, PriorityLevel, MatchingPrecedence, DistinguisherMethod, Age, MissingPL'),
  cells: ({ metadata, spec, status }, now) => [
    metadata.name,
    spec.priorityLevelConfiguration.name,
    spec.matchingPrecedence,
    spec.distinguisherMethod?.type ?? NONE,
    since(metadata.creationTimestamp, now),
    status?.conditions?.find(c => c.type === 'Dangling')?.status ?? '?',
  ],
})
