// Deployments: one ReplicaSet for each template, and the way from one to the next.
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../api/apps/v1.ts'
import type { Pod } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { DEPLOYMENTS, PODS, REPLICA_SETS } from './collections.ts'
import { findCondition, withCondition } from './conditions.ts'
import { historyLimit, isRolling, progressDeadline, replicasOf } from './deployment/limits.ts'
import {
  beyondHistory,
  findNew,
  newReplicaSet,
  newSetAnnotations,
  nextRevision,
  REVISION,
  revisionOf,
  sizeAnnotations,
} from './deployment/revisions.ts'
import { rollBack, rollbackRevision } from './deployment/rollback.ts'
import { isScaling, newSetSize, type PodCounts, rollingStep, type Sizes, scaleSizes, sizeOf } from './deployment/scaling.ts'
import { condition, countedStatus, deadlineOf, isComplete, pausedConditions, rolloutStatus } from './deployment/status.ts'
import { equal } from './equality.ts'
import { claim, controlledBy, controllerOf, isControlledBy } from './owners.ts'
import { isActive, isAvailable, isFinished, sameTemplate } from './pods.ts'
import { isNamespaceTerminating, messageOf } from './replicas.ts'
import { isEmptySelector, matches } from './selectors.ts'
import { compact } from './status.ts'
import { requeueAt } from './time.ts'
import { type Controller, type ControllerContext, type Outcome, told } from './types.ts'
import { keyOf, own, owned, splitName } from './watches.ts'

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const deployments = await context.informer(DEPLOYMENTS)
  const target = splitName(name)
  if (target.about === 'replicaset') {
    const set = (await context.informer(REPLICA_SETS)).get(objectKey(namespace, target.name))?.object
    if (set === undefined || controllerOf(set) !== undefined) return undefined
    for (const { object } of deployments.list(`${namespace}/`)) {
      if (matches((object as Deployment).spec.selector, set.metadata.labels)) return { also: [keyOf(object)] }
    }
    return undefined
  }
  const deployment = deployments.get(key)?.object as Deployment | undefined
  return deployment === undefined ? undefined : new Sync(deployment, context).run()
}

export const deploymentController: Controller = {
  name: 'deployment',
  watches: [own(DEPLOYMENTS), owned(REPLICA_SETS, { group: 'apps', kind: 'Deployment' }, 'replicaset')],
  reconcile,
}

/** The ReplicaSets of a Deployment: the one with its template, if there is one, and the others. */
interface Sets {
  readonly fresh: ReplicaSet | undefined
  readonly old: readonly ReplicaSet[]
}

const allOf = ({ fresh, old }: Sets): ReplicaSet[] => (fresh === undefined ? [...old] : [...old, fresh])

/** One reconcile of one Deployment. `#deployment` becomes what it shall be; it is written once, at the end. */
class Sync {
  readonly #stored: Deployment
  readonly #context: ControllerContext
  #deployment: Deployment

  constructor(deployment: Deployment, context: ControllerContext) {
    this.#stored = deployment
    this.#deployment = deployment
    this.#context = context
  }

  async run(): Promise<Outcome | undefined> {
    const { client, events } = this.#context
    const { spec, metadata, status } = this.#deployment
    if (isEmptySelector(spec.selector)) {
      void events.event(this.#stored, 'Warning', 'SelectingAll', 'This deployment is selecting all pods. A non-empty selector is required.')
      return this.#write({ ...status, observedGeneration: metadata.generation })
    }
    const informer = await this.#context.informer(REPLICA_SETS)
    const sets = await claim<ReplicaSet>(
      client,
      REPLICA_SETS,
      informer,
      { object: this.#stored, resource: DEPLOYMENTS },
      set => matches(spec.selector, set.metadata.labels),
      { selector: spec.selector },
    )
    if (metadata.deletionTimestamp !== undefined) return this.#tell(this.#split(sets))

    this.#setConditions(pausedConditions(this.#deployment, this.#context.now()))
    const wanted = rollbackRevision(this.#deployment)
    if (!spec.paused && wanted !== undefined) return rollBack(this.#deployment, wanted, sets, this.#context)
    if (spec.paused || isScaling(this.#deployment, sets)) return this.#rescale(await this.#existing(sets))
    return isRolling(this.#deployment) ? this.#roll(sets) : this.#recreate(sets)
  }

  async #rescale(sets: Sets): Promise<Outcome | undefined> {
    const sized = await this.#scale(sets, scaleSizes(this.#deployment, sets.fresh, sets.old))
    if (this.#deployment.spec.paused && rollbackRevision(this.#deployment) === undefined) await this.#cleanUp(sized.old)
    return this.#tell(sized)
  }

  async #roll(all: readonly ReplicaSet[]): Promise<Outcome | undefined> {
    const sets = await this.#existingOrNew(all)
    if (sets === undefined) return undefined
    const steps = rollingStep(this.#deployment, sets.fresh!, sets.old, await this.#podCounts())
    if (steps.length === 0) await this.#cleanUpWhenComplete(sets.old)
    return this.#tellRollout(await this.#scale(sets, steps))
  }

  async #recreate(all: readonly ReplicaSet[]): Promise<Outcome | undefined> {
    const before = await this.#existing(all)
    const down: Sizes = before.old.filter(set => sizeOf(set) > 0).map(set => [set, 0])
    if (down.length > 0) return this.#tellRollout(await this.#scale(before, down))
    if (await this.#oldPodsLeft(before.old)) return this.#tellRollout(before)
    const sets = await this.#existingOrNew(all)
    if (sets === undefined) return undefined
    const wanted = replicasOf(this.#deployment)
    const sized = await this.#scale(sets, sizeOf(sets.fresh!) === wanted ? [] : [[sets.fresh!, wanted]])
    await this.#cleanUpWhenComplete(sized.old)
    return this.#tellRollout(sized)
  }

  async #podCounts(): Promise<PodCounts> {
    const pods = await this.#context.informer(PODS)
    const activeOf = (set: ReplicaSet) => controlledBy<Pod>(pods, set.metadata.uid!).filter(isActive)
    const now = this.#context.now()
    return {
      active: set => activeOf(set).length,
      available: set => activeOf(set).filter(pod => isAvailable(pod, set.spec.minReadySeconds ?? 0, now)).length,
    }
  }

  /** Old pods that have not ended: a terminating one still runs beside the new ones. */
  async #oldPodsLeft(old: readonly ReplicaSet[]): Promise<boolean> {
    if (old.some(set => (set.status?.replicas ?? 0) > 0)) return true
    const pods = await this.#context.informer(PODS)
    return old.some(set => controlledBy<Pod>(pods, set.metadata.uid!).some(pod => !isFinished(pod)))
  }

  #split(all: readonly ReplicaSet[]): Sets {
    const fresh = findNew(this.#deployment, all)
    return { fresh, old: all.filter(set => set !== fresh) }
  }

  /** The new ReplicaSet, if it exists, with the annotations it should have; the Deployment takes its revision. */
  async #existing(all: readonly ReplicaSet[]): Promise<Sets> {
    const { fresh, old } = this.#split(all)
    if (fresh === undefined) return { fresh, old }
    const annotations = newSetAnnotations(this.#deployment, fresh.metadata.annotations, nextRevision(old))
    const { minReadySeconds } = this.#deployment.spec
    if (!equal(annotations, fresh.metadata.annotations ?? {}) || (minReadySeconds ?? 0) !== (fresh.spec.minReadySeconds ?? 0)) {
      const updated = await this.#context.client.update<ReplicaSet>(REPLICA_SETS, {
        ...fresh,
        metadata: { ...fresh.metadata, annotations },
        spec: { ...fresh.spec, minReadySeconds: minReadySeconds ?? 0 },
      })
      this.#takeRevision(updated)
      return { fresh: updated, old }
    }
    this.#takeRevision(fresh)
    return { fresh, old }
  }

  #takeRevision(fresh: ReplicaSet): void {
    const revision = String(revisionOf(fresh))
    const { metadata } = this.#deployment
    if (metadata.annotations?.[REVISION] !== revision) {
      this.#deployment = { ...this.#deployment, metadata: { ...metadata, annotations: { ...metadata.annotations, [REVISION]: revision } } }
    }
  }

  /** Undefined when there can be none now: why is written to the status. */
  async #existingOrNew(all: readonly ReplicaSet[]): Promise<Sets | undefined> {
    const sets = await this.#existing(all)
    if (sets.fresh !== undefined) {
      this.#announce('FoundNewReplicaSet', `Found new replica set ${JSON.stringify(sets.fresh.metadata.name)}`, false)
      return sets
    }
    const wanted = newReplicaSet(
      this.#deployment,
      newSetSize(this.#deployment, sets.old, 0, await this.#podCounts()),
      nextRevision(sets.old),
    )
    const fresh = await this.#create(wanted)
    if (fresh === undefined) return undefined
    this.#takeRevision(fresh)
    this.#announce('NewReplicaSetCreated', `Created new replica set ${JSON.stringify(fresh.metadata.name)}`, true)
    return { ...sets, fresh }
  }

  async #create(wanted: ReplicaSet): Promise<ReplicaSet | undefined> {
    const { client, events, now } = this.#context
    const { namespace, name } = wanted.metadata
    try {
      const created = await client.create<ReplicaSet>(REPLICA_SETS, wanted)
      const size = sizeOf(wanted)
      if (size > 0) void events.event(this.#stored, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${name} from 0 to ${size}`)
      return created
    } catch (error) {
      if (isStatus(error, 'AlreadyExists')) {
        const taken = await client.get<ReplicaSet>(REPLICA_SETS, namespace, name!)
        // An earlier attempt whose answer was lost.
        if (taken !== undefined && isControlledBy(taken, this.#stored) && sameTemplate(taken.spec.template!, wanted.spec.template!))
          return taken
        // Somebody else's: another hash next time, which the write below brings about.
        const { status } = this.#deployment
        await this.#write({ ...status, collisionCount: (status?.collisionCount ?? 0) + 1 })
        return undefined
      }
      if (isNamespaceTerminating(error)) return undefined
      const message = `Failed to create new replica set ${JSON.stringify(name)}: ${messageOf(error)}`
      void events.event(this.#stored, 'Warning', 'ReplicaSetCreateError', message)
      if (progressDeadline(this.#deployment) !== undefined) {
        this.#setConditions(
          withCondition(this.#deployment.status?.conditions, condition('Progressing', 'False', 'ReplicaSetCreateError', message, now())),
        )
        await this.#write(this.#deployment.status)
      }
      told.add(error as object)
      throw error
    }
  }

  #announce(reason: string, message: string, always: boolean): void {
    const conditions = this.#deployment.status?.conditions
    if (progressDeadline(this.#deployment) === undefined) return
    if (!always && findCondition(conditions, 'Progressing') !== undefined) return
    this.#setConditions(withCondition(conditions, condition('Progressing', 'True', reason, message, this.#context.now())))
  }

  #setConditions(conditions: readonly DeploymentCondition[] | undefined): void {
    if (conditions === this.#deployment.status?.conditions) return
    this.#deployment = {
      ...this.#deployment,
      status: { ...this.#deployment.status, conditions: conditions === undefined ? undefined : [...conditions] },
    }
  }

  /** Brings ReplicaSets to their sizes and answers them as they are then. */
  async #scale({ fresh, old }: Sets, sizes: Sizes): Promise<Sets> {
    const resized = new Map<ReplicaSet, ReplicaSet>()
    const now = (set: ReplicaSet) => resized.get(set) ?? set
    for (const [set, size] of sizes) resized.set(set, await this.#resize(now(set), size))
    return { fresh: fresh === undefined ? undefined : now(fresh), old: old.map(now) }
  }

  async #resize(set: ReplicaSet, size: number): Promise<ReplicaSet> {
    const { client, events } = this.#context
    const before = sizeOf(set)
    const annotations = { ...set.metadata.annotations, ...sizeAnnotations(this.#deployment) }
    if (before === size && equal(annotations, set.metadata.annotations)) return set
    const updated = await client.update<ReplicaSet>(REPLICA_SETS, {
      ...set,
      metadata: { ...set.metadata, annotations },
      spec: { ...set.spec, replicas: size },
    })
    if (before !== size) {
      const message = `Scaled ${size > before ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${size}`
      void events.event(this.#stored, 'Normal', 'ScalingReplicaSet', message)
    }
    return updated
  }

  async #cleanUpWhenComplete(old: readonly ReplicaSet[]): Promise<void> {
    if (isComplete(this.#deployment, this.#deployment.status)) await this.#cleanUp(old)
  }

  async #cleanUp(old: readonly ReplicaSet[]): Promise<void> {
    const limit = historyLimit(this.#deployment)
    if (limit === undefined) return
    for (const { metadata } of beyondHistory(old, limit)) {
      await this.#context.client.delete(REPLICA_SETS, metadata.namespace, metadata.name, {
        propagationPolicy: 'Background',
        preconditions: { uid: metadata.uid },
      })
    }
  }

  #tell(sets: Sets): Promise<Outcome | undefined> {
    return this.#write(countedStatus(this.#deployment, allOf(sets), sets.fresh, this.#context.now()))
  }

  #tellRollout(sets: Sets): Promise<Outcome | undefined> {
    return this.#write(rolloutStatus(this.#deployment, allOf(sets), sets.fresh, this.#context.now()))
  }

  /** The revision is an annotation, but travels with the status: one write for both. */
  async #write(status: DeploymentStatus | undefined): Promise<Outcome | undefined> {
    const { client, now } = this.#context
    const { annotations } = this.#deployment.metadata
    if (!equal(status, this.#stored.status) || !equal(annotations, this.#stored.metadata.annotations)) {
      await client.updateStatus<Deployment>(DEPLOYMENTS, { ...this.#deployment, status: compact(status ?? {}) })
    }
    return status === undefined ? undefined : requeueAt(deadlineOf(this.#deployment, status), now())
  }
}
