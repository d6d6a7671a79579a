// Keeping a number of pods: what ReplicaSets and ReplicationControllers have in common.
import type { ReplicaSetCondition, ReplicaSetStatus } from '../api/apps/v1.ts'
import type { Pod, PodTemplateSpec } from '../api/core/v1.ts'
import { isStatus, type StatusError } from '../apimachinery/status-error.ts'
import type { GroupResource, KubeObject, LabelSelector } from '../apimachinery/types.ts'
import type { Informer } from '../store/types.ts'
import { BURST, slowStart } from './bursts.ts'
import { PODS } from './collections.ts'
import { findCondition, withCondition, withoutCondition } from './conditions.ts'
import { claim, controlledBy, controllerOf } from './owners.ts'
import { isActive, isAvailable, isReady, isTerminating, nextAvailable, podFrom } from './pods.ts'
import { deletionOrder } from './rank.ts'
import { matches, matchesLabels } from './selectors.ts'
import { count, writeStatus } from './status.ts'
import { requeueAt, timestamp } from './time.ts'
import { type ControllerContext, type Outcome, told } from './types.ts'

/** What keeps pods, stripped of what differs between the kinds. */
export interface PodKeeper {
  readonly object: KubeObject & { status?: ReplicaSetStatus }
  readonly resource: GroupResource
  readonly replicas: number
  readonly minReadySeconds: number
  readonly selector: LabelSelector
  readonly template: PodTemplateSpec
  /** ReplicationControllers do not count them. */
  readonly countsTerminating: boolean
  /** The collection that the object is in: where pods of its siblings crowd a node, its own go first. */
  readonly siblings: Informer
}

export async function keepReplicas(keeper: PodKeeper, context: ControllerContext): Promise<Outcome | undefined> {
  const pods = await context.informer(PODS)
  const active = await claim<Pod>(context.client, PODS, pods, keeper, pod => matches(keeper.selector, pod.metadata.labels), {
    selector: keeper.selector,
    concerns: isActive,
  })
  const going = keeper.object.metadata.deletionTimestamp !== undefined
  const missing = going ? 0 : keeper.replicas - active.length
  let failure: unknown
  if (missing !== 0) {
    const { changed, error } = missing > 0 ? await create(keeper, missing, context) : await remove(keeper, active, -missing, context)
    // Pods that came or went bring this key back, with a view that shows them: the status is written then.
    if (error === undefined && changed) return undefined
    failure = error
  }
  const terminating = controlledBy<Pod>(pods, keeper.object.metadata.uid!).filter(
    pod => isTerminating(pod) && matches(keeper.selector, pod.metadata.labels),
  ).length
  const now = context.now()
  const status = replicaStatus(keeper, active, terminating, { missing, error: failure }, now)
  await writeStatus(context, keeper.resource, keeper.object, status)
  if (failure !== undefined) throw failure
  return requeueAt(nextAvailable(active, keeper.minReadySeconds, now), now)
}

interface Managed {
  readonly changed: boolean
  readonly error?: unknown
}

async function create(keeper: PodKeeper, missing: number, context: ControllerContext): Promise<Managed> {
  const pod = podFrom(keeper.template, keeper.object)
  const { succeeded, error } = await slowStart(Math.min(missing, BURST), async () => {
    const created = await createPod(pod, keeper.object, context)
    void context.events.event(keeper.object, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`)
  })
  if (error === undefined || isNamespaceTerminating(error)) return { changed: succeeded > 0 }
  return { changed: succeeded > 0, error }
}

/** Creates a pod, and says so in an event if that fails. A namespace that is going is no failure worth telling. */
export async function createPod(pod: Pod, owner: KubeObject, context: ControllerContext): Promise<Pod> {
  try {
    return await context.client.create<Pod>(PODS, pod)
  } catch (error) {
    if (!isNamespaceTerminating(error)) void context.events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`)
    told.add(error as object)
    throw error
  }
}

async function remove(keeper: PodKeeper, active: readonly Pod[], surplus: number, context: ControllerContext): Promise<Managed> {
  const related = relatedPods(keeper, await context.informer(PODS))
  const goners = deletionOrder(active, related, context.now()).slice(0, Math.min(surplus, BURST))
  let error: unknown
  const results = await Promise.allSettled(goners.map(pod => deletePod(pod, keeper.object, context)))
  for (const result of results) if (result.status === 'rejected') error ??= result.reason
  return { changed: true, error }
}

/** Active pods of all that have the same controller, as ReplicaSets of one Deployment do. What nobody controls has none: nodes do not count. */
function relatedPods({ object, siblings }: PodKeeper, pods: Informer): Pod[] {
  const controller = controllerOf(object)
  if (controller === undefined) return []
  return controlledBy(siblings, controller.uid).flatMap(({ metadata }) => controlledBy<Pod>(pods, metadata.uid!).filter(isActive))
}

/** Deletes a pod and tells it in an event. One that is gone already is as good as deleted. */
export async function deletePod(pod: Pod, owner: KubeObject, context: ControllerContext): Promise<void> {
  const { namespace, name, uid } = pod.metadata
  try {
    const last = await context.client.delete(PODS, namespace, name!, { preconditions: { uid } })
    if (last === undefined) return
  } catch (error) {
    if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict')) return
    void context.events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`)
    told.add(error as object)
    throw error
  }
  void context.events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
}

export function isNamespaceTerminating(error: unknown): boolean {
  return (error as StatusError).status?.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') ?? false
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function replicaStatus(
  keeper: PodKeeper,
  active: readonly Pod[],
  terminating: number,
  { missing, error }: { readonly missing: number; readonly error: unknown },
  now: number,
): ReplicaSetStatus {
  const old = keeper.object.status
  const ready = active.filter(isReady)
  let conditions = old?.conditions as ReplicaSetCondition[] | undefined
  if (error !== undefined && findCondition(conditions, 'ReplicaFailure') === undefined) {
    conditions = withCondition(conditions, {
      type: 'ReplicaFailure',
      status: 'True',
      reason: missing > 0 ? 'FailedCreate' : 'FailedDelete',
      message: messageOf(error),
      lastTransitionTime: timestamp(now),
    })
  } else if (error === undefined) conditions = withoutCondition(conditions, 'ReplicaFailure')
  return {
    replicas: active.length,
    fullyLabeledReplicas: count(active.filter(pod => matchesLabels(keeper.template.metadata?.labels, pod.metadata.labels)).length),
    readyReplicas: count(ready.length),
    availableReplicas: count(ready.filter(pod => isAvailable(pod, keeper.minReadySeconds, now)).length),
    terminatingReplicas: keeper.countsTerminating ? terminating : undefined,
    observedGeneration: keeper.object.metadata.generation,
    conditions: conditions === undefined || conditions.length === 0 ? undefined : conditions,
  }
}
