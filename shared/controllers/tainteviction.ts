// Taint eviction: pods leave nodes whose NoExecute taints they do not tolerate, or tolerate only for a while.
import type { Node, Pod, Taint } from '../api/core/v1.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { tolerates } from '../scheduling/node-affinity.ts'
import { all } from './bursts.ts'
import { NODES, PODS } from './collections.ts'
import { equal } from './equality.ts'
import { podsOn } from './nodelifecycle.ts'
import { unlessGone } from './owners.ts'
import { isFinished } from './pods.ts'
import { earliest, parseTime, requeueAt, timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { splitName } from './watches.ts'

const noExecute = (node: Node | undefined): Taint[] => node?.spec?.taints?.filter(({ effect }) => effect === 'NoExecute') ?? []

/**
 * When the pod has to go (ms since the epoch; 0 is at once), undefined when it may stay. For each taint the first toleration that applies
 * counts, and of several taints the one that leaves the shortest time.
 * @param since when each taint came
 */
export function evictionTime(pod: Pod, taints: readonly Taint[], since: (taint: Taint) => number): number | undefined {
  let due: number | undefined
  for (const taint of taints) {
    const toleration = pod.spec.tolerations?.find(toleration => tolerates(toleration, taint))
    if (toleration === undefined) return 0
    const { tolerationSeconds } = toleration
    if (tolerationSeconds !== undefined) due = earliest(due, since(taint) + Math.max(0, tolerationSeconds) * 1000)
  }
  return due
}

/** When the taints of a node last changed, as far as it is recorded: for taints that came without a time. */
function taintsChanged({ metadata }: Node): number {
  const times = (metadata.managedFields ?? [])
    .filter(({ fieldsV1 }) => JSON.stringify(fieldsV1 ?? {}).includes('"f:taints"'))
    .map(({ time }) => parseTime(time ?? '') || 0)
  return Math.max(parseTime(metadata.creationTimestamp ?? '') || 0, ...times)
}

/** "/freed:<node> <taints that went>": evictions that were on their way are off. */
const FREED = 'freed'

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const target = splitName(splitKey(key).name)
  if (target.about === FREED) return cancelled(target.name, context)
  const node = (await context.informer(NODES)).get(key)?.object as Node | undefined
  const taints = noExecute(node)
  if (node === undefined || taints.length === 0) return undefined
  const changed = taintsChanged(node)
  const since = ({ timeAdded }: Taint) => parseTime(timeAdded ?? '') || changed
  const now = context.now()
  const leaving: Pod[] = []
  let next: number | undefined
  for (const pod of podsOn(await context.informer(PODS), node.metadata.name)) {
    if (pod.metadata.deletionTimestamp !== undefined) continue
    const bound = parseTime(pod.metadata.creationTimestamp ?? '') || 0
    // A pod cannot have been waiting for longer than it is there.
    const due = evictionTime(pod, taints, taint => Math.max(since(taint), bound))
    if (due !== undefined && due <= now) leaving.push(pod)
    else next = earliest(next, due)
  }
  await all(leaving, pod => evict(pod, context))
  return requeueAt(next, now)
}

async function cancelled(what: string, { informer, events, now }: ControllerContext): Promise<undefined> {
  const space = what.indexOf(' ')
  const name = what.slice(0, space)
  const before = JSON.parse(what.slice(space + 1)) as Taint[]
  const node = (await informer(NODES)).get(objectKey(undefined, name))?.object as Node | undefined
  const left = noExecute(node)
  for (const pod of podsOn(await informer(PODS), name)) {
    if (isFinished(pod) || pod.metadata.deletionTimestamp !== undefined) continue
    const wasDue = evictionTime(pod, before, now) !== undefined
    if (!wasDue || evictionTime(pod, left, now) !== undefined) continue
    void events.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${pod.metadata.namespace}/${pod.metadata.name}`)
  }
}

async function evict(pod: Pod, { client, events, now }: ControllerContext): Promise<void> {
  const { namespace, name, uid, generation: observedGeneration } = pod.metadata
  void events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${namespace}/${name}`)
  await unlessGone(() =>
    client.patch(PODS, namespace, name, {
      type: 'strategic',
      subresource: 'status',
      body: {
        metadata: { uid },
        status: {
          conditions: [
            {
              type: 'DisruptionTarget',
              status: 'True',
              reason: 'DeletionByTaintManager',
              message: 'Taint manager: deleting due to NoExecute taint',
              observedGeneration,
              lastTransitionTime: timestamp(now()),
            },
          ],
        },
      },
    }),
  )
  try {
    await client.delete(PODS, namespace, name, { preconditions: { uid } })
  } catch (error) {
    if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
  }
}

export const taintEvictionController: Controller = {
  name: 'taint-eviction-controller',
  component: 'taint-eviction-controller',
  watches: [
    {
      resource: NODES,
      *keys({ type, key, object, previous }) {
        const taints = noExecute(object as Node)
        const before = noExecute(previous as Node | undefined)
        if (type === 'deleted' || equal(taints, before)) return
        if (taints.length > 0) yield key
        const gone = before.filter(taint => !taints.some(other => other.key === taint.key && other.value === taint.value))
        if (gone.length > 0) yield objectKey(undefined, `${FREED}:${object.metadata.name} ${JSON.stringify(gone)}`)
      },
    },
    {
      resource: PODS,
      keys({ type, object, previous }) {
        const { nodeName, tolerations } = (object as Pod).spec
        if (type === 'deleted' || !nodeName) return []
        const before = (previous as Pod | undefined)?.spec
        return before?.nodeName === nodeName && equal(before.tolerations, tolerations) ? [] : [objectKey(undefined, nodeName)]
      },
    },
  ],
  reconcile,
}
