// Claims without a class get the default one; claims and volumes are protected while they are used.
import type { PersistentVolumeClaim } from '../api/core/v1.ts'
import type { StorageClass } from '../api/storage/v1.ts'
import type { AdmissionPlugin } from '../apimachinery/admission.ts'
import { compareQuantities } from '../apimachinery/quantity.ts'
import { forbidden } from '../apimachinery/status-error.ts'
import { concerns, objectOf, oldOf } from './attributes.ts'
import { newestDefault } from './default-class.ts'

const STORAGE_CLASSES = { group: 'storage.k8s.io', resource: 'storageclasses' }
const IS_DEFAULT = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']
const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class'
const FINALIZERS: Readonly<Record<string, { readonly group: string; readonly finalizer: string }>> = {
  persistentvolumeclaims: { group: '', finalizer: 'kubernetes.io/pvc-protection' },
  persistentvolumes: { group: '', finalizer: 'kubernetes.io/pv-protection' },
  volumeattributesclasses: { group: 'storage.k8s.io', finalizer: 'kubernetes.io/vac-protection' },
}

export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  async mutate(attributes) {
    if (!concerns(attributes, '', 'persistentvolumeclaims', 'CREATE')) return
    const claim = objectOf<PersistentVolumeClaim>(attributes)
    if (claim.spec === undefined || claim.spec.storageClassName !== undefined || claim.metadata.annotations?.[OLD_CLASS] !== undefined)
      return
    // It wants one of the volumes that somebody made and labelled. No provisioner makes such a one, so a class would only keep it from
    // volumes without a class, as manifests from before default classes have them (docs/decisions/0045-claims-that-select.md).
    if (claim.spec.selector !== undefined) return
    const chosen = newestDefault(await attributes.context.read.list<StorageClass>(STORAGE_CLASSES), IS_DEFAULT)
    if (chosen !== undefined) claim.spec.storageClassName = chosen.metadata.name
  },
}

/** Who grows a claim needs somebody who grows the volume: the provisioner of a class that says so. */
export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  async validate(attributes) {
    if (!concerns(attributes, '', 'persistentvolumeclaims', 'UPDATE')) return
    const claim = objectOf<PersistentVolumeClaim>(attributes)
    const old = oldOf<PersistentVolumeClaim>(attributes)
    const sizeOf = ({ spec }: PersistentVolumeClaim) => spec?.resources?.requests?.storage ?? '0'
    if (compareQuantities(sizeOf(claim), sizeOf(old)) <= 0) return
    const refuse = (why: string) => forbidden(attributes.endpoint.collection, attributes.name, why)
    if (old.status?.phase !== 'Bound') throw refuse('Only bound persistent volume claims can be expanded')
    const storageClass = classOf(claim)
    const found =
      storageClass === '' || storageClass !== classOf(old)
        ? undefined
        : await attributes.context.read.get<StorageClass>(STORAGE_CLASSES, undefined, storageClass)
    if (found?.allowVolumeExpansion) return
    throw refuse('only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize')
  },
}

const classOf = ({ metadata, spec }: PersistentVolumeClaim): string => metadata.annotations?.[OLD_CLASS] ?? spec?.storageClassName ?? ''

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  mutate(attributes) {
    const { resource } = attributes.endpoint.collection
    const protection = FINALIZERS[resource]
    if (protection === undefined || !concerns(attributes, protection.group, resource, 'CREATE')) return
    const { finalizer } = protection
    const { metadata } = objectOf(attributes)
    if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer]
  },
}
