// Disks that a pod names itself, and that two pods of one node cannot both write to.
import type { Pod, Volume } from '../api/core/v1.ts'
import type { Filter, Rejection } from './filters.ts'
import type { PodInfo } from './pod-info.ts'

const DISK_TAKEN: Rejection = { reasons: ['node(s) had no available disk'], resolvable: true }

const isDisk = ({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }: Volume): boolean =>
  (gcePersistentDisk ?? awsElasticBlockStore ?? iscsi ?? rbd) !== undefined

export const disksOf = ({ spec }: Pod): Volume[] => spec.volumes?.filter(isDisk) ?? []

/** Two that only read do not disturb each other, except on EBS. */
function clash(a: Volume, b: Volume): boolean {
  const [gce, otherGce] = [a.gcePersistentDisk, b.gcePersistentDisk]
  if (gce !== undefined && gce.pdName === otherGce?.pdName) return !(gce.readOnly && otherGce.readOnly)
  const [ebs, otherEbs] = [a.awsElasticBlockStore, b.awsElasticBlockStore]
  if (ebs !== undefined && ebs.volumeID === otherEbs?.volumeID) return true
  const [iscsi, otherIscsi] = [a.iscsi, b.iscsi]
  if (iscsi !== undefined && iscsi.iqn === otherIscsi?.iqn) return !(iscsi.readOnly && otherIscsi.readOnly)
  const [rbd, otherRbd] = [a.rbd, b.rbd]
  if (rbd === undefined || otherRbd === undefined || rbd.image !== otherRbd.image) return false
  const pool = ({ pool = 'rbd' }: { pool?: string }) => pool
  const shared = rbd.monitors.some(monitor => otherRbd.monitors.includes(monitor)) && pool(rbd) === pool(otherRbd)
  return shared && !(rbd.readOnly && otherRbd.readOnly)
}

export function diskFilter({ pod }: PodInfo): Filter | undefined {
  const disks = disksOf(pod)
  if (disks.length === 0) return undefined
  return ({ pods }) => {
    for (const other of pods.values()) {
      if (other.pod.spec.volumes?.some(theirs => disks.some(disk => clash(disk, theirs)))) return DISK_TAKEN
    }
    return undefined
  }
}
