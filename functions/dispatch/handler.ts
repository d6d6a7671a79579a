import { changeBus } from '../../shared/aws/change-bus.ts'
import { observed } from '../../shared/aws/observed.ts'
import { changeOf, queueOf } from '../../shared/aws/providers.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { createDispatchFunction } from './dispatch.ts'
import { watched } from './watched.ts'

const log = jsonLog('dispatch')

export const handler = observed(createDispatchFunction({ controllers: watched, changeOf, queueOf, bus: changeBus(log), log }))
