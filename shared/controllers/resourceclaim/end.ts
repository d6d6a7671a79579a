// Reservations of pods that will not run any more, devices that nobody uses, and claims that were made for such a pod.
import type { Pod } from '../../api/core/v1.ts'
import type { ResourceClaim, ResourceClaimConsumerReference } from '../../api/resource/v1.ts'
import { objectKey } from '../../apimachinery/types.ts'
import type { Informer } from '../../store/types.ts'
import { RESOURCE_CLAIMS } from '../collections.ts'
import { isGoing, isHeldBy, withoutFinalizer } from '../finalizers.ts'
import { controllerOf } from '../owners.ts'
import type { ControllerContext } from '../types.ts'
import { isDone } from './done.ts'

/** Put there by who allocates. */
const FINALIZER = 'resource.kubernetes.io/delete-protection'

/** `pods` is not older than `claim`. */
export async function endOfUse(claim: ResourceClaim, pods: Informer, { client }: ControllerContext): Promise<void> {
  const { namespace, name, uid } = claim.metadata
  const reserved = claim.status?.reservedFor ?? []
  const podOf = (podName: string) => pods.get(objectKey(namespace, podName))?.object as Pod | undefined
  const still = reserved.filter(consumer => isStillUser(consumer, podOf))
  const isFree = still.length === 0
  if (still.length < reserved.length) {
    // Somebody who reserves it at this moment wins: then it is looked at again.
    const isHeld = isHeldBy(claim, FINALIZER)
    const written = await client.updateStatus(RESOURCE_CLAIMS, withUsers(claim, still, isFree && isHeld))
    if (isHeld && written.status?.allocation === undefined) await client.update(RESOURCE_CLAIMS, withoutFinalizer(written, FINALIZER))
  } else if (isFree && isGoing(claim, FINALIZER)) {
    const isAllocated = claim.status?.allocation !== undefined
    const written = isAllocated ? await client.updateStatus(RESOURCE_CLAIMS, withUsers(claim, [], true)) : claim
    await client.update(RESOURCE_CLAIMS, withoutFinalizer(written, FINALIZER))
  }
  if (!isFree) return
  const owner = controllerOf(claim)
  if (owner?.kind !== 'Pod' || owner.apiVersion !== 'v1') return
  const pod = podOf(owner.name)
  // The garbage collector sees to claims of pods that are gone.
  if (pod !== undefined && (pod.metadata.uid !== owner.uid || isDone(pod)))
    await client.delete(RESOURCE_CLAIMS, namespace, name, { preconditions: { uid } })
}

/** Of others than pods nothing is known. */
function isStillUser({ apiGroup, resource, name, uid }: ResourceClaimConsumerReference, podOf: (name: string) => Pod | undefined): boolean {
  if (apiGroup || resource !== 'pods') return true
  const pod = podOf(name)
  return pod !== undefined && pod.metadata.uid === uid && !isDone(pod)
}

function withUsers(claim: ResourceClaim, users: readonly ResourceClaimConsumerReference[], isGivenBack: boolean): ResourceClaim {
  const { reservedFor: _, allocation, devices, ...rest } = claim.status ?? {}
  const status = {
    ...rest,
    ...(isGivenBack || allocation === undefined ? {} : { allocation }),
    ...(isGivenBack || devices === undefined ? {} : { devices }),
    ...(users.length === 0 ? {} : { reservedFor: [...users] }),
  }
  return { ...claim, status }
}
