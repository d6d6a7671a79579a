// Node lifecycle: taints that follow conditions, nodes that fall silent, and pods that are not ready because their node is not.

import type { Lease } from '../api/coordination/v1.ts'
import type { Node, Pod, Taint } from '../api/core/v1.ts'
import { objectKey } from '../apimachinery/types.ts'
import { capacityOf } from '../pods/ours.ts'
import type { Informer } from '../store/types.ts'
import { all } from './bursts.ts'
import { LEASES, NODES, PODS } from './collections.ts'
import { equal } from './equality.ts'
import { GRACE_MS, lastSeen, NOT_READY, readiness, UNREACHABLE, unknownConditions, wantedTaints } from './node-health.ts'
import { unlessGone } from './owners.ts'
import { isReady } from './pods.ts'
import { earliest, requeueAt, timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'

const BY_NODE = 'node'
const LEASE_NAMESPACE = 'kube-node-lease'

/** The pods that are bound to a node, finished ones too. */
export function podsOn(pods: Informer, node: string): Pod[] {
  pods.addIndex(BY_NODE, object => {
    const { nodeName } = (object as Pod).spec
    return nodeName ? [nodeName] : []
  })
  return pods.byIndex(BY_NODE, node).map(({ object }) => object as Pod)
}

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  let node = (await context.informer(NODES)).get(key)?.object as Node | undefined
  if (node === undefined || node.metadata.deletionTimestamp !== undefined) return undefined
  const { client, now } = context

  // Nodes that stand for ECS capacity have no kubelet: nobody sends heartbeats for them, and nobody misses any.
  const silence = capacityOf(node) !== undefined ? undefined : await silentFrom(node, context)
  if (silence !== undefined && silence <= now()) {
    const conditions = unknownConditions(node, now())
    if (!equal(conditions, node.status?.conditions)) {
      node = await client.updateStatus<Node>(NODES, { ...node, status: { ...node.status, conditions } })
    }
  }
  const { taints, next } = wantedTaints(node, now())
  if (!equal(taints, node.spec?.taints ?? [])) {
    if (isOut(taints) && !isOut(node.spec?.taints)) tellNotReady(node, context)
    node = await client.update<Node>(NODES, { ...node, spec: { ...node.spec, taints: [...taints] } })
  }
  const ready = readiness(node)
  if (ready === 'False' || ready === 'Unknown') await markPods(node, context)
  return requeueAt(earliest(next, silence !== undefined && silence > now() ? silence : undefined), now())
}

/** Whether new pods are kept away because the node is not ready. */
const isOut = (taints: readonly Taint[] | undefined): boolean =>
  taints?.some(({ key, effect }) => effect === 'NoSchedule' && (key === NOT_READY || key === UNREACHABLE)) ?? false

/** When the node will have been silent for too long (ms since the epoch); undefined when that is known already. */
async function silentFrom(node: Node, { informer }: ControllerContext): Promise<number | undefined> {
  const status = readiness(node)
  if (status === 'Unknown') return undefined
  const lease = (await informer(LEASES)).get(objectKey(LEASE_NAMESPACE, node.metadata.name))?.object as Lease | undefined
  return lastSeen(node, lease?.spec?.renewTime) + GRACE_MS
}

function tellNotReady(node: Node, { events }: ControllerContext): void {
  void events.event(node, 'Normal', 'NodeNotReady', `Node ${node.metadata.name} status is now: NodeNotReady`)
}

/** The pods of a node that is not ready serve nobody. That they are ready again is for the kubelet to say. */
async function markPods(node: Node, context: ControllerContext): Promise<void> {
  const pods = podsOn(await context.informer(PODS), node.metadata.name).filter(isReady)
  await all(pods, async pod => {
    const { namespace, name, uid } = pod.metadata
    await unlessGone(() =>
      context.client.patch(PODS, namespace, name, {
        type: 'strategic',
        subresource: 'status',
        body: {
          metadata: { uid },
          status: { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: timestamp(context.now()) }] },
        },
      }),
    )
    void context.events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
  })
}

export const nodeLifecycleController: Controller = {
  name: 'nodelifecycle',
  component: 'node-controller',
  watches: [
    { resource: NODES, keys: ({ type, key }) => (type === 'deleted' ? [] : [key]) },
    {
      // A pod that turns ready on a node that is not.
      resource: PODS,
      keys({ type, object, previous }) {
        const pod = object as Pod
        const turned = type !== 'deleted' && isReady(pod) && (previous === undefined || !isReady(previous as Pod))
        return turned && pod.spec.nodeName ? [objectKey(undefined, pod.spec.nodeName)] : []
      },
    },
  ],
  reconcile,
}
