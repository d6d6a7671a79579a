// Rules of binding claims and volumes. Pure.
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import type { StorageClass } from '../../api/storage/v1.ts'
import {
  claimClass,
  hasAccessModes,
  isReservedFor,
  requestedSize,
  sameMode,
  volumeClass,
  volumeSize,
} from '../../scheduling/volume-matching.ts'
import { SELECTED_NODE } from '../../scheduling/volumes.ts'

export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed'
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller'
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by'
export const PROVISIONER = 'volume.kubernetes.io/storage-provisioner'
export const BETA_PROVISIONER = 'volume.beta.kubernetes.io/storage-provisioner'
const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class'

export const hasNoClass = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  spec?.storageClassName === undefined && metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] === undefined

/** The newest of the default classes. */
export function defaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const rank = ({ metadata }: StorageClass) => metadata.creationTimestamp ?? ''
  return classes
    .filter(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS] === 'true')
    .sort((a, b) => (rank(a) !== rank(b) ? (rank(a) > rank(b) ? -1 : 1) : a.metadata.name < b.metadata.name ? -1 : 1))[0]
}

/** Whether the claim waits until a pod that uses it has a node. */
export const waitsForConsumer = (claim: PersistentVolumeClaim, storage: StorageClass | undefined): boolean =>
  storage?.volumeBindingMode === 'WaitForFirstConsumer' && claim.metadata.annotations?.[SELECTED_NODE] === undefined

/** Why a volume that was asked for by name will not do. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (requestedSize(claim) > volumeSize(volume)) return 'requested PV is too small'
  if (volumeClass(volume) !== claimClass(claim)) return 'storageClassName does not match'
  if ((volume.spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? ''))
    return 'volumeAttributesClassName does not match'
  if (!sameMode(volume, claim)) return 'incompatible volumeMode'
  return hasAccessModes(volume, claim) ? undefined : 'incompatible accessMode'
}

export const isBoundTo = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => isReservedFor(volume, claim)

export const isComplete = ({ metadata }: PersistentVolumeClaim): boolean => metadata.annotations?.[BIND_COMPLETED] !== undefined
