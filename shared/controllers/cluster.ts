// The end of clusters. There is nothing to make of a new one: it is there when somebody first asks for it (functions/api). One that is deleted
// is emptied by its own controllers, as namespaces are, then nobody is let in any more, and then its items in the store go:
//
//   emptied -> ContentRemoved: no request, no work begins -- what was under way ends -- purge -- purge finds nothing -> the object goes
import type { Cluster, ClusterStatus } from '../api/zeroplane/v1alpha1.ts'
import type { Machinery } from '../apimachinery/machinery.ts'
import { CLUSTERS, clusterId } from '../cluster-name.ts'
import { CONTENT_REMOVED, isClosed } from '../clusters.ts'
import { type Emptied, empty } from './cluster/empty.ts'
import { withCondition } from './conditions.ts'
import { unlessGone } from './owners.ts'
import { writeStatus } from './status.ts'
import { parseTime, timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome, Watch } from './types.ts'

export interface ClusterServices {
  /** The cluster with this id, from inside. */
  open(id: string): Machinery
  /** Deletes what the cluster has in the store. Answers how many items there were. */
  purge(id: string): Promise<number>
}

export const CLUSTER_FINALIZER = 'zeroplane.dev/cluster'

/** How long to wait for objects that are going, as for those of a namespace. */
const SHORTEST_WAIT_S = 0.5
const LONGEST_WAIT_S = 15
/** What was let in before nobody was any more has ended after this. */
const SETTLE_S = 3

const mattersNow: Watch = {
  resource: CLUSTERS,
  keys: ({ type, object, previous, key }) => {
    const { metadata, spec } = object as Cluster
    if (type === 'deleted') return []
    if (metadata.deletionTimestamp !== undefined) return [key]
    // Of the others the time of their end is to be noted.
    const isNews = previous === undefined || (previous as Cluster).metadata.generation !== metadata.generation
    return isNews && spec?.ttlSecondsAfterCreation !== undefined ? [key] : []
  },
}

/** `services` is asked for when a cluster is first deleted: dispatch and tick only ask what is watched. */
export function clusterController(services: () => ClusterServices): Controller {
  return {
    name: 'cluster',
    watches: [mattersNow],
    async reconcile(key, context) {
      const cluster = (await context.informer(CLUSTERS)).get(key)?.object as Cluster | undefined
      if (cluster === undefined) return undefined
      if (cluster.metadata.deletionTimestamp === undefined) return expire(cluster, context)
      return cluster.metadata.finalizers?.includes(CLUSTER_FINALIZER) ? end(cluster, context, services()) : undefined
    },
  }
}

/** Its watches alone. */
export const clusterWatches = clusterController(() => {
  throw new Error('clusters are not deleted from here')
})

async function expire({ metadata, spec }: Cluster, { client, now }: ControllerContext): Promise<Outcome | undefined> {
  if (spec?.ttlSecondsAfterCreation === undefined) return undefined
  const left = parseTime(metadata.creationTimestamp!) / 1000 + spec.ttlSecondsAfterCreation - now() / 1000
  if (left > 0) return { requeueAfter: left }
  await unlessGone(() => client.delete(CLUSTERS, undefined, metadata.name, { preconditions: { uid: metadata.uid } }))
  return undefined
}

async function end(cluster: Cluster, context: ControllerContext, { open, purge }: ClusterServices): Promise<Outcome | undefined> {
  const id = clusterId(cluster.metadata)
  if (!isClosed(cluster)) {
    const emptied = await empty(open(id))
    await writeStatus(context, CLUSTERS, cluster, statusOf(cluster, emptied, context.now()))
    if (emptied.left === '') return { requeueAfter: SETTLE_S }
    const age = (context.now() - parseTime(cluster.metadata.deletionTimestamp!)) / 1000
    return { requeueAfter: Math.min(LONGEST_WAIT_S, Math.max(SHORTEST_WAIT_S, age / 4)) }
  }
  const closedFor = (context.now() - parseTime(closedAt(cluster))) / 1000
  if (closedFor < SETTLE_S) return { requeueAfter: SETTLE_S - closedFor }
  if ((await purge(id)) > 0) return { requeueAfter: SETTLE_S }
  const finalizers = cluster.metadata.finalizers?.filter(name => name !== CLUSTER_FINALIZER)
  await unlessGone(() => context.client.update<Cluster>(CLUSTERS, { ...cluster, metadata: { ...cluster.metadata, finalizers } }))
  return undefined
}

const closedAt = ({ status }: Cluster) => status!.conditions!.find(({ type }) => type === CONTENT_REMOVED)!.lastTransitionTime!

function statusOf({ status }: Cluster, { left }: Emptied, now: number): ClusterStatus {
  const lastTransitionTime = timestamp(now)
  const remaining =
    left === ''
      ? { status: 'False', reason: 'ContentDeleted', message: 'All content successfully deleted' }
      : { status: 'True', reason: 'SomeContentRemains', message: left }
  const before = withCondition(status?.conditions, { type: 'ContentRemaining', ...remaining, lastTransitionTime })
  // The message counts what is left.
  const conditions = before.map(condition =>
    condition.type === 'ContentRemaining' ? { ...condition, message: remaining.message } : condition,
  )
  const removed = { type: CONTENT_REMOVED, status: 'True', reason: 'Emptied', message: 'Nothing runs in the cluster, and nobody is let in' }
  return {
    ...status,
    phase: 'Terminating',
    conditions: left === '' ? withCondition(conditions, { ...removed, lastTransitionTime }) : conditions,
  }
}
