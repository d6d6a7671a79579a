// Every controller there is, as far as dispatch must know it: its name and what it watches.
import { clusterWatches } from '../../shared/controllers/cluster.ts'
import { efsProvisionerWatches } from '../../shared/controllers/efsprovisioner.ts'
import { controllers } from '../../shared/controllers/index.ts'
import type { Controller } from '../../shared/controllers/types.ts'
import { workQueueWatches } from '../../shared/controllers/workqueue.ts'
import { podWatches } from '../../shared/pods/controllers.ts'

export const watched: readonly Pick<Controller, 'name' | 'watches'>[] = [
  ...controllers,
  ...podWatches,
  workQueueWatches,
  efsProvisionerWatches,
  clusterWatches,
]
