// Claims without a class get the default one; claims and volumes are protected while they are used.
import type { PersistentVolumeClaim } from '../api/core/v1.ts'
import type { StorageClass } from '../api/storage/v1.ts'
import type { AdmissionPlugin } from '../apimachinery/admission.ts'
import { concerns, objectOf } from './attributes.ts'
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
