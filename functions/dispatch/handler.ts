import middy from '@middy/core'
import { changeOf, queueOf } from '../../shared/aws/providers.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { workQueueWatches } from '../../shared/controllers/workqueue.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { podWatches } from '../../shared/pods/controllers.ts'
import { createDispatchFunction } from './dispatch.ts'

export const handler = middy(
  createDispatchFunction({ controllers: [...controllers, ...podWatches, workQueueWatches], changeOf, queueOf, log: jsonLog('dispatch') }),
)
