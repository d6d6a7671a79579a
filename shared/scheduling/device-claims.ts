// Claims of devices (dynamic resource allocation): which ResourceClaims a pod uses, and whether it can be placed with them. Nobody
// allocates devices here, so a claim does when somebody else has allocated it; what keeps a pod waiting is said in upstream's words
// (pkg/scheduler/framework/plugins/dynamicresources, k8s.io/dynamic-resource-allocation/resourceclaim). Pure.
import type { Pod, PodResourceClaim } from '../api/core/v1.ts'
import type { DeviceClass, ResourceClaim } from '../api/resource/v1.ts'
import { objectKey } from '../apimachinery/types.ts'
import type { Filter, Rejection } from './filters.ts'
import { matchesNodeTerms } from './node-affinity.ts'

/** So many pods can share a claim. */
const MOST_CONSUMERS = 256

/** `isGenerated`: made for this pod, and so it must be the pod's own. */
export interface ClaimUse {
  readonly name: string
  readonly isGenerated: boolean
}

/** Undefined: it has not been made yet. "unneeded": none will be. */
export function claimUse({ status }: Pod, { name, resourceClaimName }: PodResourceClaim): ClaimUse | 'unneeded' | undefined {
  if (resourceClaimName !== undefined) return { name: resourceClaimName, isGenerated: false }
  const made = status?.resourceClaimStatuses?.find(one => one.name === name)
  if (made === undefined) return undefined
  return made.resourceClaimName === undefined ? 'unneeded' : { name: made.resourceClaimName, isGenerated: true }
}

/** Keys of those that are known. */
export function resourceClaimKeys(pod: Pod): string[] {
  const uses = (pod.spec.resourceClaims ?? []).map(claim => claimUse(pod, claim))
  return uses.filter(use => typeof use === 'object').map(({ name }) => objectKey(pod.metadata.namespace, name))
}

export const isMadeFor = (claim: ResourceClaim, { metadata }: Pod): boolean =>
  claim.metadata.ownerReferences?.some(({ controller, uid }) => controller === true && uid === metadata.uid) ?? false

export const isReservedFor = ({ status }: ResourceClaim, { metadata }: Pod): boolean =>
  status?.reservedFor?.some(({ uid }) => uid === metadata.uid) ?? false

export const canBeReserved = ({ status }: ResourceClaim): boolean => (status?.reservedFor?.length ?? 0) < MOST_CONSUMERS

export interface DeviceSource {
  claim(namespace: string | undefined, name: string): ResourceClaim | undefined
  deviceClass(name: string): DeviceClass | undefined
}

/** "waits": a claim is about to be made for it. */
export type Claimed = { readonly kind: 'waits' } | { readonly kind: 'blocked'; readonly why: string } | ClaimsFound
export interface ClaimsFound {
  readonly kind: 'found'
  readonly claims: readonly ResourceClaim[]
}

export function deviceClaims(pod: Pod, source: DeviceSource): Claimed {
  const { namespace, name } = pod.metadata
  const claims: ResourceClaim[] = []
  for (const wanted of pod.spec.resourceClaims ?? []) {
    const use = claimUse(pod, wanted)
    if (use === 'unneeded') continue
    if (use === undefined) return { kind: 'waits' }
    const claim = source.claim(namespace, use.name)
    if (claim === undefined) {
      if (use.isGenerated) return { kind: 'waits' }
      return { kind: 'blocked', why: `could not find ResourceClaim ${JSON.stringify(objectKey(namespace, use.name))}` }
    }
    if (claim.metadata.deletionTimestamp !== undefined)
      return { kind: 'blocked', why: `resourceclaim ${JSON.stringify(use.name)} is being deleted` }
    if (use.isGenerated && !isMadeFor(claim, pod)) {
      const why = `ResourceClaim ${namespace}/${use.name} was not created for pod ${namespace}/${name} (pod is not owner)`
      return { kind: 'blocked', why }
    }
    claims.push(claim)
  }
  for (const claim of claims) {
    const why = blockerOf(claim, pod, source)
    if (why !== undefined) return { kind: 'blocked', why }
  }
  return { kind: 'found', claims }
}

function blockerOf(claim: ResourceClaim, pod: Pod, source: DeviceSource): string | undefined {
  if (claim.status?.allocation !== undefined) return canBeReserved(claim) || isReservedFor(claim, pod) ? undefined : 'resourceclaim in use'
  for (const { request, deviceClassName } of classesOf(claim))
    if (source.deviceClass(deviceClassName) === undefined) return `request ${request}: device class ${deviceClassName} does not exist`
  return undefined
}

const classesOf = ({ spec }: ResourceClaim): { request: string; deviceClassName: string }[] =>
  (spec.devices?.requests ?? []).flatMap(({ name, exactly, firstAvailable = [] }) => [
    ...(exactly === undefined ? [] : [{ request: name, deviceClassName: exactly.deviceClassName }]),
    ...firstAvailable.map(one => ({ request: `${name}/${one.name}`, deviceClassName: one.deviceClassName })),
  ])

const NOT_ALLOCATED: Rejection = { reasons: ['cannot allocate all claims'], resolvable: false }
const ELSEWHERE: Rejection = { reasons: ['resourceclaim not available on the node'], resolvable: false }

/** A claim that asks for nothing needs nobody to allocate it. */
export function deviceFilter({ claims }: ClaimsFound): Filter | undefined {
  if (claims.length === 0) return undefined
  const isOpen = claims.some(claim => claim.status?.allocation === undefined && classesOf(claim).length > 0)
  const selectors = claims.map(({ status }) => status?.allocation?.nodeSelector).filter(selector => selector !== undefined)
  return ({ node }) => {
    if (isOpen) return NOT_ALLOCATED
    return selectors.every(({ nodeSelectorTerms }) => matchesNodeTerms(nodeSelectorTerms, node)) ? undefined : ELSEWHERE
  }
}
