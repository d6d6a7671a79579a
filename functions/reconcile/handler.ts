import { observed, telemetry } from '../../shared/aws/observed.ts'
import { podServicesOf } from '../../shared/aws/pods.ts'
import { notesOf, queueOf, queuesOf, scheduleResync, storeOf } from '../../shared/aws/providers.ts'
import type { AutoscalerServices } from '../../shared/controllers/horizontalpodautoscaler.ts'
import { noMetrics } from '../../shared/controllers/hpa/metrics.ts'
import { controllersWith } from '../../shared/controllers/index.ts'
import { workQueueController } from '../../shared/controllers/workqueue.ts'
import { usageSource } from '../../shared/metrics/source.ts'
import { UsageBook } from '../../shared/metrics/usage.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { podControllers } from '../../shared/pods/controllers.ts'
import { VERSION } from '../api/version.ts'
import { createClusterWork } from './cluster-work.ts'
import { type ClusterWork, createReconcileFunction } from './reconcile.ts'

const log = jsonLog('reconcile')
const clusters = new Map<string, ClusterWork>()

function autoscalerServices(cluster: string): () => AutoscalerServices {
  const notes = notesOf(cluster)
  const services = { metrics: usageSource(new UsageBook(notes, Date.now), noMetrics), notes }
  return () => services
}

function workOf(cluster: string): ClusterWork {
  const known =
    clusters.get(cluster) ??
    createClusterWork({
      store: storeOf(cluster),
      queue: queueOf(cluster),
      controllers: [
        ...controllersWith({ autoscaler: autoscalerServices(cluster) }),
        ...podControllers(() => podServicesOf(cluster, VERSION.gitVersion)),
        workQueueController(queuesOf),
      ],
      log,
      telemetry,
    })
  clusters.set(cluster, known)
  return known
}

export const handler = observed(createReconcileFunction({ workOf, scheduleResync, now: Date.now, log, telemetry }))
