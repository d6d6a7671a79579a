// Where a DaemonSet's pods belong, and how they are made for a node. Pure.
import type { DaemonSet } from '../../api/apps/v1.ts'
import type { Node, Pod, Toleration } from '../../api/core/v1.ts'
import { isTolerated, matchesNodeAffinity, namedNodes, untoleratedTaint } from '../../scheduling/node-affinity.ts'
import { podFrom } from '../pods.ts'

export const REVISION = 'controller-revision-hash'
export const TEMPLATE_GENERATION = 'pod-template-generation'
const GENERATION_ANNOTATION = 'deprecated.daemonset.template.generation'

/** What nodes do to themselves does not keep daemons away. */
const TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
]
const HOST_NETWORK: Toleration = { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' }

function daemonTolerations({ tolerations = [], hostNetwork }: Pod['spec']): Toleration[] {
  const list = [...tolerations]
  for (const toleration of hostNetwork ? [...TOLERATIONS, HOST_NETWORK] : TOLERATIONS) {
    const same = list.findIndex(
      ({ key, operator, effect, value }) =>
        key === toleration.key && operator === toleration.operator && effect === toleration.effect && !value,
    )
    if (same < 0) list.push(toleration)
    else list[same] = toleration
  }
  return list
}

export const templateGeneration = (set: DaemonSet): string | undefined => set.metadata.annotations?.[GENERATION_ANNOTATION]

/** The pod for a node. It names the node by affinity; the scheduler binds it. */
export function daemonPod(set: DaemonSet, node: string, hash: string): Pod {
  const pod = podFrom(set.spec.template, set)
  const generation = templateGeneration(set)
  pod.metadata.labels = {
    ...pod.metadata.labels,
    ...(generation === undefined ? {} : { [TEMPLATE_GENERATION]: generation }),
    [REVISION]: hash,
  }
  pod.spec.tolerations = daemonTolerations(pod.spec)
  pod.spec.affinity = {
    ...pod.spec.affinity,
    nodeAffinity: {
      ...pod.spec.affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
      },
    },
  }
  return pod
}

export interface Eligibility {
  readonly shouldRun: boolean
  /** A pod that is there may stay, even where none would be put. */
  readonly mayStay: boolean
}

export function eligibility({ spec }: DaemonSet, node: Node): Eligibility {
  const template = spec.template.spec!
  if (template.nodeName && template.nodeName !== node.metadata.name) return { shouldRun: false, mayStay: false }
  if (!matchesNodeAffinity({ metadata: { name: '' }, apiVersion: 'v1', kind: 'Pod', spec: template }, node))
    return { shouldRun: false, mayStay: false }
  const tolerations = daemonTolerations(template)
  const taints = node.spec?.taints
  if (untoleratedTaint(tolerations, taints) === undefined) return { shouldRun: true, mayStay: true }
  const evicted = taints?.some(taint => taint.effect === 'NoExecute' && !isTolerated(tolerations, taint)) ?? false
  return { shouldRun: false, mayStay: !evicted }
}

/** The node that a daemon pod is on, or meant for. */
export function targetNode(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName
  const [name] = namedNodes(pod) ?? []
  return name
}
