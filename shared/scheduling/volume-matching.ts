// Which PersistentVolume a claim may have (k8s.io/component-helpers/storage/volume, FindMatchingVolume).
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../api/core/v1.ts'
import { isEmptySelector, matches } from '../controllers/selectors.ts'
import { matchesNodeTerms } from './node-affinity.ts'
import { amount } from './resources.ts'

const STORAGE = 'storage'

export const requestedSize = ({ spec }: PersistentVolumeClaim): number => amount(STORAGE, spec?.resources?.requests?.[STORAGE] ?? '0')
export const volumeSize = ({ spec }: PersistentVolume): number => amount(STORAGE, spec?.capacity?.[STORAGE] ?? '0')

const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class'

/** The older annotation goes before the field; "" is no class at all. */
export const claimClass = ({ metadata, spec }: PersistentVolumeClaim): string =>
  metadata.annotations?.[BETA_CLASS] ?? spec?.storageClassName ?? ''
export const volumeClass = ({ metadata, spec }: PersistentVolume): string =>
  metadata.annotations?.[BETA_CLASS] ?? spec?.storageClassName ?? ''

/** Whether the volume is reserved for the claim: by name, and by UID once it has been bound. */
export function isReservedFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const reference = spec?.claimRef
  if (reference?.name !== metadata.name || reference.namespace !== metadata.namespace) return false
  return !reference.uid || reference.uid === metadata.uid
}

export const sameMode = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec?.volumeMode ?? 'Filesystem') === (claim.spec?.volumeMode ?? 'Filesystem')

export const hasAccessModes = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (claim.spec?.accessModes ?? []).every(mode => volume.spec?.accessModes?.includes(mode))

export function reaches({ spec }: PersistentVolume, node: Node): boolean {
  const required = spec?.nodeAffinity?.required
  return required === undefined || matchesNodeTerms(required.nodeSelectorTerms, node)
}

function isBetter(volume: PersistentVolume, other: PersistentVolume, countModes: boolean): boolean {
  const modes = ({ spec }: PersistentVolume) => new Set(spec?.accessModes).size
  const more = countModes ? modes(volume) - modes(other) : 0
  return more === 0 ? volumeSize(volume) < volumeSize(other) : more < 0
}

/**
 * The volume reserved for the claim, or the smallest available one that fits. Without a node, of those with the fewest access modes beyond
 * what is asked for: others may need the rest.
 * @param node only volumes that this node can reach
 * @param reservedOnly for claims that wait for their first consumer
 */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  {
    node,
    reservedOnly = false,
    taken,
  }: { readonly node?: Node; readonly reservedOnly?: boolean; readonly taken?: ReadonlySet<string> } = {},
): PersistentVolume | undefined {
  const size = requestedSize(claim)
  const wantedClass = claimClass(claim)
  const { selector } = claim.spec ?? {}
  let best: PersistentVolume | undefined
  for (const volume of volumes) {
    if (volume.metadata.deletionTimestamp !== undefined || taken?.has(volume.metadata.name)) continue
    const enough = volumeSize(volume) >= size
    if (!enough || !sameMode(volume, claim) || (node === undefined && !hasAccessModes(volume, claim))) continue
    const reachable = node === undefined || reaches(volume, node)
    // The claim gets the one that is kept for it or none.
    if (isReservedFor(volume, claim)) return reachable ? volume : undefined
    if (!reachable) continue
    if (reservedOnly || volume.spec?.claimRef !== undefined || volume.status?.phase !== 'Available') continue
    if (volumeClass(volume) !== wantedClass || !hasAccessModes(volume, claim)) continue
    if ((volume.spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? '')) continue
    if (!isEmptySelector(selector) && !matches(selector, volume.metadata.labels)) continue
    if (best === undefined || isBetter(volume, best, node === undefined)) best = volume
  }
  return best
}
