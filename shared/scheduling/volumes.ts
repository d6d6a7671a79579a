// What a pod's claims have to say about where it can run.

import type { Node, PersistentVolume, PersistentVolumeClaim } from '../api/core/v1.ts'
import type { CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment } from '../api/storage/v1.ts'
import { member } from '../apimachinery/objects.ts'
import { controllerOf } from '../controllers/owners.ts'
import type { Filter, Rejection } from './filters.ts'
import type { PodInfo } from './pod-info.ts'
import type { NodeInfo, Snapshot } from './snapshot.ts'
import { hasRoom } from './storage-capacity.ts'
import { volumeLimitFilter } from './volume-limits.ts'
import { claimClass, findVolume, reaches, requestedSize } from './volume-matching.ts'

export interface VolumeLookup {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined
  volume(name: string): PersistentVolume | undefined
  volumesOfClass(name: string): Iterable<PersistentVolume>
  storageClass(name: string): StorageClass | undefined
  csiNode(name: string): CSINode | undefined
  csiDriver(name: string): CSIDriver | undefined
  capacities(storageClass: string): Iterable<CSIStorageCapacity>
  /** What is attached to a node, or about to be. */
  attachments(node: string): Iterable<VolumeAttachment>
}

/** Nothing exists. */
export const noVolumes: VolumeLookup = {
  claim: () => undefined,
  volume: () => undefined,
  volumesOfClass: () => [],
  storageClass: () => undefined,
  csiNode: () => undefined,
  csiDriver: () => undefined,
  capacities: () => [],
  attachments: () => [],
}

export const SELECTED_NODE = 'volume.kubernetes.io/selected-node'
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner'

/** What has to be written before the pod can be bound: it waits until the claims are bound. */
export interface ClaimDecision {
  readonly claim: PersistentVolumeClaim
  /** The volume to reserve; without one the provisioner is told the node. */
  readonly volume?: PersistentVolume
}

const NOT_REACHED = "node(s) didn't match PersistentVolume's node affinity"
const NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
const NO_SPACE = 'node(s) did not have enough free storage'
const MISSING = 'node(s) unavailable due to PVC(s) bound to non-existent PV(s)'
const WRONG_ZONE: Rejection = { reasons: ['node(s) had no available volume zone'], resolvable: false }
const ONCE_POD: Rejection = {
  reasons: ['node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'],
  resolvable: true,
}

const ZONES = [
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]

export class Volumes {
  readonly #lookup: VolumeLookup
  /** Volumes promised to pods placed earlier in this pass. */
  readonly #taken = new Set<string>()

  constructor(lookup: VolumeLookup) {
    this.#lookup = lookup
  }

  /** Why the pod cannot run anywhere, whatever the nodes are like. */
  blocker(info: PodInfo): string | undefined {
    const { pod, claims } = info
    const { namespace = '', name: podName, uid } = pod.metadata
    const isEphemeral = (name: string) =>
      pod.spec.volumes?.some(volume => volume.ephemeral !== undefined && `${podName}-${volume.name}` === name) ?? false
    const missing = claims.find(name => !isEphemeral(name) && this.#lookup.claim(namespace, name) === undefined)
    if (missing !== undefined) return `persistentvolumeclaim ${JSON.stringify(missing)} not found`
    for (const name of claims) {
      const claim = this.#lookup.claim(namespace, name)
      if (claim === undefined) return `waiting for ephemeral volume controller to create the persistentvolumeclaim ${JSON.stringify(name)}`
      if (claim.status?.phase === 'Lost') {
        return `persistentvolumeclaim ${JSON.stringify(name)} bound to non-existent persistentvolume ${JSON.stringify(claim.spec?.volumeName)}`
      }
      if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim ${JSON.stringify(name)} is being deleted`
      if (isEphemeral(name) && controllerOf(claim)?.uid !== uid) {
        return `PVC ${namespace}/${name} was not created for pod ${namespace}/${podName} (pod is not owner)`
      }
    }
    const used = this.#claims(info)
    if (used.some(claim => !isBound(claim) && !this.#waitsForConsumer(claim))) return 'pod has unbound immediate PersistentVolumeClaims'
    const lost = used.find(claim => isBound(claim) && !isEphemeral(claim.metadata.name) && this.#volumeOf(claim) === undefined)
    return lost === undefined ? undefined : `persistentvolume ${JSON.stringify(lost.spec?.volumeName)} not found`
  }

  filter(info: PodInfo, snapshot: Snapshot): Filter | undefined {
    const claims = this.#claims(info)
    if (claims.length === 0) return undefined
    const exclusive = claims
      .filter(({ spec }) => spec?.accessModes?.includes('ReadWriteOncePod'))
      .map(({ metadata }) => usersOf(snapshot, metadata.namespace ?? '', metadata.name))
    const bound = claims.filter(isBound)
    const unbound = bySize(claims.filter(claim => !isBound(claim)))
    const limit = volumeLimitFilter(info, this.#lookup)
    return node => {
      if (exclusive.some(users => users.size > 0)) return ONCE_POD
      const full = limit?.(node)
      if (full !== undefined) return full
      const reasons = [...this.#placeable(unbound, node), ...this.#reachable(bound, node.node)]
      if (reasons.length > 0) return { reasons, resolvable: false }
      return bound.every(claim => isInZone(this.#volumeOf(claim), node.node)) ? undefined : WRONG_ZONE
    }
  }

  /** What must be decided about the pod's unbound claims now that its node is known. The volumes are not given to others in this pass. */
  decide(info: PodInfo, node: NodeInfo): ClaimDecision[] {
    return bySize(this.#claims(info).filter(claim => !isBound(claim))).map(claim => {
      const volume = isPromised(claim) ? undefined : this.#find(claim, node.node, this.#taken)
      if (volume !== undefined) this.#taken.add(volume.metadata.name)
      return { claim, volume }
    })
  }

  #claims({ pod, claims }: PodInfo): PersistentVolumeClaim[] {
    return claims.map(name => this.#lookup.claim(pod.metadata.namespace ?? '', name)).filter(claim => claim !== undefined)
  }

  #volumeOf = (claim: PersistentVolumeClaim): PersistentVolume | undefined => this.#lookup.volume(claim.spec?.volumeName ?? '')

  /** A claim that names its volume waits for nobody but the controller that binds it. */
  #waitsForConsumer(claim: PersistentVolumeClaim): boolean {
    return !claim.spec?.volumeName && this.#lookup.storageClass(claimClass(claim))?.volumeBindingMode === 'WaitForFirstConsumer'
  }

  *#reachable(claims: readonly PersistentVolumeClaim[], node: Node): Iterable<string> {
    for (const claim of claims) {
      const volume = this.#volumeOf(claim)
      const problem = volume === undefined ? MISSING : reaches(volume, node) ? undefined : NOT_REACHED
      if (problem === undefined) continue
      yield problem
      return
    }
  }

  /** Each claim needs a volume of its own, or one that can be made for this node. */
  *#placeable(claims: readonly PersistentVolumeClaim[], { name, node }: NodeInfo): Iterable<string> {
    if (claims.some(({ metadata }) => (metadata.annotations?.[SELECTED_NODE] ?? name) !== name)) {
      yield NO_VOLUME
      return
    }
    const taken = new Set(this.#taken)
    for (const claim of claims) {
      const volume = isPromised(claim) ? undefined : this.#find(claim, node, taken)
      if (volume !== undefined) {
        taken.add(volume.metadata.name)
        continue
      }
      const storage = this.#lookup.storageClass(claimClass(claim))
      const provisioned = storage !== undefined && storage.provisioner !== NO_PROVISIONER && isAllowed(storage, node)
      if (provisioned && hasRoom(this.#lookup, storage, requestedSize(claim), node)) continue
      yield provisioned ? NO_SPACE : NO_VOLUME
      return
    }
  }

  #find(claim: PersistentVolumeClaim, node: Node, taken: ReadonlySet<string>): PersistentVolume | undefined {
    return findVolume(claim, this.#lookup.volumesOfClass(claimClass(claim)), { node, taken })
  }
}

/** The provisioner has been told the node. */
const isPromised = ({ metadata }: PersistentVolumeClaim): boolean => metadata.annotations?.[SELECTED_NODE] !== undefined

/** Small ones first, so that they do not take the large volumes. */
const bySize = (claims: readonly PersistentVolumeClaim[]) => [...claims].sort((a, b) => requestedSize(a) - requestedSize(b))

const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed'

/** Volume and claim know each other: not merely asked for by name. */
const isBound = ({ spec, metadata }: PersistentVolumeClaim): boolean =>
  Boolean(spec?.volumeName) && metadata.annotations?.[BIND_COMPLETED] !== undefined

const usersOf = (snapshot: Snapshot, namespace: string, claim: string): ReadonlyMap<string, number> =>
  snapshot.counter(`claim|${namespace}/${claim}`, () => ({
    matches: ({ pod, claims }) => pod.metadata.namespace === namespace && claims.includes(claim),
    place: () => 'used',
    weight: 1,
  }))

/** Zones and regions that the volume's labels name; older labels are understood on either side. */
function isInZone(volume: PersistentVolume | undefined, { metadata: node }: Node): boolean {
  if (!ZONES.some(key => node.labels?.[key] !== undefined)) return true
  return ZONES.every(key => {
    const zones = volume?.metadata.labels?.[key]
    const here = node.labels?.[key] ?? node.labels?.[key.replace('failure-domain.beta.', 'topology.')]
    return zones === undefined || (here !== undefined && zones.split('__').includes(here))
  })
}

/** A term without expressions allows no node. */
function isAllowed({ allowedTopologies = [] }: StorageClass, { metadata }: Node): boolean {
  if (allowedTopologies.length === 0) return true
  return allowedTopologies.some(
    ({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.length > 0 &&
      matchLabelExpressions.every(({ key, values }) => values.includes(member(metadata.labels, key) ?? '')),
  )
}
