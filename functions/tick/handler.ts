import { observed } from '../../shared/aws/observed.ts'
import { queueOf } from '../../shared/aws/providers.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { createTickFunction } from './tick.ts'

const log = jsonLog('tick')

export const handler = observed(
  createTickFunction({
    queueOf,
    async everything(cluster) {
      const { workOfCluster } = await import('./resync.ts')
      return workOfCluster(cluster, log)
    },
    log,
  }),
)
