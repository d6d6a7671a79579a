// ResourceClaims that pods get from templates, and the end of claims and reservations that nobody needs any more
// (pkg/controller/resourceclaim). Who allocates devices is a DRA driver's scheduler; this one reserves what is allocated for pods that
// have a node already. A pod is the key; "<namespace>/claim:<name>" and "<namespace>/template:<name>" name what it uses. What is done is
// a chunk of its own: most clusters know no devices.
import type { Pod } from '../api/core/v1.ts'
import type { ResourceClaim } from '../api/resource/v1.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { resourceClaimKeys } from '../scheduling/device-claims.ts'
import type { Change } from '../store/types.ts'
import { PODS, RESOURCE_CLAIM_TEMPLATES, RESOURCE_CLAIMS } from './collections.ts'
import { equal } from './equality.ts'
import { isDone } from './resourceclaim/done.ts'
import type { Controller } from './types.ts'
import { controllerName } from './watches.ts'

function podConcerns({ type, key, object, previous }: Change): string[] {
  const pod = object as Pod
  if (!pod.spec.resourceClaims?.length) return []
  const before = previous as Pod | undefined
  if (type === 'deleted' || isDone(pod)) {
    return type !== 'deleted' && before !== undefined && isDone(before) ? [] : resourceClaimKeys(pod).map(asClaim)
  }
  if (pod.metadata.deletionTimestamp !== undefined) return []
  const isNew =
    before === undefined ||
    before.spec.nodeName !== pod.spec.nodeName ||
    !equal(before.status?.resourceClaimStatuses, pod.status?.resourceClaimStatuses)
  return isNew ? [key] : []
}

const asClaim = (key: string): string => {
  const { namespace, name } = splitKey(key)
  return objectKey(namespace, `claim:${name}`)
}

function claimConcerns({ type, key, object }: Change): string[] {
  const claim = object as ResourceClaim
  const owner = controllerName(claim, { group: '', kind: 'Pod' })
  if (type === 'deleted') return owner === undefined ? [] : [objectKey(claim.metadata.namespace, owner)]
  const { allocation, reservedFor = [] } = claim.status ?? {}
  const matters =
    owner !== undefined || allocation !== undefined || reservedFor.length > 0 || claim.metadata.deletionTimestamp !== undefined
  return matters ? [asClaim(key)] : []
}

export const resourceClaimController: Controller = {
  name: 'resourceclaim',
  component: 'resource_claim',
  watches: [
    { resource: PODS, keys: podConcerns },
    { resource: RESOURCE_CLAIMS, keys: claimConcerns },
    {
      resource: RESOURCE_CLAIM_TEMPLATES,
      keys: ({ type, object: { metadata } }) => (type === 'created' ? [objectKey(metadata.namespace, `template:${metadata.name}`)] : []),
    },
  ],
  reconcile: async (key, context) => (await import('./resourceclaim/reconcile.ts')).reconcile(key, context),
}
