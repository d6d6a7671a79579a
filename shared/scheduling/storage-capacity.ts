// Whether a storage system that counts its space has enough of it near a node (CSIStorageCapacity).
import type { Node } from '../api/core/v1.ts'
import type { CSIStorageCapacity, StorageClass } from '../api/storage/v1.ts'
import { matches } from '../controllers/selectors.ts'
import { amount } from './resources.ts'
import type { VolumeLookup } from './volumes.ts'

/** The largest volume that can be made, in bytes; what is free unless the driver says otherwise. */
function most({ maximumVolumeSize, capacity }: CSIStorageCapacity): number | undefined {
  const limit = maximumVolumeSize ?? capacity
  return limit === undefined ? undefined : amount('storage', limit)
}

/** Drivers that do not ask for it are not held to it. */
export function hasRoom(lookup: VolumeLookup, { metadata, provisioner }: StorageClass, size: number, node: Node): boolean {
  if (size === 0 || !lookup.csiDriver(provisioner)?.spec.storageCapacity) return true
  for (const capacity of lookup.capacities(metadata.name)) {
    if ((most(capacity) ?? -1) >= size && matches(capacity.nodeTopology, node.metadata.labels)) return true
  }
  return false
}
