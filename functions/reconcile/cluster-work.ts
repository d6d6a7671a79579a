// The worker of one cluster: kept for as long as the environment lives, and its informers with it.
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { openCluster } from '../../shared/cluster.ts'
import type { Controller } from '../../shared/controllers/types.ts'
import type { Log } from '../../shared/pipeline/log.ts'
import type { WorkQueue } from '../../shared/pipeline/work.ts'
import { Worker } from '../../shared/pipeline/worker.ts'
import type { FeedingStore } from '../../shared/store/types.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { ClusterWork } from './reconcile.ts'

export interface ClusterWorkOptions {
  readonly store: FeedingStore
  readonly queue: WorkQueue
  readonly controllers: readonly Controller[]
  readonly log: Log
  readonly clock?: Clock
  readonly telemetry?: Telemetry
}

/** As kube-controller-manager is called in managed fields. */
const FIELD_MANAGER = 'kube-controller-manager'

export function createClusterWork({ store, queue, controllers, log, clock = systemClock, telemetry }: ClusterWorkOptions): ClusterWork {
  const machinery = openCluster({ store, now: clock.now })
  const client = clientFor(machinery, SYSTEM, FIELD_MANAGER)
  const worker = new Worker({ controllers, store, client, registry: machinery.registry, queue, clock, log, telemetry })
  store.feed(change => worker.cascade(change))
  return { worker, queue }
}
