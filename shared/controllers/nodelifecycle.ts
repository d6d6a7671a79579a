// Node lifecycle: taints that follow conditions, nodes that fall silent, and pods that are not ready because their node is not.

import type { Lease } from '../api/coordination/v1.ts'
import type { Node, Pod, Taint } from '../api/core/v1.ts'
import { objectKey, splitKey } from '../apimachinery/types.ts'
import { capacityOf } from '../pods/ours.ts'
import type { Informer } from '../store/types.ts'
import { all } from './bursts.ts'
import { LEASES, NODES, PODS } from './collections.ts'
import { equal } from './equality.ts'
import {
  evictionTaint,
  isEvictionTaint,
  NOT_READY,
  readiness,
  silentAt,
  UNREACHABLE,
  unknownConditions,
  wantedTaints,
} from './node-health.ts'
import { planEvictions, zoneOf } from './node-zones.ts'
import { unlessGone } from './owners.ts'
import { isReady } from './pods.ts'
import { parseTime, requeueAt, timestamp } from './time.ts'
import type { Controller, ControllerContext, Outcome } from './types.ts'
import { splitName } from './watches.ts'

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

/** "/zones:": which nodes that are not ready lose their pods now. One key, so that nobody else counts at the same time. */
const ZONES = 'zones'
/** "/registered:<uid> <node>", "/removed:<uid> <node>" */
const NEWS: ReadonlyMap<string, (name: string) => readonly [reason: string, message: string]> = new Map([
  ['registered', name => ['RegisteredNode', `Registered Node ${name} in Controller`]],
  ['removed', name => ['RemovingNode', `Removing Node ${name} from Controller`]],
])

async function reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined> {
  const { about, name } = splitName(splitKey(key).name)
  if (about === ZONES) return evict(context)
  const news = NEWS.get(about ?? '')
  if (news !== undefined) return tell(name, news, context)

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
  const [taints, labels] = [wantedTaints(node, now()), wantedLabels(node)]
  if (!equal(taints, node.spec?.taints ?? []) || !equal(labels, node.metadata.labels)) {
    if (isOut(taints) && !isOut(node.spec?.taints)) tellNotReady(node, context)
    const metadata = { ...node.metadata, labels }
    node = await client.update<Node>(NODES, { ...node, metadata, spec: { ...node.spec, taints: [...taints] } })
  }
  if (evictionTaint(node) !== undefined) await markPods(node, context)
  return requeueAt(silence !== undefined && silence > now() ? silence : undefined, now())
}

const OLD_LABELS = [
  ['kubernetes.io/os', 'beta.kubernetes.io/os'],
  ['kubernetes.io/arch', 'beta.kubernetes.io/arch'],
] as const

/** The older names of two labels say what the newer ones say. */
function wantedLabels({ metadata: { labels } }: Node): Record<string, string> | undefined {
  const copies = OLD_LABELS.flatMap(([name, old]) => (labels?.[name] === undefined ? [] : [[old, labels[name]] as const]))
  return copies.length === 0 ? labels : { ...labels, ...Object.fromEntries(copies) }
}

/** A node is new for so long: whoever looks at all nodes again does not announce them again. */
const NEW_MS = 600_000

async function tell(
  what: string,
  news: (name: string) => readonly [reason: string, message: string],
  { events, informer, now }: ControllerContext,
): Promise<undefined> {
  const space = what.indexOf(' ')
  const [uid, name] = [what.slice(0, space), what.slice(space + 1)]
  const node = (await informer(NODES)).get(objectKey(undefined, name))?.object
  if (node?.metadata.uid === uid && now() - parseTime(node.metadata.creationTimestamp ?? '') > NEW_MS) return
  const [reason, message] = news(name)
  void events.event({ apiVersion: 'v1', kind: 'Node', metadata: { name, uid } }, 'Normal', reason, `Node ${name} event: ${message}`)
}

async function evict({ client, informer, now }: ControllerContext): Promise<Outcome | undefined> {
  const nodes = (await informer(NODES)).list().map(({ object }) => object as Node)
  const { taint, spare, next } = planEvictions(nodes, now())
  const write = (node: Node, taints: readonly Taint[]) =>
    unlessGone(() => client.update<Node>(NODES, { ...node, spec: { ...node.spec, taints: [...taints] } }))
  await all(taint, node =>
    write(node, [...(node.spec?.taints ?? []), { key: evictionTaint(node)!, effect: 'NoExecute', timeAdded: timestamp(now()) }]),
  )
  await all(spare, node =>
    write(
      node,
      node.spec!.taints!.filter(other => !isEvictionTaint(other)),
    ),
  )
  return requeueAt(next, now())
}

/** Whether new pods are kept away because the node is not ready. */
const isOut = (taints: readonly Taint[] | undefined): boolean =>
  taints?.some(({ key, effect }) => effect === 'NoSchedule' && (key === NOT_READY || key === UNREACHABLE)) ?? false

/** When the node will have been silent for too long (ms since the epoch); undefined when that is known already. */
async function silentFrom(node: Node, { informer }: ControllerContext): Promise<number | undefined> {
  const status = readiness(node)
  if (status === 'Unknown') return undefined
  const lease = (await informer(LEASES)).get(objectKey(LEASE_NAMESPACE, node.metadata.name))?.object as Lease | undefined
  return silentAt(node, lease?.spec?.renewTime)
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

const ZONES_KEY = objectKey(undefined, `${ZONES}:`)

/** What of a node decides about the others of its zone. */
const health = (node: Node): string =>
  JSON.stringify([readiness(node), isOut(node.spec?.taints), node.spec?.taints?.some(isEvictionTaint), zoneOf(node)])

export const nodeLifecycleController: Controller = {
  name: 'nodelifecycle',
  component: 'node-controller',
  watches: [
    {
      resource: NODES,
      *keys({ type, key, object, previous }) {
        const { uid, name } = object.metadata
        if (type !== 'deleted') yield key
        if (type === 'created') yield objectKey(undefined, `registered:${uid} ${name}`)
        if (type === 'deleted') yield objectKey(undefined, `removed:${uid} ${name}`)
        if (type !== 'updated' || previous === undefined || health(previous as Node) !== health(object as Node)) yield ZONES_KEY
      },
    },
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
