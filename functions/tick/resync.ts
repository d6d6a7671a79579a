// All the work of a cluster: it takes every kind and every controller's watches to know. A chunk of its own, because most ticks only
// hand on work that is due.
import { storeOf } from '../../shared/aws/providers.ts'
import { openCluster } from '../../shared/cluster.ts'
import { clusterWatches } from '../../shared/controllers/cluster.ts'
import { efsProvisionerWatches } from '../../shared/controllers/efsprovisioner.ts'
import { controllers } from '../../shared/controllers/index.ts'
import { workQueueWatches } from '../../shared/controllers/workqueue.ts'
import { everything } from '../../shared/pipeline/everything.ts'
import type { Log } from '../../shared/pipeline/log.ts'
import type { WorkItem } from '../../shared/pipeline/work.ts'
import { podWatches } from '../../shared/pods/controllers.ts'

export function workOfCluster(cluster: string, log: Log): Promise<WorkItem[]> {
  const store = storeOf(cluster)
  const { registry } = openCluster({ store })
  return everything({
    store,
    registry,
    controllers: [...controllers, ...podWatches, workQueueWatches, efsProvisionerWatches, clusterWatches],
    log,
  })
}
