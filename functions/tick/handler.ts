import { observed } from '../../shared/aws/observed.ts'
import { queueOf, storeOf } from '../../shared/aws/providers.ts'
import { openCluster } from '../../shared/cluster.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { workQueueWatches } from '../../shared/controllers/workqueue.ts'
import { everything } from '../../shared/pipeline/everything.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { podWatches } from '../../shared/pods/controllers.ts'
import { createTickFunction } from './tick.ts'

const log = jsonLog('tick')

export const handler = observed(
  createTickFunction({
    queueOf,
    everything: cluster => {
      const store = storeOf(cluster)
      return everything({
        store,
        registry: openCluster({ store }).registry,
        controllers: [...controllers, ...podWatches, workQueueWatches],
        log,
      })
    },
    log,
  }),
)
