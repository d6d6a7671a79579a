// What the scheduler looks at when pods have claims.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../api/core/v1.ts'
import type { CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment } from '../api/storage/v1.ts'
import { objectKey } from '../apimachinery/types.ts'
import { volumeClass } from '../scheduling/volume-matching.ts'
import { noVolumes, Volumes } from '../scheduling/volumes.ts'
import type { Informer } from '../store/types.ts'
import {
  CSI_DRIVERS,
  CSI_NODES,
  CSI_STORAGE_CAPACITIES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  STORAGE_CLASSES,
  VOLUME_ATTACHMENTS,
} from './collections.ts'
import type { ControllerContext } from './types.ts'

const BY_CLASS = 'class'
const BY_NODE = 'node'

/** Claims and volumes are looked at only when a pod has some. */
export async function volumesFor({ informer }: ControllerContext, pending: readonly Pod[]): Promise<Volumes> {
  const used = pending.some(({ spec }) =>
    spec.volumes?.some(volume => volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined),
  )
  if (!used) return new Volumes(noVolumes)
  const [claims, volumes, classes, nodes, drivers] = await Promise.all([
    informer(PERSISTENT_VOLUME_CLAIMS),
    informer(PERSISTENT_VOLUMES),
    informer(STORAGE_CLASSES),
    informer(CSI_NODES),
    informer(CSI_DRIVERS),
  ])
  // What is attached matters only where something is limited, free space only where somebody counts it.
  const limited = nodes.list().some(({ object }) => (object as CSINode).spec.drivers.some(({ allocatable }) => allocatable !== undefined))
  const attachments = limited ? await informer(VOLUME_ATTACHMENTS) : undefined
  const counted = drivers.list().some(({ object }) => (object as CSIDriver).spec.storageCapacity)
  const capacities = counted ? await informer(CSI_STORAGE_CAPACITIES) : undefined
  volumes.addIndex(BY_CLASS, volume => [volumeClass(volume as PersistentVolume)])
  attachments?.addIndex(BY_NODE, attachment => [(attachment as VolumeAttachment).spec.nodeName])
  capacities?.addIndex(BY_CLASS, capacity => [(capacity as CSIStorageCapacity).storageClassName])
  const one = <T>(informer: Informer, name: string) => informer.get(objectKey(undefined, name))?.object as T | undefined
  const some = <T>(informer: Informer | undefined, index: string, value: string) =>
    (informer?.byIndex(index, value) ?? []).map(({ object }) => object as T)
  return new Volumes({
    claim: (namespace, name) => claims.get(objectKey(namespace, name))?.object as PersistentVolumeClaim | undefined,
    volume: name => one<PersistentVolume>(volumes, name),
    volumesOfClass: name => some<PersistentVolume>(volumes, BY_CLASS, name),
    storageClass: name => one<StorageClass>(classes, name),
    csiNode: name => one<CSINode>(nodes, name),
    csiDriver: name => one<CSIDriver>(drivers, name),
    capacities: name => some<CSIStorageCapacity>(capacities, BY_CLASS, name),
    attachments: node => some<VolumeAttachment>(attachments, BY_NODE, node),
  })
}
