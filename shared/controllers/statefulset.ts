// StatefulSets: pods with names of their own, that come and go in order, and keep their claims.
import type { ControllerRevision, StatefulSet } from '../api/apps/v1.ts'
import type { PersistentVolumeClaim, Pod } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import type { KubeObject, OwnerReference } from '../apimachinery/types.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import type { Informer } from '../store/types.ts'
import { CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS } from './collections.ts'
import { equal } from './equality.ts'
import { claim, controllerOf, controllerReference, unlessGone } from './owners.ts'
import { nextAvailable } from './pods.ts'
import { isNamespaceTerminating, messageOf } from './replicas.ts'
import { createRevision, newRevision, type Revised, revisionsOf, sameData, templateOf, truncateHistory } from './revisions.ts'
import { matches } from './selectors.ts'
import { claimName, claimsFor, isWanted, newPod, ordinalOf, POD_INDEX, POD_NAME, podName, REVISION } from './statefulset/identity.ts'
import { plan, type Step } from './statefulset/plan.ts'
import { statefulSetStatus } from './statefulset/status.ts'
import { writeStatus } from './status.ts'
import { requeueAt } from './time.ts'
import { type Controller, type ControllerContext, type Outcome, told } from './types.ts'
import { keyOf, own, owned, splitName } from './watches.ts'

const HASH_LABEL = 'controller.kubernetes.io/hash'

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const sets = await context.informer(STATEFUL_SETS)
  const target = splitName(name)
  if (target.about === 'pod') {
    const pod = (await context.informer(PODS)).get(objectKey(namespace, target.name))?.object as Pod | undefined
    if (pod === undefined || controllerOf(pod) !== undefined) return undefined
    const fitting = sets.list(`${namespace}/`).filter(({ object }) => fits(object as StatefulSet, pod))
    return { also: fitting.map(({ object }) => keyOf(object)) }
  }
  const set = sets.get(key)?.object as StatefulSet | undefined
  if (set?.spec === undefined) return undefined
  return new Sync(set, context, await context.informer(PERSISTENT_VOLUME_CLAIMS)).run()
}

const fits = (set: StatefulSet, pod: Pod): boolean => matches(set.spec?.selector, pod.metadata.labels) && ordinalOf(set, pod) !== undefined

export const statefulSetController: Controller = {
  name: 'statefulset',
  watches: [own(STATEFUL_SETS), owned(PODS, { group: 'apps', kind: 'StatefulSet' }, 'pod')],
  reconcile,
}

interface History {
  readonly current: ControllerRevision
  readonly update: ControllerRevision
  readonly collisions: number
  readonly all: readonly ControllerRevision[]
}

class Sync {
  readonly #set: StatefulSet
  readonly #context: ControllerContext
  readonly #claims: Informer

  constructor(set: StatefulSet, context: ControllerContext, claims: Informer) {
    this.#set = set
    this.#context = context
    this.#claims = claims
  }

  async run(): Promise<Outcome | undefined> {
    const { client, informer, now } = this.#context
    const set = this.#set
    const history = await this.#history()
    const pods = await claim<Pod>(client, PODS, await informer(PODS), { object: set, resource: STATEFUL_SETS }, pod => fits(set, pod), {
      selector: set.spec?.selector,
    })
    const revisions = { current: history.current.metadata.name, update: history.update.metadata.name }
    const status = statefulSetStatus(set, pods, revisions, history.collisions, now())
    // What is current must be on record before anything is made of it: a template that changes in between must not be taken for it.
    if (set.status?.currentRevision !== status.currentRevision) await writeStatus(this.#context, STATEFUL_SETS, set, status)

    let failure: unknown
    let changed = false
    if (set.metadata.deletionTimestamp === undefined) {
      const steps = plan({
        set,
        pods,
        revisions,
        now: now(),
        claimsMatch: (ordinal, pod) => this.#claimsMatch(ordinal, pod),
        claimsAreStale: ordinal => this.#claimsAreStale(ordinal),
      })
      for (const step of steps) {
        try {
          if (await this.#take(step, history)) changed = true
        } catch (error) {
          failure = error
          break
        }
      }
    }
    // Pods that came or went bring this key back, with a view that shows them.
    if (failure === undefined && changed) return undefined
    if (set.status?.currentRevision === status.currentRevision) await writeStatus(this.#context, STATEFUL_SETS, set, status)
    if (failure !== undefined) throw failure
    const live = new Set([revisions.current, revisions.update, ...pods.map(pod => pod.metadata.labels?.[REVISION] ?? '')])
    await truncateHistory(client, history.all, live, set.spec?.revisionHistoryLimit ?? 10)
    return requeueAt(nextAvailable(pods, set.spec?.minReadySeconds ?? 0, now()), now())
  }

  /** The revision of the current template, made or taken up again, and the one that pods are of. */
  async #history(): Promise<History> {
    const { client, informer } = this.#context
    const set = this.#set as Revised
    const all = await revisionsOf(client, await informer(CONTROLLER_REVISIONS), set)
    const last = all.at(-1)
    const next = (last?.revision ?? 0) + 1
    const wanted = newRevision(set, next, 0, HASH_LABEL)
    const known = all.findLast(revision => sameData(revision, wanted))
    let collisions = set.status?.collisionCount ?? 0
    let update: ControllerRevision
    if (known === undefined) {
      const made = await createRevision(client, set, next, HASH_LABEL)
      update = made.revision
      collisions = made.collisions
    } else if (known === last) update = known
    else update = await client.update<ControllerRevision>(CONTROLLER_REVISIONS, { ...known, revision: next })
    const current = all.find(({ metadata }) => metadata.name === this.#set.status?.currentRevision) ?? update
    return { current, update, collisions, all: [...all.filter(({ metadata }) => metadata.name !== update.metadata.name), update] }
  }

  /** Answers whether pods changed. */
  async #take(step: Step, history: History): Promise<boolean> {
    switch (step.do) {
      case 'claims':
        await this.#createClaims(step.ordinal)
        return false
      case 'delete':
        await this.#delete(step.pod)
        return true
      case 'repair':
        return this.#repair(step.pod, step.ordinal)
      case 'create': {
        const revision = step.current ? history.current : history.update
        return this.#create(newPod(this.#set, templateOf(revision), revision.metadata.name, step.ordinal), step.ordinal)
      }
    }
  }

  async #create(pod: Pod, ordinal: number): Promise<boolean> {
    const set = this.#set
    const { name } = pod.metadata
    try {
      await this.#createClaims(ordinal)
      await this.#context.client.create<Pod>(PODS, pod)
    } catch (error) {
      // Somebody else's pod has the name: there is nothing to say until it goes.
      if (isStatus(error, 'AlreadyExists') || isNamespaceTerminating(error)) return false
      this.#say('Warning', 'FailedCreate', `Create Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${messageOf(error)}`)
      told.add(error as object)
      throw error
    }
    this.#say('Normal', 'SuccessfulCreate', `Create Pod ${name} in StatefulSet ${set.metadata.name} successful`)
    return true
  }

  async #delete({ metadata }: Pod): Promise<void> {
    const set = this.#set.metadata.name
    try {
      await this.#context.client.delete(PODS, metadata.namespace, metadata.name, { preconditions: { uid: metadata.uid } })
    } catch (error) {
      if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict')) return
      this.#say('Warning', 'FailedDelete', `Delete Pod ${metadata.name} in StatefulSet ${set} failed error: ${messageOf(error)}`)
      throw error
    }
    this.#say('Normal', 'SuccessfulDelete', `Delete Pod ${metadata.name} in StatefulSet ${set} successful`)
  }

  async #repair(pod: Pod, ordinal: number): Promise<boolean> {
    for (const claim of this.#existingClaims(ordinal)) {
      const ownerReferences = this.#wantedOwners(claim, ordinal, pod)
      if (equal(ownerReferences, claim.metadata.ownerReferences ?? [])) continue
      await unlessGone(() =>
        this.#context.client.update(PERSISTENT_VOLUME_CLAIMS, { ...claim, metadata: { ...claim.metadata, ownerReferences } }),
      )
    }
    const labels = { ...pod.metadata.labels, [POD_NAME]: pod.metadata.name, [POD_INDEX]: String(ordinal) }
    if (equal(labels, pod.metadata.labels)) return false
    await unlessGone(() => this.#context.client.update<Pod>(PODS, { ...pod, metadata: { ...pod.metadata, labels } }))
    return true
  }

  async #createClaims(ordinal: number): Promise<void> {
    const { client } = this.#context
    for (const wanted of claimsFor(this.#set, ordinal)) {
      const { namespace, name } = wanted.metadata
      const there = this.#claims.get(objectKey(namespace, name))?.object
      if (there?.metadata.deletionTimestamp !== undefined) throw new Error(`pvc ${name} is being deleted`)
      if (there !== undefined) continue
      const pod = podName(this.#set, ordinal)
      const set = this.#set.metadata.name
      const ownerReferences = this.#wantedOwners(wanted, ordinal, undefined)
      try {
        const metadata = ownerReferences.length === 0 ? wanted.metadata : { ...wanted.metadata, ownerReferences }
        await client.create<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS, { ...wanted, metadata })
        this.#say('Normal', 'SuccessfulCreate', `Create Claim ${name} Pod ${pod} in StatefulSet ${set} success`)
      } catch (error) {
        if (isStatus(error, 'AlreadyExists')) continue
        this.#say('Warning', 'FailedCreate', `Create Claim ${name} for Pod ${pod} in StatefulSet ${set} failed error: ${messageOf(error)}`)
        throw error
      }
    }
  }

  #existingClaims(ordinal: number): PersistentVolumeClaim[] {
    const { namespace } = this.#set.metadata
    return (this.#set.spec?.volumeClaimTemplates ?? [])
      .map(template => this.#claims.get(objectKey(namespace, claimName(this.#set, template, ordinal)))?.object)
      .filter(object => object !== undefined) as PersistentVolumeClaim[]
  }

  #claimsMatch(ordinal: number, pod: Pod): boolean {
    return this.#existingClaims(ordinal).every(claim =>
      equal(this.#wantedOwners(claim, ordinal, pod), claim.metadata.ownerReferences ?? []),
    )
  }

  /** A claim that is owned by an earlier pod of the name will be collected with it. */
  #claimsAreStale(ordinal: number): boolean {
    const name = podName(this.#set, ordinal)
    return this.#existingClaims(ordinal).some(({ metadata }) =>
      metadata.ownerReferences?.some(({ kind, name: owner }) => kind === 'Pod' && owner === name),
    )
  }

  /** Nobody's unless the retention policy says so; then the set's, or the pod's when that is one too many. */
  #wantedOwners(claim: PersistentVolumeClaim, ordinal: number, pod: Pod | undefined): OwnerReference[] {
    const { whenDeleted = 'Retain', whenScaled = 'Retain' } = this.#set.spec?.persistentVolumeClaimRetentionPolicy ?? {}
    const isOurs = ({ kind, uid, name }: OwnerReference) =>
      uid === this.#set.metadata.uid || (kind === 'Pod' && name === podName(this.#set, ordinal))
    const others = (claim.metadata.ownerReferences ?? []).filter(reference => !isOurs(reference))
    if (whenScaled === 'Delete' && pod !== undefined && !isWanted(this.#set, ordinal)) {
      return [...others, controllerReference({ ...pod, apiVersion: 'v1', kind: 'Pod' } as KubeObject)]
    }
    return whenDeleted === 'Delete' ? [...others, controllerReference(this.#set)] : others
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    void this.#context.events.event(this.#set, type, reason, message)
  }
}
