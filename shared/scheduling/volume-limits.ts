// How many volumes of a CSI driver a node can have attached, as its CSINode says.
import type { CSINode, VolumeAttachment } from '../api/storage/v1.ts'
import type { Filter, Rejection } from './filters.ts'
import type { PodInfo } from './pod-info.ts'
import { claimClass } from './volume-matching.ts'
import type { VolumeLookup } from './volumes.ts'

const FULL: Rejection = { reasons: ['node(s) exceed max volume count'], resolvable: true }

/** The volumes that the pod's claims stand for: driver by something that names the volume. */
function attached({ pod, claims }: PodInfo, lookup: VolumeLookup): Map<string, string> {
  const namespace = pod.metadata.namespace ?? ''
  const drivers = new Map<string, string>()
  for (const name of claims) {
    const claim = lookup.claim(namespace, name)
    if (claim === undefined) continue
    const { volumeName } = claim.spec ?? {}
    if (volumeName) {
      const csi = lookup.volume(volumeName)?.spec?.csi
      if (csi !== undefined) drivers.set(idOf(csi), csi.driver)
      continue
    }
    // It will be made by the driver of its class.
    const driver = lookup.storageClass(claimClass(claim))?.provisioner
    if (driver !== undefined) drivers.set(`${driver} claim ${namespace}/${name}`, driver)
  }
  return drivers
}

const idOf = ({ driver, volumeHandle }: { driver: string; volumeHandle: string }): string => `${driver} ${volumeHandle}`

const limitsOf = (node: CSINode | undefined): ReadonlyMap<string, number> =>
  new Map(
    (node?.spec.drivers ?? []).flatMap(({ name, allocatable }) =>
      allocatable?.count === undefined ? [] : [[name, allocatable.count] as const],
    ),
  )

export function volumeLimitFilter(info: PodInfo, lookup: VolumeLookup): Filter | undefined {
  const wanted = attached(info, lookup)
  if (wanted.size === 0) return undefined
  return ({ name, pods }) => {
    const limits = limitsOf(lookup.csiNode(name))
    if (limits.size === 0) return undefined
    const used = new Map<string, string>()
    for (const other of pods.values()) for (const [id, driver] of attached(other, lookup)) used.set(id, driver)
    const idle = new Map<string, string>()
    for (const attachment of lookup.attachments(name)) {
      const id = attachedVolume(attachment, lookup)
      if (id !== undefined && !used.has(id)) idle.set(id, attachment.spec.attacher)
    }
    const counts = new Map<string, number>()
    const count = (driver: string) => counts.set(driver, (counts.get(driver) ?? 0) + 1)
    for (const driver of [...used.values(), ...idle.values()]) count(driver)
    for (const [id, driver] of wanted) {
      // One volume for several pods counts once; one that is attached and that no pod uses yet counts as upstream counts it: twice.
      if (used.has(id)) continue
      count(driver)
      if ((counts.get(driver) ?? 0) > (limits.get(driver) ?? Number.POSITIVE_INFINITY)) return FULL
    }
    return undefined
  }
}

function attachedVolume({ spec }: VolumeAttachment, lookup: VolumeLookup): string | undefined {
  const csi = lookup.volume(spec.source.persistentVolumeName ?? '')?.spec?.csi
  return csi === undefined ? undefined : idOf({ driver: spec.attacher, volumeHandle: csi.volumeHandle })
}
