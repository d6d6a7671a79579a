// What a StatefulSet's controller does to pods and their claims, one at a time, and how it tells of it.
import type { StatefulSet } from '../../api/apps/v1.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/core/v1.ts'
import { isStatus } from '../../apimachinery/status-error.ts'
import { objectKey } from '../../apimachinery/types.ts'
import type { Informer } from '../../store/types.ts'
import { PERSISTENT_VOLUME_CLAIMS, PODS } from '../collections.ts'
import { equal } from '../equality.ts'
import { unlessGone } from '../owners.ts'
import { isNamespaceTerminating, messageOf } from '../replicas.ts'
import { type ControllerContext, told } from '../types.ts'
import { claimsFor, hasRival, isStale, newOwners, wantedOwner } from './claims.ts'
import { identified } from './identity.ts'

export class PodControl {
  readonly #set: StatefulSet
  readonly #context: ControllerContext
  readonly #claims: Informer

  constructor(set: StatefulSet, context: ControllerContext, claims: Informer) {
    this.#set = set
    this.#context = context
    this.#claims = claims
  }

  /** Makes the pod, its claims first. Answers false when that cannot be now and there is nothing to say about it. */
  async create(pod: Pod, ordinal: number): Promise<boolean> {
    const { name } = pod.metadata
    try {
      await this.#createClaims(name, ordinal)
      await this.#context.client.create<Pod>(PODS, pod)
    } catch (error) {
      // Somebody else's pod has the name: there is nothing to say until it goes.
      if (isStatus(error, 'AlreadyExists') || isNamespaceTerminating(error)) return false
      throw this.#failed('Create', name, error)
    }
    this.#succeeded('Create', name)
    return true
  }

  async delete({ metadata }: Pod): Promise<void> {
    try {
      await this.#context.client.delete(PODS, metadata.namespace, metadata.name, { preconditions: { uid: metadata.uid } })
    } catch (error) {
      if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict')) return
      throw this.#failed('Delete', metadata.name, error)
    }
    this.#succeeded('Delete', metadata.name)
  }

  /** Gives a pod its labels and volumes back, and one that runs its claims. Answers whether the pod itself changed. */
  async repair(pod: Pod, ordinal: number): Promise<boolean> {
    const { name } = pod.metadata
    const right = identified(this.#set, pod, ordinal)
    const changed = !equal(right, pod)
    try {
      if (!equal(right.spec, pod.spec)) await this.#createClaims(name, ordinal)
      if (pod.status?.phase !== 'Pending') await this.own(pod, ordinal)
      if (changed) await unlessGone(() => this.#context.client.update<Pod>(PODS, right))
    } catch (error) {
      throw this.#failed('Update', name, error)
    }
    this.#succeeded('Update', name)
    return changed
  }

  /** Makes what claims a waiting pod lacks, and sees to whose they are. */
  async provide(pod: Pod, ordinal: number): Promise<void> {
    await this.#createClaims(pod.metadata.name, ordinal)
    try {
      await this.own(pod, ordinal)
    } catch (error) {
      throw this.#failed('Update', pod.metadata.name, error)
    }
  }

  /** Makes the owners of the pod's claims what the retention policy says. */
  async own(pod: Pod, ordinal: number): Promise<void> {
    for (const claim of this.#existing(ordinal)) {
      const { name } = claim.metadata
      if (hasRival(claim, this.#set, { ordinal, pod })) {
        // Upstream's words, misspelt as they are there.
        const message = `PersistentVolumeClaim ${name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`
        this.#say('Warning', 'ConflictingController', message)
      }
      const ownerReferences = newOwners(claim, this.#set, { ordinal, pod })
      if (ownerReferences === undefined) continue
      try {
        await unlessGone(() =>
          this.#context.client.update(PERSISTENT_VOLUME_CLAIMS, { ...claim, metadata: { ...claim.metadata, ownerReferences } }),
        )
      } catch (error) {
        if (isStatus(error, 'Conflict')) throw error
        throw new Error(`could not update claim ${name} for delete policy ownerRefs: ${messageOf(error)}`, { cause: error })
      }
    }
  }

  claimsMatch(ordinal: number, pod: Pod): boolean {
    return this.#existing(ordinal).every(claim => newOwners(claim, this.#set, { ordinal, pod }) === undefined)
  }

  claimsAreStale(ordinal: number): boolean {
    return this.#existing(ordinal).some(claim => isStale(claim, this.#set, ordinal))
  }

  /** Every claim is tried, so that each failure is told of. */
  async #createClaims(pod: string, ordinal: number): Promise<void> {
    const failures: string[] = []
    let cause: unknown
    for (const wanted of claimsFor(this.#set, ordinal)) {
      const { namespace, name } = wanted.metadata
      const there = this.#claims.get(objectKey(namespace, name))?.object
      if (there?.metadata.deletionTimestamp !== undefined) failures.push(`pvc ${name} is being deleted`)
      if (there !== undefined) continue
      const owner = wantedOwner(this.#set, { ordinal, pod: undefined })
      const metadata = owner === undefined ? wanted.metadata : { ...wanted.metadata, ownerReferences: [owner] }
      try {
        await this.#context.client.create<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, { ...wanted, metadata })
        this.#say('Normal', 'SuccessfulCreate', `Create Claim ${name} Pod ${pod} in StatefulSet ${this.#set.metadata.name} success`)
      } catch (error) {
        if (isStatus(error, 'AlreadyExists')) continue
        if (isNamespaceTerminating(error)) throw error
        cause = error
        const why = messageOf(error)
        failures.push(`failed to create PVC ${name}: ${why}`)
        const where = `for Pod ${pod} in StatefulSet ${this.#set.metadata.name}`
        this.#say('Warning', 'FailedCreate', `Create Claim ${name} ${where} failed error: ${why}`)
      }
    }
    if (failures.length === 0) return
    const error = new Error(failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`, { cause })
    if (cause !== undefined) told.add(error)
    throw error
  }

  #existing(ordinal: number): PersistentVolumeClaim[] {
    const found: PersistentVolumeClaim[] = []
    for (const { metadata } of claimsFor(this.#set, ordinal)) {
      const claim = this.#claims.get(objectKey(metadata.namespace, metadata.name))?.object
      if (claim !== undefined) found.push(claim as PersistentVolumeClaim)
    }
    return found
  }

  #succeeded(verb: string, pod: string): void {
    this.#say('Normal', `Successful${verb}`, `${verb} Pod ${pod} in StatefulSet ${this.#set.metadata.name} successful`)
  }

  /** Tells of the failure, unless somebody else was only faster: then the next look at it decides. */
  #failed(verb: string, pod: string, error: unknown): unknown {
    if (isStatus(error, 'Conflict')) return error
    this.#say('Warning', `Failed${verb}`, `${verb} Pod ${pod} in StatefulSet ${this.#set.metadata.name} failed error: ${messageOf(error)}`)
    told.add(error as object)
    return error
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    void this.#context.events.event(this.#set, type, reason, message)
  }
}
