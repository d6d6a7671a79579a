// What must be true after every bad day, whatever it was: the cluster has what was asked for, nothing is left over, nothing ran twice.
import type { Deployment } from '../../shared/api/apps/v1.ts'
import type { Pod } from '../../shared/api/core/v1.ts'
import { PODS } from '../../shared/controllers/collections.ts'
import type { PipelineCluster } from './cluster.ts'

export interface Expectation {
  /** Pods that shall run, all of them of Deployments. */
  readonly pods: number
  /** Stream records and work messages that nobody can read, and that must have ended in the queues of failures: no more, no less. */
  readonly unreadable?: { readonly records?: number; readonly messages?: number }
}

const DEPLOYMENTS = { group: 'apps', resource: 'deployments' }
const REPLICA_SETS = { group: 'apps', resource: 'replicasets' }

/** What is not as it should be now; empty when all is. What takes time is no violation in the end: ask again. */
export async function violations(cluster: PipelineCluster, { pods: wanted, unreadable = {} }: Expectation): Promise<string[]> {
  const found: string[] = []
  const pods = (await cluster.store.list(PODS)).items.map(({ object }) => object as Pod)
  const running = pods.filter(({ status, metadata }) => status?.phase === 'Running' && !metadata.deletionTimestamp)
  const tasks = await cluster.tasks()

  // Converged.
  if (running.length !== wanted) found.push(`${running.length} pods run instead of ${wanted}`)
  const unsettled = pods.filter(pod => !running.includes(pod) && pod.status?.phase !== 'Failed')
  if (unsettled.length > 0) found.push(`unsettled: ${unsettled.map(({ metadata, status }) => `${metadata.name} ${status?.phase}`)}`)
  for (const { object } of (await cluster.store.list(DEPLOYMENTS)).items) {
    const { metadata, spec, status = {} } = object as Deployment
    if (status.observedGeneration !== metadata.generation || (status.readyReplicas ?? 0) !== spec.replicas)
      found.push(`Deployment ${metadata.name} says ${status.readyReplicas ?? 0} of ${spec.replicas} are ready`)
  }
  if (!cluster.stream.isEmpty) found.push('records wait in the stream')
  if (cluster.queued('work') > 0) found.push(`${cluster.queued('work')} work messages wait`)

  // Nothing leaked.
  for (const { metadata } of running) {
    const own = tasks.filter(({ startedBy }) => startedBy === metadata.uid)
    if (own.length !== 1) found.push(`pod ${metadata.name} has ${own.length} tasks`)
  }
  for (const { taskArn, startedBy } of tasks) {
    if (!running.some(({ metadata }) => metadata.uid === startedBy)) found.push(`task ${taskArn} belongs to no running pod`)
  }
  const owners = new Set((await cluster.store.list(REPLICA_SETS)).items.map(({ object }) => object.metadata.uid))
  for (const { metadata } of pods) {
    const owner = metadata.ownerReferences?.[0]
    if (owner && !owners.has(owner.uid)) found.push(`pod ${metadata.name} outlived its ReplicaSet`)
  }
  const { records = 0, messages = 0 } = unreadable
  // With a bad record Lambda gives up all that follow it in its batch; dispatch has done the work of those by then.
  const given = cluster.discarded.filter(({ dynamodb }) => dynamodb?.NewImage?.txn === undefined).length
  if (given !== records || (records === 0 && cluster.discarded.length > 0))
    found.push(`${given} unreadable stream records were given up instead of ${records}, and ${cluster.discarded.length - given} others`)
  if (cluster.queued('workFailures') !== messages)
    found.push(`${cluster.queued('workFailures')} work messages were given up instead of ${messages}`)

  // Nothing launched twice.
  for (const [launch, arns] of cluster.launches) if (arns.size > 1) found.push(`launched ${arns.size} times: ${launch}`)
  return found
}
