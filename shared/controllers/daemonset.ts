// DaemonSets: one pod on every node that fits.
import type { ControllerRevision, DaemonSet } from '../api/apps/v1.ts'
import type { Node, Pod } from '../api/core/v1.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { all, BURST, slowStart } from './bursts.ts'
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from './collections.ts'
import { daemonPod, eligibility, REVISION, targetNode } from './daemonset/placement.ts'
import { byTarget, type DaemonPlan, type DaemonView, daemonSetStatus, manage, roll } from './daemonset/plan.ts'
import { equal } from './equality.ts'
import { claim, controlledBy, controllerOf, unlessGone } from './owners.ts'
import { nextAvailable } from './pods.ts'
import { createPod, deletePod, isNamespaceTerminating } from './replicas.ts'
import { createRevision, deleteOldest, newRevision, revisionsOf, sameData } from './revisions.ts'
import { isEmptySelector, matches } from './selectors.ts'
import { writeStatus } from './status.ts'
import { earliest, requeueAt } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { keyOf, own, owned, splitName } from './watches.ts'

const HASH_LABEL = 'controller-revision-hash'

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { namespace, name } = splitKey(key)
  const sets = await context.informer(DAEMON_SETS)
  const target = splitName(name)
  if (target.about === 'node') return concerned(target.name, context)
  if (target.about === 'pod' || target.about === 'revision') {
    const orphans = await context.informer(target.about === 'pod' ? PODS : CONTROLLER_REVISIONS)
    const orphan = orphans.get(objectKey(namespace, target.name))?.object
    if (orphan === undefined || controllerOf(orphan) !== undefined) return undefined
    const fitting = sets.list(`${namespace}/`).filter(({ object }) => matches((object as DaemonSet).spec.selector, orphan.metadata.labels))
    return { also: fitting.map(({ object }) => keyOf(object)) }
  }
  const set = sets.get(key)?.object as DaemonSet | undefined
  if (set === undefined) return undefined
  if (isEmptySelector(set.spec.selector)) {
    void context.events.event(set, 'Warning', 'SelectingAll', 'This daemon set is selecting all pods. A non-empty selector is required.')
    return undefined
  }
  return set.metadata.deletionTimestamp === undefined ? new Sync(set, context).run() : undefined
}

/** The DaemonSets that have something to do on a node since it changed. */
async function concerned(name: string, { informer }: ControllerContext): Promise<Outcome> {
  const node = (await informer(NODES)).get(objectKey(undefined, name))?.object as Node | undefined
  const pods = await informer(PODS)
  const also: string[] = []
  for (const { object } of (await informer(DAEMON_SETS)).list()) {
    const set = object as DaemonSet
    const scheduled = controlledBy<Pod>(pods, set.metadata.uid!).some(pod => targetNode(pod) === name)
    const { shouldRun, mayStay } = node === undefined ? { shouldRun: false, mayStay: false } : eligibility(set, node)
    // With misplaced pods this may have been the node of one: it is counted anew.
    if (scheduled ? !mayStay || (set.status?.numberMisscheduled ?? 0) > 0 : shouldRun) also.push(keyOf(set))
  }
  return { also }
}

const KIND = { group: 'apps', kind: 'DaemonSet' }
const revisionsOfSets = owned(CONTROLLER_REVISIONS, KIND, 'revision')

export const daemonSetController: Controller = {
  name: 'daemonset',
  watches: [
    own(DAEMON_SETS),
    owned(PODS, KIND, 'pod'),
    {
      resource: CONTROLLER_REVISIONS,
      // One that is taken away is made again, one that is changed looked at; a new one that is owned is our own, or a copy: upstream waits.
      keys: change => (change.type === 'created' && controllerOf(change.object) !== undefined ? [] : revisionsOfSets.keys(change)),
    },
    {
      resource: NODES,
      keys({ type, object, previous }) {
        const node = object as Node
        const before = previous as Node | undefined
        const same =
          type === 'updated' && equal(before?.metadata.labels, node.metadata.labels) && equal(before?.spec?.taints, node.spec?.taints)
        return same ? [] : [objectKey(undefined, `node:${node.metadata.name}`)]
      },
    },
  ],
  reconcile,
}

/** Pods that fail at once are not replaced at once: 1 s, doubled to 15 min, for each node and template. */
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 900_000
interface Failures {
  wait: number
  at: number
}
/** What this environment has seen fail. Forgetting costs one replacement too early. */
const failures = new Map<string, Failures>()
const MOST_FAILURES = 10_000

class Sync {
  readonly #set: DaemonSet
  readonly #context: ControllerContext

  constructor(set: DaemonSet, context: ControllerContext) {
    this.#set = set
    this.#context = context
  }

  async run(): Promise<Outcome | undefined> {
    const { client, informer, now } = this.#context
    const set = this.#set
    const { current, revisions, collisions } = await this.#history()
    const pods = await claim<Pod>(
      client,
      PODS,
      await informer(PODS),
      { object: set, resource: DAEMON_SETS },
      pod => matches(set.spec.selector, pod.metadata.labels),
      { selector: set.spec.selector },
    )
    const view: DaemonView = {
      set,
      nodes: (await informer(NODES)).list().map(({ object }) => object as Node),
      byNode: byTarget(pods),
      hash: current.metadata.labels![HASH_LABEL]!,
      now: now(),
    }
    const { plan, retry } = this.#patient(manage(view))
    let { changed, error } = await this.#carryOut(plan, view)
    // The next step of a rollout is thought about when the last one shows.
    if (!changed && error === undefined && set.spec.updateStrategy?.type !== 'OnDelete') {
      const step = await this.#carryOut(roll(view), view)
      changed = step.changed
      error = step.error
    }
    if (changed && error === undefined) return requeueAt(retry, now())
    await writeStatus(this.#context, DAEMON_SETS, set, {
      ...daemonSetStatus(view),
      collisionCount: collisions === 0 ? set.status?.collisionCount : collisions,
    })
    if (error !== undefined) throw error
    const live = new Set([current.metadata.name])
    const used = new Set(pods.map(pod => pod.metadata.labels?.[REVISION]))
    for (const { metadata } of revisions) if (used.has(metadata.labels?.[HASH_LABEL])) live.add(metadata.name)
    // All but the current one count, those in use included (which StatefulSets do not count).
    await deleteOldest(client, revisions, live, revisions.length - 1 - (set.spec.revisionHistoryLimit ?? 10))
    return requeueAt(earliest(retry, nextAvailable(pods, set.spec.minReadySeconds ?? 0, now())), now())
  }

  /** The revision of the current template: made, or one from before with the highest number. */
  async #history(): Promise<{
    readonly current: ControllerRevision
    readonly revisions: readonly ControllerRevision[]
    readonly collisions: number
  }> {
    const { client, informer } = this.#context
    const set = this.#set
    const revisions: ControllerRevision[] = []
    for (const revision of await revisionsOf(client, await informer(CONTROLLER_REVISIONS), set, true)) {
      revisions.push(await this.#labelled(revision))
    }
    const wanted = newRevision(set, 0, 0, HASH_LABEL)
    const same = revisions.filter(revision => sameData(revision, wanted))
    const known = same.pop()
    const collisions = set.status?.collisionCount ?? 0
    const old = revisions.filter(revision => revision !== known && !same.includes(revision))
    const number = (old.at(-1)?.revision ?? 0) + 1
    if (known === undefined) {
      const made = await createRevision(client, set, number, HASH_LABEL)
      return { current: made.revision, revisions: [...old, made.revision], collisions: made.collisions }
    }
    for (const duplicate of same) await this.#replace(duplicate, known)
    if (known.revision >= number) return { current: known, revisions: [...old, known], collisions }
    const current = await client.update<ControllerRevision>(CONTROLLER_REVISIONS, { ...known, revision: number })
    return { current, revisions: [...old, current], collisions }
  }

  /** A revision that somebody else made may lack the label by which pods name it: its own name will do. */
  async #labelled(revision: ControllerRevision): Promise<ControllerRevision> {
    const { labels, name } = revision.metadata
    if (labels?.[HASH_LABEL] !== undefined) return revision
    const metadata = { ...revision.metadata, labels: { ...labels, [HASH_LABEL]: name } }
    return this.#context.client.update<ControllerRevision>(CONTROLLER_REVISIONS, { ...revision, metadata })
  }

  /** Of two revisions with one template one stays, and the pods of the other become its own. */
  async #replace(duplicate: ControllerRevision, by: ControllerRevision): Promise<void> {
    const { client, informer } = this.#context
    const hash = by.metadata.labels![HASH_LABEL]!
    for (const pod of controlledBy<Pod>(await informer(PODS), this.#set.metadata.uid!)) {
      const { namespace, name, labels } = pod.metadata
      if (labels?.[REVISION] !== duplicate.metadata.labels![HASH_LABEL]) continue
      await unlessGone(() => client.patch(PODS, namespace, name, { type: 'merge', body: { metadata: { labels: { [REVISION]: hash } } } }))
    }
    const { namespace, name, uid } = duplicate.metadata
    await client.delete(CONTROLLER_REVISIONS, namespace, name, { preconditions: { uid } })
  }

  /** Leaves out failed pods whose replacement would come too soon, and answers when it may come (ms since the epoch). */
  #patient({ create, remove, ended }: DaemonPlan): { readonly plan: DaemonPlan; readonly retry?: number } {
    const now = this.#context.now()
    let retry: number | undefined
    const early = new Set<Pod>()
    for (const pod of ended) {
      if (pod.status?.phase !== 'Failed') continue
      const id = `${this.#set.metadata.uid} ${this.#set.metadata.generation} ${targetNode(pod)}`
      const known = failures.get(id)
      if (known !== undefined && now < known.at + known.wait) {
        early.add(pod)
        retry = earliest(retry, known.at + known.wait)
        continue
      }
      const forgiven = known === undefined || now > known.at + 2 * LONGEST_WAIT_MS
      failures.delete(id)
      failures.set(id, { at: now, wait: forgiven ? FIRST_WAIT_MS : Math.min(known.wait * 2, LONGEST_WAIT_MS) })
      if (failures.size > MOST_FAILURES) failures.delete(failures.keys().next().value!)
    }
    const keep = (pod: Pod) => !early.has(pod)
    return { plan: { create, remove: remove.filter(keep), ended: ended.filter(keep) }, retry }
  }

  async #carryOut(
    { create, remove, ended }: DaemonPlan,
    { hash }: DaemonView,
  ): Promise<{ readonly changed: boolean; readonly error?: unknown }> {
    for (const pod of ended) this.#tellEnded(pod)
    const nodes = create.slice(0, BURST)
    const made = await slowStart(nodes.length, async i => {
      const created = await createPod(daemonPod(this.#set, nodes[i]!, hash), this.#set, this.#context)
      void this.#context.events.event(this.#set, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`)
    })
    let error = made.error !== undefined && isNamespaceTerminating(made.error) ? undefined : made.error
    // What cannot be made on one node does not keep what is too many on another.
    try {
      await all(remove.slice(0, BURST), pod => deletePod(pod, this.#set, this.#context))
    } catch (failure) {
      error ??= failure
    }
    return { changed: made.succeeded > 0 || remove.length > 0, error }
  }

  #tellEnded(pod: Pod): void {
    const which = `daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${targetNode(pod)}`
    if (pod.status?.phase === 'Failed') {
      void this.#context.events.event(this.#set, 'Warning', 'FailedDaemonPod', `Found failed ${which}, will try to kill it`)
    } else void this.#context.events.event(this.#set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${which}, will try to delete it`)
  }
}
