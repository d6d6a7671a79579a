// StatefulSets: pods with names of their own, that come and go in order, and keep their claims.
import type { ControllerRevision, StatefulSet } from '../api/apps/v1.ts'
import type { Pod } from '../api/core/v1.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { inTurn, slowStart } from './bursts.ts'
import { CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS } from './collections.ts'
import { claim, controllerOf } from './owners.ts'
import { nextAvailable } from './pods.ts'
import { createRevision, deleteOldest, newRevision, type Revised, revisionsOf, sameData, templateOf } from './revisions.ts'
import { matches } from './selectors.ts'
import { newPod, ordinalOf, parseName, REVISION } from './statefulset/identity.ts'
import { isOrdered, type Phase, plan, type Step } from './statefulset/plan.ts'
import { PodControl } from './statefulset/pod-control.ts'
import { statefulSetStatus } from './statefulset/status.ts'
import { writeStatus } from './status.ts'
import { earliest, requeueAt } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
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
  return new Sync(set, context, new PodControl(set, context, await context.informer(PERSISTENT_VOLUME_CLAIMS))).run()
}

const fits = (set: StatefulSet, pod: Pod): boolean => matches(set.spec?.selector, pod.metadata.labels) && ordinalOf(set, pod) !== undefined

const podsOfSets = owned(PODS, { group: 'apps', kind: 'StatefulSet' }, 'pod')

export const statefulSetController: Controller = {
  name: 'statefulset',
  watches: [
    own(STATEFUL_SETS),
    {
      resource: PODS,
      keys(change) {
        const keys = new Set(podsOfSets.keys(change))
        // Whosever the pod was: a set may have waited for its name.
        const name = change.type === 'deleted' ? parseName(change.object.metadata.name) : undefined
        if (name !== undefined) keys.add(objectKey(change.object.metadata.namespace, name.set))
        return keys
      },
    },
  ],
  reconcile,
}

interface History {
  readonly current: ControllerRevision
  readonly update: ControllerRevision
  readonly collisions: number
  readonly all: readonly ControllerRevision[]
}

/** A claim that will go with an earlier pod is looked at again after two seconds: nothing of the set changes when it is gone. */
const STALE_MS = 2_000

class Sync {
  readonly #set: StatefulSet
  readonly #context: ControllerContext
  readonly #control: PodControl

  constructor(set: StatefulSet, context: ControllerContext, control: PodControl) {
    this.#set = set
    this.#context = context
    this.#control = control
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

    let stale: number | undefined
    const phases =
      set.metadata.deletionTimestamp !== undefined
        ? []
        : plan({
            set,
            pods,
            revisions,
            now: now(),
            claimsMatch: (ordinal, pod) => this.#control.claimsMatch(ordinal, pod),
            claimsAreStale: ordinal => {
              const isStale = this.#control.claimsAreStale(ordinal)
              if (isStale) stale = now() + STALE_MS
              return isStale
            },
          })
    const { changed, failure } = await this.#carryOut(phases, history)
    // Pods that came or went bring this key back, with a view that shows them.
    if (failure === undefined && changed) return requeueAt(stale, now())
    if (set.status?.currentRevision === status.currentRevision) await writeStatus(this.#context, STATEFUL_SETS, set, status)
    if (failure !== undefined) throw failure
    const live = new Set([revisions.current, revisions.update, ...pods.map(pod => pod.metadata.labels?.[REVISION] ?? '')])
    const idle = history.all.filter(({ metadata }) => !live.has(metadata.name)).length
    await deleteOldest(client, history.all, live, idle - (set.spec?.revisionHistoryLimit ?? 10))
    return requeueAt(earliest(stale, nextAvailable(pods, set.spec?.minReadySeconds ?? 0, now())), now())
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

  async #carryOut(phases: readonly Phase[], history: History): Promise<{ readonly changed: boolean; readonly failure?: unknown }> {
    const together = isOrdered(this.#set) ? inTurn : slowStart
    let changed = false
    for (const phase of phases) {
      const { error } = await together(phase.length, async i => {
        for (const step of phase[i]!) if (await this.#take(step, history)) changed = true
      })
      if (error !== undefined) return { changed, failure: error }
    }
    return { changed }
  }

  /** Answers whether pods changed. */
  async #take(step: Step, history: History): Promise<boolean> {
    switch (step.do) {
      case 'claims':
        await this.#control.provide(step.pod, step.ordinal)
        return false
      case 'leave':
        await this.#control.own(step.pod, step.ordinal)
        return false
      case 'delete':
        await this.#control.delete(step.pod)
        return true
      case 'repair':
        return this.#control.repair(step.pod, step.ordinal)
      case 'create': {
        const revision = step.current ? history.current : history.update
        return this.#control.create(newPod(this.#set, templateOf(revision), revision.metadata.name, step.ordinal), step.ordinal)
      }
    }
  }
}
