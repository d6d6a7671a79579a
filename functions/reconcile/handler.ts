import { remoteProbe } from '../../shared/aggregation/probe.ts'
import { Remotes } from '../../shared/aggregation/remote.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import { readEnvironment } from '../../shared/aws/environment.ts'
import { observed, telemetry } from '../../shared/aws/observed.ts'
import { efsServicesOf, podServicesOf } from '../../shared/aws/pods.ts'
import { forgetCluster, notesOf, purgeCluster, queueOf, queuesOf, scheduleResync, storeOf } from '../../shared/aws/providers.ts'
import { openCluster } from '../../shared/cluster.ts'
import { isMade } from '../../shared/cluster-name.ts'
import { Clusters } from '../../shared/clusters.ts'
import { type ClusterServices, clusterController } from '../../shared/controllers/cluster.ts'
import { efsProvisioner } from '../../shared/controllers/efsprovisioner.ts'
import { type ControllerServices, controllersWith } from '../../shared/controllers/index.ts'
import { workQueueController } from '../../shared/controllers/workqueue.ts'
import { apiSource } from '../../shared/metrics/apis.ts'
import { usageSource } from '../../shared/metrics/source.ts'
import { UsageBook } from '../../shared/metrics/usage.ts'
import { workQueueSource } from '../../shared/metrics/work-queues.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { podControllers } from '../../shared/pods/controllers.ts'
import { RecentlyUsed } from '../../shared/recently-used.ts'
import { VERSION } from '../api/version.ts'
import { createClusterWork } from './cluster-work.ts'
import { type ClusterWork, createReconcileFunction } from './reconcile.ts'

const log = jsonLog('reconcile')
/** An environment keeps the informers of so many clusters; one batch of messages is of ten at most. */
const clusters = new RecentlyUsed<ClusterWork>(50, forgetCluster)
const { CLUSTER_NAME } = readEnvironment(['CLUSTER_NAME'])
const directory = new Clusters(storeOf(CLUSTER_NAME))

/** What was kept of a cluster that is gone goes with it. */
async function isThere(cluster: string): Promise<boolean> {
  if (await directory.isThere(cluster)) return true
  clusters.delete(cluster)
  return false
}

/** How the default cluster's controller gets at the others. */
const others: ClusterServices = {
  open: id => openCluster({ store: storeOf(id) }),
  async purge(id) {
    const count = await purgeCluster(id)
    if (count > 0) return count
    clusters.delete(id)
    forgetCluster(id)
    return 0
  },
}

/** What controllers need beside the objects. Made with the cluster's work, used when the first object asks for it. */
function servicesOf(cluster: string): ControllerServices {
  const [store, notes] = [storeOf(cluster), notesOf(cluster)]
  const read = createReader(store)
  const remotes = new Remotes({ read, store })
  const metrics = workQueueSource(read, apiSource(remotes, usageSource(new UsageBook(notes, Date.now), Date.now)))
  return { autoscaler: () => ({ metrics, notes }), apiServices: () => remoteProbe(remotes, store), underPath: isMade(cluster) }
}

const workOf = (cluster: string): ClusterWork =>
  clusters.use(cluster, () =>
    createClusterWork({
      store: storeOf(cluster),
      queue: queueOf(cluster),
      controllers: [
        ...controllersWith(servicesOf(cluster)),
        ...podControllers(() => podServicesOf(cluster, VERSION.gitVersion)),
        workQueueController(queuesOf),
        efsProvisioner(() => efsServicesOf(cluster)),
        ...(isMade(cluster) ? [] : [clusterController(() => others)]),
      ],
      log,
      telemetry,
    }),
  )

export const handler = observed(createReconcileFunction({ workOf, isThere, scheduleResync, now: Date.now, log, telemetry }))
