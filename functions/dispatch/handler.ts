import middy from '@middy/core'
import { changeOf, queueOf } from '../../shared/aws/providers.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { createDispatchFunction } from './dispatch.ts'
import { watched } from './watched.ts'

export const handler = middy(createDispatchFunction({ controllers: watched, changeOf, queueOf, log: jsonLog('dispatch') }))
