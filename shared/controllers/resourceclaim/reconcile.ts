// What is done for a pod that claims devices, for a claim, and for a template that came late.
import type { Pod, PodResourceClaim, PodResourceClaimStatus } from '../../api/core/v1.ts'
import type { ResourceClaim, ResourceClaimTemplate } from '../../api/resource/v1.ts'
import { isStatus } from '../../apimachinery/status-error.ts'
import { objectKey, splitKey } from '../../apimachinery/types.ts'
import { canBeReserved, claimUse, isMadeFor, isReservedFor, resourceClaimKeys } from '../../scheduling/device-claims.ts'
import type { Informer } from '../../store/types.ts'
import { PODS, RESOURCE_CLAIM_TEMPLATES, RESOURCE_CLAIMS } from '../collections.ts'
import { suffixOf } from '../hash.ts'
import { controlledBy, controllerReference, unlessGone } from '../owners.ts'
import { isFinished } from '../pods.ts'
import { messageOf } from '../replicas.ts'
import { type ControllerContext, type Outcome, told } from '../types.ts'
import { keyOf, splitName } from '../watches.ts'
import { isDone } from './done.ts'
import { endOfUse } from './end.ts'

/** On a claim that was made from a template: the name that the pod has for it. */
const POD_CLAIM = 'resource.kubernetes.io/pod-claim-name'
/** A name of 63 characters with five of its own at the end. */
const LONGEST_PREFIX = 57
const SUFFIX = 5

const BY_CLAIM = 'resource-claim'
const BY_TEMPLATE = 'resource-claim-template'

export async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name: rest } = splitKey(key)
  const { about, name } = splitName(rest)
  if (about === 'claim') return ofClaim(objectKey(namespace, name), context)
  const pods = await context.informer(PODS)
  if (about === 'template') {
    pods.addIndex(BY_TEMPLATE, object => templatesWanted(object as Pod))
    return { also: pods.byIndex(BY_TEMPLATE, objectKey(namespace, name)).map(({ object }) => keyOf(object)) }
  }
  const pod = pods.get(key)?.object as Pod | undefined
  if (pod === undefined || pod.metadata.deletionTimestamp !== undefined || isFinished(pod)) return undefined
  await unlessGone(() => ofPod(pod, context))
  return undefined
}

/** Keys of the templates that claims are still to be made of. */
function templatesWanted(pod: Pod): string[] {
  if (isDone(pod)) return []
  return (pod.spec.resourceClaims ?? [])
    .filter(claim => claim.resourceClaimTemplateName !== undefined && claimUse(pod, claim) === undefined)
    .map(claim => objectKey(pod.metadata.namespace, claim.resourceClaimTemplateName!))
}

async function ofClaim(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  // The claim first: of pods that it names all is known that was known when it named them.
  const claim = (await context.informer(RESOURCE_CLAIMS)).get(key)?.object as ResourceClaim | undefined
  if (claim === undefined) return undefined
  const pods = await context.informer(PODS)
  await unlessGone(() => endOfUse(claim, pods, context))
  pods.addIndex(BY_CLAIM, object => resourceClaimKeys(object as Pod))
  const users = pods.byIndex(BY_CLAIM, key).map(({ object }) => object as Pod)
  return { also: users.filter(pod => needsReservation(pod, claim)).map(keyOf) }
}

const needsReservation = (pod: Pod, claim: ResourceClaim): boolean =>
  Boolean(pod.spec.nodeName) &&
  !isDone(pod) &&
  pod.metadata.deletionTimestamp === undefined &&
  claim.status?.allocation !== undefined &&
  !isReservedFor(claim, pod) &&
  canBeReserved(claim)

async function ofPod(pod: Pod, context: ControllerContext): Promise<void> {
  const claims = await context.informer(RESOURCE_CLAIMS)
  const made: PodResourceClaimStatus[] = []
  for (const wanted of pod.spec.resourceClaims ?? []) {
    const claim = await madeFor(pod, wanted, claims, context)
    if (claim === 'no template') return
    if (claim !== undefined) made.push({ name: wanted.name, resourceClaimName: claim.metadata.name })
  }
  const { namespace, name, uid } = pod.metadata
  if (made.length > 0) {
    const body = { metadata: { uid }, status: { resourceClaimStatuses: made } }
    await context.client.patch(PODS, namespace, name, { type: 'strategic', subresource: 'status', body })
  }
  if (!pod.spec.nodeName) return
  for (const key of resourceClaimKeys(pod)) {
    const claim = claims.get(key)?.object as ResourceClaim | undefined
    if (claim !== undefined && needsReservation(pod, claim)) await reserve(claim, pod, context)
  }
}

async function reserve(claim: ResourceClaim, { metadata }: Pod, { client }: ControllerContext): Promise<void> {
  const consumer = { resource: 'pods', name: metadata.name, uid: metadata.uid! }
  const reservedFor = [...(claim.status?.reservedFor ?? []), consumer]
  await client.updateStatus(RESOURCE_CLAIMS, { ...claim, status: { ...claim.status, reservedFor } })
}

/** The claim that the pod's status does not name yet: found, if somebody was stopped between making it and saying so, or made now. */
async function madeFor(
  pod: Pod,
  wanted: PodResourceClaim,
  claims: Informer,
  context: ControllerContext,
): Promise<ResourceClaim | 'no template' | undefined> {
  const template = wanted.resourceClaimTemplateName
  if (template === undefined) return undefined
  const { namespace, uid } = pod.metadata
  const use = claimUse(pod, wanted)
  if (use === 'unneeded') return undefined
  if (use !== undefined) {
    const named = claims.get(objectKey(namespace, use.name))?.object as ResourceClaim | undefined
    if (named !== undefined && isMadeFor(named, pod)) return undefined
  }
  const own = controlledBy<ResourceClaim>(claims, uid!)
  const there = own.find(({ metadata }) => metadata.annotations?.[POD_CLAIM] === wanted.name)
  if (there !== undefined) return there
  const found = (await context.informer(RESOURCE_CLAIM_TEMPLATES)).get(objectKey(namespace, template))?.object
  if (found === undefined) {
    const why = `resourceclaimtemplate.resource.k8s.io ${JSON.stringify(template)} not found`
    say(pod, wanted, `resource claim template ${JSON.stringify(template)}: ${why}`, context)
    return 'no template'
  }
  try {
    return await context.client.create(RESOURCE_CLAIMS, claimFrom(found as ResourceClaimTemplate, pod, wanted.name, claims))
  } catch (error) {
    // Somebody makes it at this moment.
    if (!isStatus(error, 'AlreadyExists')) {
      say(pod, wanted, `create ResourceClaim : ${messageOf(error)}`, context)
      told.add(error as object)
    }
    throw error
  }
}

function say(pod: Pod, { name }: PodResourceClaim, why: string, { events }: ControllerContext): void {
  void events.event(pod, 'Warning', 'FailedResourceClaimCreation', `PodResourceClaim ${name}: ${why}`)
}

/** Two who make it at once make one: what upstream lets chance decide of the name follows from the pod. */
function claimFrom({ spec }: ResourceClaimTemplate, pod: Pod, claimName: string, claims: Informer): ResourceClaim {
  const { namespace, uid } = pod.metadata
  const generateName = prefixOf(pod.metadata.name, claimName)
  const nameFor = (attempt: number) => generateName + suffixOf(`${uid}/${claimName}/${attempt}`, SUFFIX)
  let attempt = 0
  while (claims.get(objectKey(namespace, nameFor(attempt))) !== undefined) attempt++
  const { labels, annotations } = spec.metadata ?? {}
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: {
      name: nameFor(attempt),
      generateName,
      namespace,
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      annotations: { ...annotations, [POD_CLAIM]: claimName },
      ownerReferences: [controllerReference(pod)],
    },
    spec: structuredClone(spec.spec),
  }
}

/** "<pod>-<claim>-"; both are cut alike where that is too long. */
export function prefixOf(pod: string, claim: string): string {
  const whole = `${pod}-${claim}-`
  if (whole.length <= LONGEST_PREFIX) return whole
  const cut = (text: string) => text.slice(0, Math.floor((text.length * LONGEST_PREFIX) / whole.length))
  return `${cut(pod)}-${cut(claim)}`
}
