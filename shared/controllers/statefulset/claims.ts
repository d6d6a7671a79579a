// The claims of a StatefulSet's pods: how they are made, and whom the retention policy makes their owner. Pure
// (k8s.io/kubernetes pkg/controller/statefulset, stateful_set_utils.go).
import type { StatefulSet } from '../../api/apps/v1.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/core/v1.ts'
import type { KubeObject, OwnerReference } from '../../apimachinery/types.ts'
import { controllerReference } from '../owners.ts'
import { claimName, isWanted, podName } from './identity.ts'

/** The claims that a pod of this ordinal needs. */
export function claimsFor(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map(template => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...structuredClone(template.metadata),
      name: claimName(set, template, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec?.selector.matchLabels },
    },
    spec: structuredClone(template.spec),
  }))
}

/** A pod as an owner; it has no UID before it is made. */
interface PodOwner {
  readonly ordinal: number
  readonly pod: Pod | undefined
}

function policyOf(set: StatefulSet): { readonly onDelete: boolean; readonly onScale: boolean } {
  const { whenDeleted, whenScaled } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {}
  return { onDelete: whenDeleted === 'Delete', onScale: whenScaled === 'Delete' }
}

const namesSet = (set: StatefulSet) => (reference: OwnerReference) =>
  reference.apiVersion === 'apps/v1' && reference.kind === 'StatefulSet' && reference.name === set.metadata.name

const namesPod = (set: StatefulSet, ordinal: number) => (reference: OwnerReference) =>
  reference.apiVersion === 'v1' && reference.kind === 'Pod' && reference.name === podName(set, ordinal)

const ownersOf = ({ metadata }: PersistentVolumeClaim): readonly OwnerReference[] => metadata.ownerReferences ?? []

/**
 * Whether the claim belongs to an earlier pod of the name: it will go with it, and a new pod has to wait for that. Where claims outlive
 * their pods it is simply used again.
 */
export function isStale(claim: PersistentVolumeClaim, set: StatefulSet, ordinal: number): boolean {
  return policyOf(set).onScale && ownersOf(claim).some(namesPod(set, ordinal))
}

/** Whether somebody else manages the claim. Without a policy that deletes anything nobody minds. */
export function hasRival(claim: PersistentVolumeClaim, set: StatefulSet, { ordinal, pod }: PodOwner): boolean {
  const { onDelete, onScale } = policyOf(set)
  if (!onDelete && !onScale) return false
  return ownersOf(claim).some(reference => {
    if (namesSet(set)(reference)) return reference.uid !== set.metadata.uid
    if (namesPod(set, ordinal)(reference)) return reference.uid !== pod?.metadata.uid
    return reference.controller === true
  })
}

/**
 * The owners that the claim should have instead of those it has; undefined when it should keep them. An earlier set or pod of the name
 * keeps its claim, for the garbage collector to deal with; a rival keeps it, too, but not beside us.
 */
export function newOwners(claim: PersistentVolumeClaim, set: StatefulSet, owner: PodOwner): OwnerReference[] | undefined {
  const { ordinal, pod } = owner
  const owners = ownersOf(claim)
  const stale = (is: (reference: OwnerReference) => boolean, uid: string | undefined) => {
    const first = owners.find(is)
    return first !== undefined && first.uid !== uid
  }
  if (stale(namesSet(set), set.metadata.uid) || stale(namesPod(set, ordinal), pod?.metadata.uid)) return undefined

  const others = owners.filter(reference => !namesSet(set)(reference) && !namesPod(set, ordinal)(reference))
  const ours = owners.filter(({ uid }) => uid === set.metadata.uid || uid === pod?.metadata.uid)
  if (hasRival(claim, set, owner)) return ours.length === 0 ? undefined : others

  const wanted = wantedOwner(set, owner)
  const settled =
    wanted === undefined ? ours.length === 0 : ours.length === 1 && ours[0]!.uid === wanted.uid && ours[0]!.controller === true
  if (settled) return undefined
  return wanted === undefined ? others : [...others, wanted]
}

/** Nobody unless the policy says so; then the set, or the pod when that is one too many. */
export function wantedOwner(set: StatefulSet, { ordinal, pod }: PodOwner): OwnerReference | undefined {
  const { onDelete, onScale } = policyOf(set)
  if (onScale && !isWanted(set, ordinal)) {
    return pod === undefined ? undefined : controllerReference({ ...pod, apiVersion: 'v1', kind: 'Pod' } as KubeObject)
  }
  return onDelete ? controllerReference(set) : undefined
}
