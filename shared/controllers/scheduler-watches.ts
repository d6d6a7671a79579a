// Which changes can let some pod be placed that could not be before.
import type { Node, Pod } from '../api/core/v1.ts'
import type { ResourceClaim } from '../api/resource/v1.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { objectKey } from '../apimachinery/types.ts'
import { podInfo } from '../scheduling/pod-info.ts'
import type { Change } from '../store/types.ts'
import {
  CSI_DRIVERS,
  CSI_NODES,
  CSI_STORAGE_CAPACITIES,
  DEVICE_CLASSES,
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  RESOURCE_CLAIMS,
  STORAGE_CLASSES,
  VOLUME_ATTACHMENTS,
} from './collections.ts'
import { equal } from './equality.ts'
import { controllerOf } from './owners.ts'
import { isFinished } from './pods.ts'
import type { Watch } from './types.ts'

export const NAME = 'default-scheduler'
/** There is one queue. */
const QUEUE = objectKey(undefined, 'queue')

/** Whether it waits for this scheduler to find it a node. */
export function isPending({ spec, metadata, ...pod }: Pod): boolean {
  return (
    !spec.nodeName &&
    (spec.schedulerName ?? NAME) === NAME &&
    metadata.deletionTimestamp === undefined &&
    !spec.schedulingGates?.length &&
    !isFinished({ spec, metadata, ...pod })
  )
}

/** Whether it takes room on a node. */
export const usesNode = (pod: Pod): boolean => Boolean(pod.spec.nodeName) && !isFinished(pod)

function concerns({ type, object, previous }: Change): boolean {
  const pod = object as Pod
  const before = previous as Pod | undefined
  if (type === 'deleted') return usesNode(pod)
  if (isPending(pod)) return before === undefined || !isPending(before) || asksAnew(before, pod)
  if (before === undefined) return usesNode(pod)
  // Room was made, or a neighbour came, changed or is going (it does not count in spreading any more).
  if (usesNode(before) !== usesNode(pod)) return true
  return usesNode(pod) && (labelsChanged(before, pod) || isGoing(before) !== isGoing(pod) || shrank(before, pod))
}

const asksAnew = (before: Pod, pod: Pod): boolean =>
  !equal(before.spec, pod.spec) ||
  labelsChanged(before, pod) ||
  !equal(before.status?.resourceClaimStatuses, pod.status?.resourceClaimStatuses)

const isGoing = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined

/** A resize in place may be wanted, promised or done. */
function shrank(before: Pod, pod: Pod): boolean {
  if (before.metadata.generation === pod.metadata.generation && equal(resources(before), resources(pod))) return false
  const requests = podInfo(pod).requests
  return [...podInfo(before).requests].some(([resource, amount]) => (requests.get(resource) ?? 0) < amount)
}

const resources = ({ status }: Pod) =>
  [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? []), status].map(given => [
    given?.resources,
    given?.allocatedResources,
  ])

const labelsChanged = (a: KubeObject, b: KubeObject): boolean => !equal(a.metadata.labels, b.metadata.labels)

function nodeConcerns({ type, object, previous }: Change): boolean {
  if (type === 'deleted') return false
  if (previous === undefined) return true
  const [before, after] = [previous as Node, object as Node]
  return labelsChanged(before, after) || !equal(before.spec, after.spec) || !equal(before.status?.allocatable, after.status?.allocatable)
}

/** One that is made for a pod is named in the pod's status then, which concerns too. */
function claimConcerns({ type, object, previous }: Change): boolean {
  if (type === 'deleted') return false
  if (previous === undefined) return controllerOf(object) === undefined
  return !equal((previous as ResourceClaim).status, (object as ResourceClaim).status)
}

const whenever = (concern: (change: Change) => boolean) => (change: Change) => (concern(change) ? [QUEUE] : [])
export const watches: readonly Watch[] = [
  { resource: PODS, keys: whenever(concerns) },
  { resource: NODES, keys: whenever(nodeConcerns) },
  { resource: PERSISTENT_VOLUMES, keys: whenever(({ type }) => type !== 'deleted') },
  { resource: PERSISTENT_VOLUME_CLAIMS, keys: whenever(({ type }) => type !== 'deleted') },
  { resource: STORAGE_CLASSES, keys: whenever(({ type }) => type !== 'deleted') },
  { resource: CSI_NODES, keys: whenever(({ type }) => type !== 'deleted') },
  { resource: CSI_DRIVERS, keys: whenever(() => true) },
  { resource: CSI_STORAGE_CAPACITIES, keys: whenever(({ type }) => type !== 'deleted') },
  { resource: RESOURCE_CLAIMS, keys: whenever(claimConcerns) },
  { resource: DEVICE_CLASSES, keys: whenever(({ type }) => type === 'created') },
  { resource: VOLUME_ATTACHMENTS, keys: whenever(({ type }) => type === 'deleted') },
  // For those who want to be with pods of certain namespaces.
  { resource: NAMESPACES, keys: whenever(({ object, previous }) => previous !== undefined && labelsChanged(previous, object)) },
]
