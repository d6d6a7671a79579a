// Every controller, under the name that --controllers knows.
import { deploymentController } from './deployment.ts'
import { garbageCollector } from './garbagecollector.ts'
import { namespaceController } from './namespace.ts'
import { replicaSetController } from './replicaset.ts'
import { replicationController } from './replicationcontroller.ts'
import { serviceAccountController } from './serviceaccount.ts'
import type { Controller } from './types.ts'

export const controllers: readonly Controller[] = [
  deploymentController,
  garbageCollector,
  namespaceController,
  replicaSetController,
  replicationController,
  serviceAccountController,
]
