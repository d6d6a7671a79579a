// Every controller, under the name that --controllers knows.
import { deploymentController } from './deployment.ts'
import { replicaSetController } from './replicaset.ts'
import { replicationController } from './replicationcontroller.ts'
import type { Controller } from './types.ts'

export const controllers: readonly Controller[] = [deploymentController, replicaSetController, replicationController]
