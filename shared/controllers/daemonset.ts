// DaemonSets: one pod on every node that fits.
import type { ControllerRevision, DaemonSet } from '../api/apps/v1.ts'
import type { Node, Pod } from '../api/core/v1.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { all, BURST, slowStart } from './bursts.ts'
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from './collections.ts'
import { daemonPod, eligibility, REVISION, targetNode } from './daemonset/placement.ts'
import { byTarget, type DaemonPlan, type DaemonView, daemonSetStatus, manage, roll } from './daemonset/plan.ts'
import { equal } from './equality.ts'
import { claim, controlledBy, controllerOf } from './owners.ts'
import { nextAvailable } from './pods.ts'
import { createPod, deletePod, isNamespaceTerminating } from './replicas.ts'
import { createRevision, newRevision, revisionsOf, sameData, truncateHistory } from './revisions.ts'
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
  if (target.about === 'pod') {
    const pod = (await context.informer(PODS)).get(objectKey(namespace, target.name))?.object as Pod | undefined
    if (pod === undefined || controllerOf(pod) !== undefined) return undefined
    const fitting = sets.list(`${namespace}/`).filter(({ object }) => matches((object as DaemonSet).spec.selector, pod.metadata.labels))
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
    if (scheduled ? !mayStay : shouldRun) also.push(keyOf(set))
  }
  return { also }
}

export const daemonSetController: Controller = {
  name: 'daemonset',
  watches: [
    own(DAEMON_SETS),
    owned(PODS, { group: 'apps', kind: 'DaemonSet' }, 'pod'),
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
    const { changed, error } = await this.#carryOut(plan, view)
    // The next step of a rollout is thought about when the last one shows.
    let rolled = false
    if (!changed && error === undefined && set.spec.updateStrategy?.type !== 'OnDelete') {
      const step = await this.#carryOut(roll(view), view)
      rolled = step.changed
      if (step.error !== undefined) throw step.error
    }
    if ((changed || rolled) && error === undefined) return requeueAt(retry, now())
    await writeStatus(this.#context, DAEMON_SETS, set, {
      ...daemonSetStatus(view),
      collisionCount: collisions === 0 ? set.status?.collisionCount : collisions,
    })
    if (error !== undefined) throw error
    const live = new Set([current.metadata.name])
    const used = new Set(pods.map(pod => pod.metadata.labels?.[REVISION]))
    for (const { metadata } of revisions) if (used.has(metadata.labels?.[HASH_LABEL])) live.add(metadata.name)
    await truncateHistory(client, revisions, live, set.spec.revisionHistoryLimit ?? 10)
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
    const revisions = await revisionsOf(client, await informer(CONTROLLER_REVISIONS), set)
    const wanted = newRevision(set, 0, 0, HASH_LABEL)
    const known = revisions.findLast(revision => sameData(revision, wanted))
    const collisions = set.status?.collisionCount ?? 0
    const old = revisions.filter(revision => revision !== known)
    const number = (old.at(-1)?.revision ?? 0) + 1
    if (known === undefined) {
      const made = await createRevision(client, set, number, HASH_LABEL)
      return { current: made.revision, revisions: [...revisions, made.revision], collisions: made.collisions }
    }
    const label = known.metadata.labels?.[HASH_LABEL]
    if (known.revision >= number && label !== undefined) return { current: known, revisions, collisions }
    const current = await client.update<ControllerRevision>(CONTROLLER_REVISIONS, {
      ...known,
      revision: Math.max(number, known.revision),
      metadata: { ...known.metadata, labels: { ...known.metadata.labels, [HASH_LABEL]: label ?? wanted.metadata.labels![HASH_LABEL]! } },
    })
    return { current, revisions: [...old, current], collisions }
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
    let changed = remove.length > 0
    await all(remove.slice(0, BURST), pod => deletePod(pod, this.#set, this.#context))
    const nodes = create.slice(0, BURST)
    const { succeeded, error } = await slowStart(nodes.length, async i => {
      const created = await createPod(daemonPod(this.#set, nodes[i]!, hash), this.#set, this.#context)
      void this.#context.events.event(this.#set, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`)
    })
    changed ||= succeeded > 0
    return { changed, error: error !== undefined && isNamespaceTerminating(error) ? undefined : error }
  }

  #tellEnded(pod: Pod): void {
    const which = `daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${targetNode(pod)}`
    if (pod.status?.phase === 'Failed') {
      void this.#context.events.event(this.#set, 'Warning', 'FailedDaemonPod', `Found failed ${which}, will try to kill it`)
    } else void this.#context.events.event(this.#set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${which}, will try to delete it`)
  }
}
