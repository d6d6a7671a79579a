// Disruption budgets: how many pods there should be, how many are well, and so how many may be evicted.
import type { Pod } from '../api/core/v1.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../api/policy/v1.ts'
import type { KubeObject, OwnerReference } from '../apimachinery/types.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import type { Change } from '../store/types.ts'
import { POD_DISRUPTION_BUDGETS, PODS } from './collections.ts'
import { findCondition, withoutCondition } from './conditions.ts'
import { equal } from './equality.ts'
import { scaled } from './int-or-percent.ts'
import { controllerOf } from './owners.ts'
import { isReady, podCondition, podsMatching } from './pods.ts'
import { messageOf } from './replicas.ts'
import { matches, printedSelector } from './selectors.ts'
import { writeStatus } from './status.ts'
import { earliest, parseTime, requeueAt, timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { keyOf, labelsIn, labelsKey, own, splitName } from './watches.ts'

/** An eviction that has not become a deletion by then is forgotten. */
const DELETION_TIMEOUT_MS = 120_000
/** A disruption that was announced and did not happen is taken back after so long. */
const STALE_MS = 120_000

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const budgets = await context.informer(POD_DISRUPTION_BUDGETS)
  const target = splitName(name)
  if (target.about === 'labels') {
    const labels = labelsIn(target.name)
    const fitting = budgets.list(`${namespace}/`).filter(({ object }) => matches((object as PodDisruptionBudget).spec?.selector, labels))
    return { also: fitting.map(({ object }) => keyOf(object)) }
  }
  if (target.about === 'disrupted') return takeBack(objectKey(namespace, target.name), context)
  const budget = budgets.get(key)?.object as PodDisruptionBudget | undefined
  return budget?.spec === undefined ? undefined : sync(budget, context)
}

async function sync(budget: PodDisruptionBudget, context: ControllerContext): Promise<Outcome | undefined> {
  const { events, now } = context
  const pods = podsMatching(await context.informer(PODS), budget.metadata.namespace ?? '', budget.spec!.selector)
  if (pods.length === 0) void events.event(budget, 'Normal', 'NoPods', 'No matching pods found')
  let expected: Expected
  try {
    expected = await expectedPods(budget, pods, context)
  } catch (error) {
    void events.event(
      budget,
      'Warning',
      'CalculateExpectedPodCountFailed',
      `Failed to calculate the number of expected pods: ${messageOf(error)}`,
    )
    // Better no eviction than one too many. What the pods' owners lack they will lack in a moment, too: this waits for a change.
    const status = { ...budget.status!, disruptionsAllowed: 0 }
    const failed = withCondition(status, budget.status?.observedGeneration, 'SyncFailed', messageOf(error), now())
    await writeStatus(context, POD_DISRUPTION_BUDGETS, budget, failed)
    return undefined
  }
  if (expected.unmanaged.length > 0) {
    const selector = printedSelector(budget.spec!.selector)
    void events.event(
      budget,
      'Warning',
      'UnmanagedPods',
      `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`,
    )
  }
  const { disrupted, next, failed } = pending(budget, pods, now())
  for (const pod of failed) {
    const message = `Pod was expected by PDB ${budget.metadata.namespace}/${budget.metadata.name} to be deleted but it wasn't`
    void events.event(pod, 'Warning', 'NotDeleted', message)
  }
  const healthy = pods.filter(
    pod => pod.metadata.deletionTimestamp === undefined && disrupted[pod.metadata.name] === undefined && isReady(pod),
  ).length
  const allowed = expected.count <= 0 ? 0 : Math.max(0, healthy - expected.desired)
  const status: PodDisruptionBudgetStatus = {
    disruptedPods: Object.keys(disrupted).length === 0 ? undefined : disrupted,
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: expected.desired,
    expectedPods: expected.count,
    observedGeneration: budget.metadata.generation,
    conditions: budget.status?.conditions,
  }
  const reason = allowed > 0 ? 'SufficientPods' : 'InsufficientPods'
  await writeStatus(context, POD_DISRUPTION_BUDGETS, budget, withCondition(status, budget.metadata.generation, reason, '', now()))
  return requeueAt(next, now())
}

function withCondition(
  status: PodDisruptionBudgetStatus,
  observedGeneration: number | undefined,
  reason: string,
  message: string,
  now: number,
): PodDisruptionBudgetStatus {
  const type = 'DisruptionAllowed'
  const value = reason === 'SufficientPods' ? 'True' : 'False'
  const before = findCondition(status.conditions, type)
  const lastTransitionTime = before?.status === value ? before.lastTransitionTime : timestamp(now)
  const condition = { type, status: value, reason, message, observedGeneration: observedGeneration || undefined, lastTransitionTime }
  return { ...status, conditions: [...withoutCondition(status.conditions, type), condition] }
}

interface Expected {
  readonly count: number
  readonly desired: number
  readonly unmanaged: readonly string[]
}

async function expectedPods({ spec }: PodDisruptionBudget, pods: readonly Pod[], context: ControllerContext): Promise<Expected> {
  const { maxUnavailable, minAvailable } = spec!
  if (maxUnavailable === undefined && minAvailable === undefined) return { count: 0, desired: 0, unmanaged: [] }
  if (maxUnavailable === undefined && typeof minAvailable !== 'string')
    return { count: pods.length, desired: minAvailable ?? 0, unmanaged: [] }
  const { count, unmanaged } = await scaleOf(pods, context)
  const desired =
    maxUnavailable === undefined ? scaled(minAvailable, count, 'up') : Math.max(0, count - scaled(maxUnavailable, count, 'up'))
  return { count, desired, unmanaged }
}

/** The sum of what the controllers of these pods want. */
async function scaleOf(pods: readonly Pod[], context: ControllerContext): Promise<{ count: number; unmanaged: string[] }> {
  const sizes = new Map<string, number>()
  const unmanaged: string[] = []
  for (const pod of pods) {
    const reference = controllerOf(pod)
    if (reference === undefined) {
      unmanaged.push(pod.metadata.name)
      continue
    }
    const owner = await scalable(pod.metadata.namespace ?? '', reference, context)
    if (owner === undefined) throw new Error(`found no controllers for pod ${JSON.stringify(pod.metadata.name)}`)
    sizes.set(owner.uid, owner.replicas)
  }
  return { count: [...sizes.values()].reduce((sum, size) => sum + size, 0), unmanaged }
}

/** What can be scaled among the owners of a pod: a Deployment rather than its ReplicaSet. */
async function scalable(
  namespace: string,
  { apiVersion, kind, name, uid }: OwnerReference,
  context: ControllerContext,
): Promise<{ readonly uid: string; readonly replicas: number } | undefined> {
  const endpoint = context.registry.findKind(apiVersion, kind)
  if (endpoint === undefined) throw new Error(`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`)
  const { scale, group, resource } = endpoint.definition
  if (scale === undefined) throw new Error(`${group === '' ? resource : `${resource}.${group}`} does not implement the scale subresource`)
  const object = (await context.informer(endpoint.collection)).get(objectKey(namespace, name))?.object as KubeObject | undefined
  if (object?.metadata.uid !== uid) return undefined
  const above = kind === 'ReplicaSet' ? controllerOf(object!) : undefined
  const owner = above?.kind === 'Deployment' ? await scalable(namespace, above, context) : undefined
  return owner ?? { uid, replicas: scale.specReplicas(object!) }
}

interface Pending {
  readonly disrupted: Record<string, string>
  /** When the first of them is forgotten. */
  readonly next?: number
  /** Pods whose eviction did not come. */
  readonly failed: readonly Pod[]
}

/** Evictions that were granted and have not become deletions yet. */
function pending({ status }: PodDisruptionBudget, pods: readonly Pod[], now: number): Pending {
  const disrupted: Record<string, string> = {}
  const failed: Pod[] = []
  let next: number | undefined
  for (const pod of pods) {
    const { metadata } = pod
    const since = status?.disruptedPods?.[metadata.name]
    if (since === undefined || metadata.deletionTimestamp !== undefined) continue
    const end = parseTime(since) + DELETION_TIMEOUT_MS
    if (end <= now) {
      failed.push(pod)
      continue
    }
    disrupted[metadata.name] = since
    next = earliest(next, end)
  }
  return { disrupted, next, failed }
}

const isAnnounced = (pod: Pod): boolean =>
  podCondition(pod, 'DisruptionTarget')?.status === 'True' && pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== 'Failed'

/** Takes back a disruption that was announced in the pod's conditions but did not come. */
async function takeBack(key: string, { client, informer, now }: ControllerContext): Promise<Outcome | undefined> {
  const pod = (await informer(PODS)).get(key)?.object as Pod | undefined
  if (pod === undefined || !isAnnounced(pod)) return undefined
  const due = parseTime(podCondition(pod, 'DisruptionTarget')?.lastTransitionTime ?? '') + STALE_MS
  if (due > now()) return requeueAt(due, now())
  const { namespace, name, uid, generation: observedGeneration } = pod.metadata
  const lastTransitionTime = timestamp(now())
  await client.patch(PODS, namespace, name, {
    type: 'strategic',
    subresource: 'status',
    body: {
      metadata: { uid },
      status: {
        conditions: [{ type: 'DisruptionTarget', status: 'False', reason: null, message: null, observedGeneration, lastTransitionTime }],
      },
    },
  })
  return undefined
}

const counted = (pod: Pod) => [pod.metadata.labels, isReady(pod), pod.metadata.deletionTimestamp !== undefined, controllerOf(pod)]

function* podKeys({ type, object, previous }: Change): Iterable<string> {
  const pod = object as Pod
  const before = previous as Pod | undefined
  if (type !== 'deleted' && isAnnounced(pod) && (before === undefined || !isAnnounced(before))) {
    yield objectKey(pod.metadata.namespace, `disrupted:${pod.metadata.name}`)
  }
  if (type === 'updated' && before !== undefined && equal(counted(before), counted(pod))) return
  if (before !== undefined && !equal(before.metadata.labels, pod.metadata.labels)) yield labelsKey(before)
  yield labelsKey(pod)
}

export const disruptionController: Controller = {
  name: 'disruption',
  component: 'controllermanager',
  watches: [own(POD_DISRUPTION_BUDGETS), { resource: PODS, keys: podKeys }],
  reconcile,
}
