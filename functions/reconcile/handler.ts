import { remoteProbe } from '../../shared/aggregation/probe.ts'
import { Remotes } from '../../shared/aggregation/remote.ts'
import { createReader } from '../../shared/apimachinery/machinery.ts'
import { observed, telemetry } from '../../shared/aws/observed.ts'
import { efsServicesOf, podServicesOf } from '../../shared/aws/pods.ts'
import { notesOf, queueOf, queuesOf, scheduleResync, storeOf } from '../../shared/aws/providers.ts'
import { efsProvisioner } from '../../shared/controllers/efsprovisioner.ts'
import { type ControllerServices, controllersWith } from '../../shared/controllers/index.ts'
import { workQueueController } from '../../shared/controllers/workqueue.ts'
import { apiSource } from '../../shared/metrics/apis.ts'
import { usageSource } from '../../shared/metrics/source.ts'
import { UsageBook } from '../../shared/metrics/usage.ts'
import { workQueueSource } from '../../shared/metrics/work-queues.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { podControllers } from '../../shared/pods/controllers.ts'
import { VERSION } from '../api/version.ts'
import { createClusterWork } from './cluster-work.ts'
import { type ClusterWork, createReconcileFunction } from './reconcile.ts'

const log = jsonLog('reconcile')
const clusters = new Map<string, ClusterWork>()

/** What controllers need beside the objects. Made with the cluster's work, used when the first object asks for it. */
function servicesOf(cluster: string): ControllerServices {
  const [store, notes] = [storeOf(cluster), notesOf(cluster)]
  const read = createReader(store)
  const remotes = new Remotes({ read, store })
  const metrics = workQueueSource(read, apiSource(remotes, usageSource(new UsageBook(notes, Date.now), Date.now)))
  return { autoscaler: () => ({ metrics, notes }), apiServices: () => remoteProbe(remotes, store) }
}

function workOf(cluster: string): ClusterWork {
  const known =
    clusters.get(cluster) ??
    createClusterWork({
      store: storeOf(cluster),
      queue: queueOf(cluster),
      controllers: [
        ...controllersWith(servicesOf(cluster)),
        ...podControllers(() => podServicesOf(cluster, VERSION.gitVersion)),
        workQueueController(queuesOf),
        efsProvisioner(() => efsServicesOf(cluster)),
      ],
      log,
      telemetry,
    })
  clusters.set(cluster, known)
  return known
}

export const handler = observed(createReconcileFunction({ workOf, scheduleResync, now: Date.now, log, telemetry }))
