import middy from '@middy/core'
import { changeBus } from '../../shared/aws/change-bus.ts'
import { changeOf, queueOf } from '../../shared/aws/providers.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { createDispatchFunction } from './dispatch.ts'
import { watched } from './watched.ts'

const log = jsonLog('dispatch')

export const handler = middy(createDispatchFunction({ controllers: watched, changeOf, queueOf, bus: changeBus(log), log }))
