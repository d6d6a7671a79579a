// What a pod's claims have to say about where it can run.

import type { Node, PersistentVolume, PersistentVolumeClaim } from '../api/core/v1.ts'
import type { StorageClass } from '../api/storage/v1.ts'
import { member } from '../apimachinery/objects.ts'
import type { Filter, Rejection } from './filters.ts'
import type { PodInfo } from './pod-info.ts'
import type { NodeInfo, Snapshot } from './snapshot.ts'
import { claimClass, findVolume, reaches } from './volume-matching.ts'

export interface VolumeLookup {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined
  volume(name: string): PersistentVolume | undefined
  volumesOfClass(name: string): Iterable<PersistentVolume>
  storageClass(name: string): StorageClass | undefined
}

export const SELECTED_NODE = 'volume.kubernetes.io/selected-node'
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner'

/** What has to be written before the pod can be bound: it waits until the claims are bound. */
export interface ClaimDecision {
  readonly claim: PersistentVolumeClaim
  /** The volume to reserve; without one the provisioner is told the node. */
  readonly volume?: PersistentVolume
}

const NOT_REACHED: Rejection = { reasons: ["node(s) didn't match PersistentVolume's node affinity"], resolvable: false }
const NO_VOLUME: Rejection = { reasons: ["node(s) didn't find available persistent volumes to bind"], resolvable: false }
const MISSING: Rejection = { reasons: ['node(s) unavailable due to PVC(s) bound to non-existent PV(s)'], resolvable: false }
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
    const { namespace, name: podName } = info.pod.metadata
    for (const name of info.claims) {
      const claim = this.#lookup.claim(namespace ?? '', name)
      if (claim === undefined) {
        const isEphemeral = info.pod.spec.volumes?.some(volume => volume.ephemeral !== undefined && `${podName}-${volume.name}` === name)
        if (isEphemeral) return `waiting for ephemeral volume controller to create the persistentvolumeclaim ${JSON.stringify(name)}`
        return `persistentvolumeclaim ${JSON.stringify(name)} not found`
      }
      if (claim.status?.phase === 'Lost') {
        return `persistentvolumeclaim ${JSON.stringify(name)} bound to non-existent persistentvolume ${JSON.stringify(claim.spec?.volumeName)}`
      }
      if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim ${JSON.stringify(name)} is being deleted`
    }
    return this.#claims(info).some(claim => !isBound(claim) && !this.#waitsForConsumer(claim))
      ? 'pod has unbound immediate PersistentVolumeClaims'
      : undefined
  }

  filter(info: PodInfo, snapshot: Snapshot): Filter | undefined {
    const claims = this.#claims(info)
    if (claims.length === 0) return undefined
    const exclusive = claims
      .filter(({ spec }) => spec?.accessModes?.includes('ReadWriteOncePod'))
      .map(({ metadata }) => usersOf(snapshot, metadata.namespace ?? '', metadata.name))
    return node => {
      if (exclusive.some(users => users.size > 0)) return ONCE_POD
      for (const claim of claims) {
        const rejection = isBound(claim) ? this.#bound(claim, node.node) : this.#unbound(claim, node)
        if (rejection !== undefined) return rejection
      }
      return undefined
    }
  }

  /** What must be decided about the pod's unbound claims now that its node is known. The volumes are not given to others in this pass. */
  decide(info: PodInfo, node: NodeInfo): ClaimDecision[] {
    return this.#claims(info)
      .filter(claim => !isBound(claim))
      .map(claim => {
        const volume = this.#find(claim, node.node)
        if (volume !== undefined) this.#taken.add(volume.metadata.name)
        return { claim, volume }
      })
  }

  #claims({ pod, claims }: PodInfo): PersistentVolumeClaim[] {
    return claims.map(name => this.#lookup.claim(pod.metadata.namespace ?? '', name)).filter(claim => claim !== undefined)
  }

  #waitsForConsumer(claim: PersistentVolumeClaim): boolean {
    return this.#lookup.storageClass(claimClass(claim))?.volumeBindingMode === 'WaitForFirstConsumer'
  }

  #bound({ spec }: PersistentVolumeClaim, node: Node): Rejection | undefined {
    const volume = this.#lookup.volume(spec!.volumeName!)
    if (volume === undefined) return MISSING
    if (!reaches(volume, node)) return NOT_REACHED
    return isInZone(volume, node) ? undefined : WRONG_ZONE
  }

  #unbound(claim: PersistentVolumeClaim, { name, node }: NodeInfo): Rejection | undefined {
    const selected = claim.metadata.annotations?.[SELECTED_NODE]
    if (selected !== undefined) return selected === name ? undefined : NO_VOLUME
    if (this.#find(claim, node) !== undefined) return undefined
    const storage = this.#lookup.storageClass(claimClass(claim))
    return storage !== undefined && storage.provisioner !== NO_PROVISIONER && isAllowed(storage, node) ? undefined : NO_VOLUME
  }

  #find(claim: PersistentVolumeClaim, node: Node): PersistentVolume | undefined {
    return findVolume(claim, this.#lookup.volumesOfClass(claimClass(claim)), { node, taken: this.#taken })
  }
}

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

function isInZone({ metadata }: PersistentVolume, { metadata: node }: Node): boolean {
  if (!ZONES.some(key => node.labels?.[key] !== undefined)) return true
  return ZONES.every(key => {
    const zones = metadata.labels?.[key]
    return zones === undefined || zones.split('__').includes(node.labels?.[key] ?? '')
  })
}

function isAllowed({ allowedTopologies = [] }: StorageClass, { metadata }: Node): boolean {
  if (allowedTopologies.length === 0) return true
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => values.includes(member(metadata.labels, key) ?? '')),
  )
}
