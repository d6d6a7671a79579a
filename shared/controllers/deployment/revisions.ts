// Which ReplicaSet is the new one, which revision each has, and what is written on them.
import type { Deployment, ReplicaSet } from '../../api/apps/v1.ts'
import { hashOf } from '../hash.ts'
import { controllerReference } from '../owners.ts'
import { sameTemplate } from '../pods.ts'
import { maxSurge, replicasOf } from './limits.ts'

export const REVISION = 'deployment.kubernetes.io/revision'
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas'
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas'
export const ROLLBACK_TO = 'deprecated.deployment.rollback.to'
export const TEMPLATE_HASH = 'pod-template-hash'

const NOT_COPIED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  ROLLBACK_TO,
])

/** Whether an annotation of the Deployment is one of its ReplicaSet, too. */
export const isCopied = (name: string): boolean => !NOT_COPIED.has(name)

/** Characters of history that are kept; older revisions are forgotten first. */
const LONGEST_HISTORY = 2000

const LONGEST_NAME = 253

export type Annotations = Record<string, string>

export const annotationNumber = (set: ReplicaSet, name: string): number | undefined => {
  const text = set.metadata.annotations?.[name]
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}

export const revisionOf = (set: ReplicaSet): number => annotationNumber(set, REVISION) ?? 0

const bySeniority = (a: ReplicaSet, b: ReplicaSet): number => {
  const [first, second] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
  if (first !== second) return first < second ? -1 : 1
  return a.metadata.name < b.metadata.name ? -1 : 1
}

/** Oldest first; names decide between those of one second. */
export const oldestFirst = (sets: readonly ReplicaSet[]): ReplicaSet[] => [...sets].sort(bySeniority)

/** The oldest ReplicaSet with the Deployment's template. */
export function findNew(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return oldestFirst(sets).find(set => sameTemplate(set.spec.template!, deployment.spec.template))
}

/** The revision that the new ReplicaSet gets: above all old ones. */
export const nextRevision = (old: readonly ReplicaSet[]): number => Math.max(0, ...old.map(revisionOf)) + 1

/** The annotations that the new ReplicaSet should have. The same object when they are as they should be. */
export function newSetAnnotations(deployment: Deployment, current: Annotations | undefined, revision: number): Annotations {
  const annotations: Annotations = { ...current }
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (isCopied(name)) annotations[name] = value
  }
  const text = current?.[REVISION]
  if (text !== undefined && !/^-?\d+$/.test(text)) return annotations
  if (Number(text ?? 0) < revision) {
    annotations[REVISION] = String(revision)
    // It had a revision and gets a higher one: the Deployment was rolled back to it.
    if (text !== undefined) annotations[REVISION_HISTORY] = appendHistory(annotations[REVISION_HISTORY], text)
  }
  return annotations
}

function appendHistory(history: string | undefined, revision: string): string {
  const revisions = [...(history ? history.split(',') : []), revision]
  while (revisions.length > 1 && revisions.join(',').length > LONGEST_HISTORY) revisions.shift()
  return revisions.join(',')
}

/** What a ReplicaSet is told of the whole, so that a later change of scale can be shared out in proportion. */
export function sizeAnnotations(deployment: Deployment): Annotations {
  const replicas = replicasOf(deployment)
  return { [DESIRED_REPLICAS]: String(replicas), [MAX_REPLICAS]: String(replicas + maxSurge(deployment)) }
}

/** A new ReplicaSet for the Deployment's template. */
export function newReplicaSet(deployment: Deployment, replicas: number, revision: number): ReplicaSet {
  const { spec, metadata, status } = deployment
  const hash = hashOf(spec.template, status?.collisionCount)
  const labels = { ...spec.template.metadata?.labels, [TEMPLATE_HASH]: hash }
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${metadata.name.slice(0, LONGEST_NAME - 1 - hash.length)}-${hash}`,
      namespace: metadata.namespace,
      labels,
      annotations: { ...newSetAnnotations(deployment, undefined, revision), ...sizeAnnotations(deployment) },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [TEMPLATE_HASH]: hash } },
      template: { ...structuredClone(spec.template), metadata: { ...structuredClone(spec.template.metadata), labels } },
    },
  }
}

/** The ReplicaSets that the history limit gives up: those with the lowest revisions that have and want no pods. */
export function beyondHistory(old: readonly ReplicaSet[], limit: number): ReplicaSet[] {
  const alive = old.filter(set => set.metadata.deletionTimestamp === undefined)
  const surplus = alive.length - limit
  if (surplus <= 0) return []
  return oldestFirst(alive)
    .sort((a, b) => revisionOf(a) - revisionOf(b))
    .slice(0, surplus)
    .filter(
      set =>
        (set.spec.replicas ?? 0) === 0 &&
        set.status?.replicas === 0 &&
        (set.metadata.generation ?? 0) <= (set.status.observedGeneration ?? 0),
    )
}
