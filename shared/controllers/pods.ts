// Facts about pods that several controllers go by.
import type { Pod, PodCondition, PodTemplateSpec } from '../api/core/v1.ts'
import type { KubeObject, LabelSelector } from '../apimachinery/types.ts'
import type { Informer } from '../store/types.ts'
import { canonical } from './equality.ts'
import { controllerReference } from './owners.ts'
import { isEmptySelector, matches } from './selectors.ts'
import { parseTime } from './time.ts'

export const isFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** Neither finished nor told to end: it counts as a replica. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && pod.metadata.deletionTimestamp === undefined

/** Told to end, and has not yet. */
export const isTerminating = (pod: Pod): boolean => !isFinished(pod) && pod.metadata.deletionTimestamp !== undefined

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find(condition => condition.type === type)
}

export const isReady = (pod: Pod): boolean => podCondition(pod, 'Ready')?.status === 'True'

/** When the pod has been ready for so many seconds (ms since the epoch); undefined while it is not ready. */
export function availableAt(pod: Pod, minReadySeconds: number): number | undefined {
  const ready = podCondition(pod, 'Ready')
  if (ready?.status !== 'True') return undefined
  if (minReadySeconds === 0) return 0
  return ready.lastTransitionTime === undefined ? undefined : parseTime(ready.lastTransitionTime) + minReadySeconds * 1000
}

export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  const at = availableAt(pod, minReadySeconds)
  return at !== undefined && at <= now
}

/** When the next of these pods becomes available, if time alone makes it so. */
export function nextAvailable(pods: readonly Pod[], minReadySeconds: number, now: number): number | undefined {
  if (minReadySeconds === 0) return undefined
  let next: number | undefined
  for (const pod of pods) {
    const at = availableAt(pod, minReadySeconds)
    if (at !== undefined && at > now && (next === undefined || at < next)) next = at
  }
  return next
}

/** A pod made from a template, named after its owner; what is too long before the suffix is cut when the name is made. */
export function podFrom(template: PodTemplateSpec, owner: KubeObject): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: '',
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace,
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [controllerReference(owner)],
    },
    spec: structuredClone(template.spec!),
  }
}

/** Templates that differ only in the label that a Deployment adds are the same. */
export function sameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return templateText(a) === templateText(b)
}

const HASH_LABEL = 'pod-template-hash'

function templateText(template: PodTemplateSpec): string {
  const { [HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {}
  return canonical({ metadata: { ...template.metadata, labels }, spec: template.spec })
}

const BY_LABEL = 'label'

/** The pods of a namespace that a selector takes; found by one of its labels where it names some. */
export function podsMatching(pods: Informer, namespace: string, selector: LabelSelector | undefined): Pod[] {
  if (selector === undefined) return []
  if (isEmptySelector(selector)) return pods.list(`${namespace}/`).map(({ object }) => object as Pod)
  pods.addIndex(BY_LABEL, ({ metadata }) =>
    Object.entries(metadata.labels ?? {}).map(([key, value]) => `${metadata.namespace} ${key}=${value}`),
  )
  const [label] = Object.entries(selector.matchLabels ?? {})
  const candidates = label === undefined ? pods.list(`${namespace}/`) : pods.byIndex(BY_LABEL, `${namespace} ${label[0]}=${label[1]}`)
  return candidates.map(({ object }) => object as Pod).filter(pod => matches(selector, pod.metadata.labels))
}
