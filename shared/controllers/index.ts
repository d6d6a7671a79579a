// Every controller, under the name that --controllers knows.
import { deploymentController } from './deployment.ts'
import { garbageCollector } from './garbagecollector.ts'
import { namespaceController } from './namespace.ts'
import { nodeLifecycleController } from './nodelifecycle.ts'
import { podGarbageCollector } from './podgc.ts'
import { replicaSetController } from './replicaset.ts'
import { replicationController } from './replicationcontroller.ts'
import { scheduler } from './scheduler.ts'
import { serviceAccountController } from './serviceaccount.ts'
import { taintEvictionController } from './tainteviction.ts'
import type { Controller } from './types.ts'

export const controllers: readonly Controller[] = [
  deploymentController,
  garbageCollector,
  namespaceController,
  nodeLifecycleController,
  podGarbageCollector,
  replicaSetController,
  replicationController,
  scheduler,
  serviceAccountController,
  taintEvictionController,
]
