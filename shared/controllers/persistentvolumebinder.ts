// Binds claims and volumes to each other. Keys of claims are "<namespace>/<name>", of volumes "/<name>".
//
// A bond is four writes, each of which can be the last before a crash; whichever is missing is made up for:
//   volume.spec.claimRef   volume.status.phase   claim.spec.volumeName (and annotations)   claim.status
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../api/core/v1.ts'
import type { StorageClass } from '../api/storage/v1.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { claimsOf } from '../scheduling/pod-info.ts'
import { claimClass, findVolume, sameMode, volumeClass } from '../scheduling/volume-matching.ts'
import type { Informer } from '../store/types.ts'
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES } from './collections.ts'
import { equal } from './equality.ts'
import { isFinished } from './pods.ts'
import { writeStatus } from './status.ts'
import { parseTime } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import {
  BETA_PROVISIONER,
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  defaultClass,
  hasNoClass,
  isBoundTo,
  isComplete,
  mismatch,
  PROVISIONED_BY,
  PROVISIONER,
  provisionerOf,
  waitsForConsumer,
} from './volumes/binding.ts'
import { reclaim, volumePhase } from './volumes/reclaim.ts'
import { keyOf, splitName } from './watches.ts'

/** Whoever makes a volume for a claim has so long to name one in the other: only then is it offered to claims that have been waiting. */
const RESERVATION_MS = 5_000

const BY_CLASS = 'class'
const PENDING = 'pending-class'

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const [claims, volumes, classes] = await Promise.all([
    context.informer(PERSISTENT_VOLUME_CLAIMS),
    context.informer(PERSISTENT_VOLUMES),
    context.informer(STORAGE_CLASSES),
  ])
  volumes.addIndex(BY_CLASS, volume => [volumeClass(volume as PersistentVolume)])
  claims.addIndex(PENDING, object => {
    const claim = object as PersistentVolumeClaim
    return isComplete(claim) ? [] : [claimClass(claim)]
  })
  const { namespace, name } = splitKey(key)
  const binder = new Binder(context, claims, volumes, classes)
  const target = splitName(name)
  if (target.about === 'class') return { also: binder.waiting([target.name, '']) }
  if (namespace !== '') {
    const claim = claims.get(key)?.object as PersistentVolumeClaim | undefined
    if (claim !== undefined) await binder.claim(claim)
    return undefined
  }
  const volume = volumes.get(key)?.object as PersistentVolume | undefined
  return volume === undefined ? undefined : binder.volume(volume)
}

export const persistentVolumeBinder: Controller = {
  name: 'persistentvolume-binder',
  component: 'persistentvolume-controller',
  watches: [
    {
      resource: PERSISTENT_VOLUME_CLAIMS,
      *keys({ key, object }) {
        yield key
        const { volumeName } = (object as PersistentVolumeClaim).spec ?? {}
        if (volumeName) yield objectKey(undefined, volumeName)
      },
    },
    {
      resource: PERSISTENT_VOLUMES,
      *keys({ key, object }) {
        yield key
        const reference = (object as PersistentVolume).spec?.claimRef
        if (reference?.name !== undefined) yield objectKey(reference.namespace, reference.name)
      },
    },
    { resource: STORAGE_CLASSES, keys: ({ object }) => [objectKey(undefined, `class:${object.metadata.name}`)] },
  ],
  reconcile,
}

class Binder {
  readonly #context: ControllerContext
  readonly #claims: Informer
  readonly #volumes: Informer
  readonly #classes: Informer

  constructor(context: ControllerContext, claims: Informer, volumes: Informer, classes: Informer) {
    this.#context = context
    this.#claims = claims
    this.#volumes = volumes
    this.#classes = classes
  }

  /** Keys of the claims of these classes that are not bound. */
  waiting(classes: readonly string[]): string[] {
    return classes.flatMap(name => this.#claims.byIndex(PENDING, name).map(({ object }) => keyOf(object)))
  }

  #class(name: string): StorageClass | undefined {
    return this.#classes.get(objectKey(undefined, name))?.object as StorageClass | undefined
  }

  #volume(name: string | undefined): PersistentVolume | undefined {
    return name === undefined ? undefined : (this.#volumes.get(objectKey(undefined, name))?.object as PersistentVolume | undefined)
  }

  #say(about: PersistentVolumeClaim | PersistentVolume, type: 'Normal' | 'Warning', reason: string, message: string): void {
    void this.#context.events.event(about, type, reason, message)
  }

  async claim(claim: PersistentVolumeClaim): Promise<void> {
    if (isComplete(claim)) return this.#boundClaim(claim)
    if (claim.metadata.deletionTimestamp !== undefined) return
    if (claim.spec?.volumeName) return this.#claimByName(claim)
    const storage = this.#class(claimClass(claim))
    const waits = waitsForConsumer(claim, storage)
    const candidates = this.#volumes.byIndex(BY_CLASS, claimClass(claim)).map(({ object }) => object as PersistentVolume)
    const volume = findVolume(claim, candidates, { reservedOnly: storage?.volumeBindingMode === 'WaitForFirstConsumer' })
    if (volume !== undefined) return this.#bind(volume, claim)
    // Who selects among volumes wants one that somebody made: a class would keep it from all that have none.
    if (hasNoClass(claim) && claim.spec?.selector === undefined && (await this.#giveDefaultClass(claim))) return
    await this.#phase(claim, 'Pending')
    if (waits) await this.#tellWaiting(claim)
    else if (claimClass(claim) !== '') await this.#provision(claim, storage)
    else {
      this.#say(claim, 'Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set')
    }
  }

  async #giveDefaultClass(claim: PersistentVolumeClaim): Promise<boolean> {
    const storage = defaultClass(this.#classes.list().map(({ object }) => object as StorageClass))
    if (storage === undefined) return false
    const spec = { ...claim.spec, storageClassName: storage.metadata.name }
    await this.#context.client.update<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, { ...claim, spec })
    return true
  }

  async #tellWaiting(claim: PersistentVolumeClaim): Promise<void> {
    const pods = await this.#context.informer(PODS)
    pods.addIndex('claim', object => claimsOf(object as Pod).map(name => objectKey(object.metadata.namespace, name)))
    const users = pods.byIndex('claim', keyOf(claim)).map(({ object }) => object as Pod)
    const waiting = users.filter(pod => !isFinished(pod) && !pod.spec.nodeName).map(({ metadata }) => metadata.name)
    const who = `${waiting.length > 1 ? 'pods' : 'pod'} ${waiting.sort().join(',')}`
    if (waiting.length > 0) this.#say(claim, 'Normal', 'WaitForPodScheduled', `waiting for ${who} to be scheduled`)
    else this.#say(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')
  }

  async #claimByName(claim: PersistentVolumeClaim): Promise<void> {
    const name = claim.spec!.volumeName!
    const volume = this.#volume(name)
    if (volume === undefined) return this.#phase(claim, 'Pending')
    if (volume.spec?.claimRef === undefined) {
      const why = mismatch(volume, claim)
      if (why === undefined) return this.#bind(volume, claim)
      this.#say(claim, 'Warning', 'VolumeMismatch', `Cannot bind to requested volume ${JSON.stringify(name)}: ${why}`)
      return this.#phase(claim, 'Pending')
    }
    if (isBoundTo(volume, claim)) return this.#bind(volume, claim)
    this.#say(claim, 'Warning', 'FailedBinding', `volume ${JSON.stringify(name)} already bound to a different claim.`)
    await this.#phase(claim, 'Pending')
  }

  async #boundClaim(claim: PersistentVolumeClaim): Promise<void> {
    const name = claim.spec?.volumeName
    if (!name) return this.#lose(claim, 'ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!')
    const volume = this.#volume(name)
    if (volume === undefined)
      return this.#lose(claim, 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!')
    const reference = volume.spec?.claimRef
    if (reference === undefined || reference.uid === claim.metadata.uid) return this.#bind(volume, claim)
    await this.#lose(claim, 'ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly')
  }

  async #lose(claim: PersistentVolumeClaim, reason: string, message: string): Promise<void> {
    if (claim.status?.phase === 'Lost') return
    // What it had is gone.
    const without = { accessModes: undefined, capacity: undefined, currentVolumeAttributesClassName: undefined }
    await writeStatus(this.#context, PERSISTENT_VOLUME_CLAIMS, claim, { ...claim.status, ...without, phase: 'Lost' })
    this.#say(claim, 'Warning', reason, message)
  }

  async #phase(claim: PersistentVolumeClaim, phase: string): Promise<void> {
    if (claim.status?.phase === phase) return
    await writeStatus(this.#context, PERSISTENT_VOLUME_CLAIMS, claim, { ...claim.status, phase })
  }

  async #bind(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const { client } = this.#context
    const { namespace, name, uid, resourceVersion } = claim.metadata
    const reference = volume.spec?.claimRef
    let bound = volume
    if (reference?.uid !== uid || reference?.name !== name || reference.namespace !== namespace) {
      // A reservation by name was somebody else's idea: it stays when the claim goes.
      const annotations =
        reference === undefined ? { ...volume.metadata.annotations, [BOUND_BY_CONTROLLER]: 'yes' } : volume.metadata.annotations
      bound = await client.update<PersistentVolume>(PERSISTENT_VOLUMES, {
        ...volume,
        metadata: { ...volume.metadata, annotations },
        spec: { ...volume.spec, claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion } },
      })
    }
    await volumePhase(this.#context, bound, 'Bound')
    const annotations = {
      ...claim.metadata.annotations,
      ...(claim.spec?.volumeName ? {} : { [BOUND_BY_CONTROLLER]: 'yes' }),
      [BIND_COMPLETED]: 'yes',
    }
    let owner = claim
    if (claim.spec?.volumeName !== volume.metadata.name || !equal(annotations, claim.metadata.annotations)) {
      owner = await client.update<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, {
        ...claim,
        metadata: { ...claim.metadata, annotations },
        spec: { ...claim.spec, volumeName: volume.metadata.name },
      })
    }
    const capacity = { ...owner.status?.capacity, ...(owner.status?.capacity === undefined ? bound.spec?.capacity : {}) }
    await writeStatus(this.#context, PERSISTENT_VOLUME_CLAIMS, owner, {
      ...owner.status,
      phase: 'Bound',
      accessModes: bound.spec?.accessModes,
      capacity,
      currentVolumeAttributesClassName: bound.spec?.volumeAttributesClassName,
    })
  }

  async #provision(claim: PersistentVolumeClaim, storage: StorageClass | undefined): Promise<void> {
    const name = claimClass(claim)
    const { client } = this.#context
    if (storage === undefined) {
      this.#say(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io ${JSON.stringify(name)} not found`)
      return
    }
    const provisioner = provisionerOf(storage)
    if (provisioner === undefined) {
      this.#say(claim, 'Warning', 'ProvisioningFailed', `no volume plugin matched name: ${storage.provisioner}`)
      return
    }
    const annotations = { ...claim.metadata.annotations, [PROVISIONER]: provisioner, [BETA_PROVISIONER]: provisioner }
    if (!equal(annotations, claim.metadata.annotations)) {
      await client.update<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, { ...claim, metadata: { ...claim.metadata, annotations } })
    }
    this.#say(
      claim,
      'Normal',
      'ExternalProvisioning',
      `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    )
  }

  async volume(volume: PersistentVolume): Promise<Outcome | undefined> {
    const reference = volume.spec?.claimRef
    if (reference === undefined || !reference.uid) {
      const { status } = await volumePhase(this.#context, volume, 'Available')
      const now = this.#context.now()
      const offered = (parseTime(status?.lastPhaseTransitionTime ?? '') || 0) + RESERVATION_MS
      const reserved = reference === undefined ? [] : [objectKey(reference.namespace, reference.name ?? '')]
      if (offered > now) return { also: reserved, requeueAfter: (offered - now) / 1000 }
      return { also: [...reserved, ...this.waiting([volumeClass(volume)])] }
    }
    const claim = await this.#claimOf(volume)
    if (claim === undefined) return reclaim(volume, this.#context)
    if (claim.spec?.volumeName === volume.metadata.name) {
      if (isComplete(claim) && claim.metadata.deletionTimestamp === undefined) await volumePhase(this.#context, volume, 'Bound')
      return undefined
    }
    if (!claim.spec?.volumeName) {
      if (sameMode(volume, claim)) return { also: [keyOf(claim)] }
      this.#tellModes(volume, claim)
      return undefined
    }
    // It was made for this claim, which has another one: nobody else wants it.
    const { annotations } = volume.metadata
    if (annotations?.[PROVISIONED_BY] !== undefined && volume.spec?.persistentVolumeReclaimPolicy === 'Delete')
      return reclaim(volume, this.#context)
    return this.#unbind(volume)
  }

  #tellModes(volume: PersistentVolume, claim: PersistentVolumeClaim): void {
    const [name, other] = [JSON.stringify(volume.metadata.name), JSON.stringify(claim.metadata.name)]
    const why = 'due to incompatible volumeMode.'
    this.#say(volume, 'Warning', 'VolumeMismatch', `Cannot bind PersistentVolume to requested PersistentVolumeClaim ${other} ${why}`)
    this.#say(claim, 'Warning', 'VolumeMismatch', `Cannot bind PersistentVolume ${name} to requested PersistentVolumeClaim ${other} ${why}`)
  }

  /** The claim that the volume is bound to, as long as it is the same one. */
  async #claimOf(volume: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
    const { namespace, name = '', uid } = volume.spec!.claimRef!
    const known = this.#claims.get(objectKey(namespace, name))?.object as PersistentVolumeClaim | undefined
    if (known?.metadata.uid === uid) return known
    const now = await this.#context.client.get<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, namespace, name)
    return now?.metadata.uid === uid ? now : undefined
  }

  /** The claim found another volume: this one is free again, or reserved as it was. */
  async #unbind(volume: PersistentVolume): Promise<undefined> {
    const { claimRef, ...spec } = volume.spec!
    const ours = volume.metadata.annotations?.[BOUND_BY_CONTROLLER] !== undefined
    const { [BOUND_BY_CONTROLLER]: _, ...annotations } = volume.metadata.annotations ?? {}
    await this.#context.client.update<PersistentVolume>(PERSISTENT_VOLUMES, {
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: ours ? spec : { ...spec, claimRef: { ...claimRef, uid: undefined, resourceVersion: undefined } },
    })
  }
}
