// The ECS API.
import type { Service } from '../aws/service.ts'
import { clusterOperations } from './api/clusters.ts'
import type { EcsContext } from './api/context.ts'
import { definitionOperations } from './api/definitions.ts'
import { instanceOperations } from './api/instances.ts'
import { tagOperations } from './api/tags.ts'
import { taskOperations } from './api/tasks.ts'

export function ecsService(ecs: EcsContext) {
  return {
    name: 'ecs',
    operations: {
      ...clusterOperations(ecs),
      ...definitionOperations(ecs),
      ...taskOperations(ecs),
      ...instanceOperations(ecs),
      ...tagOperations(ecs),
    },
  } satisfies Service
}
