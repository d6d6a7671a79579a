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

/** Provisioners that were once in the tree, and the drivers that took their classes over. */
const MOVED: Readonly<Record<string, string>> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
  'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com',
}

/** Who makes the volumes of a class; undefined when nobody can. */
export const provisionerOf = ({ provisioner }: StorageClass): string | undefined =>
  MOVED[provisioner] ?? (provisioner.startsWith('kubernetes.io/') ? undefined : provisioner)

const REMOVABLE = /\/tmp\/.+/

/** Why a volume of which no driver takes care cannot be deleted with its claim; undefined when there is nothing to it but its object. */
export function undeletable({ metadata, spec }: PersistentVolume): string | undefined {
  const path = spec?.hostPath?.path
  if (path === undefined)
    return `error getting deleter volume plugin for volume ${JSON.stringify(metadata.name)}: no deletable volume plugin matched`
  return REMOVABLE.test(path) ? undefined : `host_path deleter only supports /tmp/.+ but received provided ${path}`
}

/** Kinds of volumes that were once emptied for the next claim (policy Recycle). */
export const isRecyclable = ({ spec }: PersistentVolume): boolean => spec?.nfs !== undefined || spec?.hostPath !== undefined

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
  if (volume.metadata.deletionTimestamp !== undefined) return `the volume is marked for deletion ${JSON.stringify(volume.metadata.name)}`
  if (requestedSize(claim) > volumeSize(volume)) return 'requested PV is too small'
  if (volumeClass(volume) !== claimClass(claim)) return 'storageClassName does not match'
  if ((volume.spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? ''))
    return 'volumeAttributesClassName does not match'
  if (!sameMode(volume, claim)) return 'incompatible volumeMode'
  return hasAccessModes(volume, claim) ? undefined : 'incompatible accessMode'
}

export const isBoundTo = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => isReservedFor(volume, claim)

export const isComplete = ({ metadata }: PersistentVolumeClaim): boolean => metadata.annotations?.[BIND_COMPLETED] !== undefined
