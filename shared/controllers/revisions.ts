// ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, numbered.
import type { ControllerRevision } from '../api/apps/v1.ts'
import type { PodTemplateSpec } from '../api/core/v1.ts'
import type { Client } from '../apimachinery/client.ts'
import { isStatus } from '../apimachinery/status-error.ts'
import type { KubeObject, LabelSelector, OwnerReference } from '../apimachinery/types.ts'
import type { Informer } from '../store/types.ts'
import { CONTROLLER_REVISIONS } from './collections.ts'
import { equal } from './equality.ts'
import { hashOf } from './hash.ts'
import { controllerReference, isControlledBy, unlessGone } from './owners.ts'
import { matches } from './selectors.ts'

/** What has revisions: a StatefulSet or a DaemonSet. */
export interface Revised extends KubeObject {
  spec: { selector: LabelSelector; template: PodTemplateSpec; revisionHistoryLimit?: number }
  status?: { collisionCount?: number }
}

/** The label under which a revision carries its hash: the kinds differ. */
export type HashLabel = 'controller.kubernetes.io/hash' | 'controller-revision-hash'

/** A strategic merge patch of the owner that puts the template in place. */
export const dataOf = ({ spec }: Revised): unknown => ({ spec: { template: { ...structuredClone(spec.template), $patch: 'replace' } } })

/** The template that a revision keeps. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { template } = (data as { spec: { template: PodTemplateSpec & { $patch?: string } } }).spec
  const { $patch: _, ...rest } = template
  return rest
}

export const byRevision = (revisions: readonly ControllerRevision[]): ControllerRevision[] =>
  [...revisions].sort((a, b) => a.revision - b.revision || (created(a) < created(b) ? -1 : created(a) > created(b) ? 1 : 0))

const created = ({ metadata }: ControllerRevision): string => metadata.creationTimestamp ?? ''

export const sameData = (a: ControllerRevision, b: { readonly data?: unknown }): boolean => equal(a.data, b.data)

export function newRevision(owner: Revised, revision: number, collisions: number, label: HashLabel): ControllerRevision {
  const hash = hashOf(owner.spec.template, collisions)
  const { name, namespace, annotations } = owner.metadata
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...owner.spec.template.metadata?.labels, [label]: hash },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ownerReferences: [controllerReference(owner)],
    },
    data: dataOf(owner) as ControllerRevision['data'],
    revision,
  }
}

/**
 * The revisions of the owner that its selector selects, those that it adopts now included. Those that it no longer selects are nobody's
 * concern; with `release` (DaemonSets) they lose their owner.
 */
export async function revisionsOf(client: Client, informer: Informer, owner: Revised, release = false): Promise<ControllerRevision[]> {
  const own: ControllerRevision[] = []
  const going = owner.metadata.deletionTimestamp !== undefined
  const withOwners = (revision: ControllerRevision, ownerReferences: OwnerReference[] | undefined) =>
    unlessGone(() =>
      client.update<ControllerRevision>(CONTROLLER_REVISIONS, { ...revision, metadata: { ...revision.metadata, ownerReferences } }),
    )
  for (const { object } of informer.list(`${owner.metadata.namespace}/`)) {
    const revision = object as ControllerRevision
    const { ownerReferences, labels } = revision.metadata
    const fits = matches(owner.spec.selector, labels)
    if (isControlledBy(revision, owner)) {
      if (fits) own.push(revision)
      else if (release && !going) {
        const others = ownerReferences!.filter(({ uid }) => uid !== owner.metadata.uid)
        await withOwners(revision, others.length === 0 ? undefined : others)
      }
    } else if (isOrphan(revision) && fits && !going) {
      const adopted = await withOwners(revision, [...(ownerReferences ?? []), controllerReference(owner)])
      if (adopted !== undefined) own.push(adopted)
    }
  }
  return byRevision(own)
}

const isOrphan = ({ metadata }: ControllerRevision): boolean =>
  metadata.deletionTimestamp === undefined && !metadata.ownerReferences?.some(({ controller }) => controller)

/**
 * Stores the revision. When its name is taken by another template the next hash is tried; what a crashed attempt left is taken up.
 * @returns the revision, and the number of collisions there have been.
 */
export async function createRevision(
  client: Client,
  owner: Revised,
  number: number,
  label: HashLabel,
): Promise<{ readonly revision: ControllerRevision; readonly collisions: number }> {
  for (let collisions = owner.status?.collisionCount ?? 0; ; collisions++) {
    const wanted = newRevision(owner, number, collisions, label)
    try {
      return { revision: await client.create<ControllerRevision>(CONTROLLER_REVISIONS, wanted), collisions }
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error
      const taken = await client.get<ControllerRevision>(CONTROLLER_REVISIONS, wanted.metadata.namespace, wanted.metadata.name)
      if (taken !== undefined && sameData(taken, wanted)) return { revision: taken, collisions }
    }
  }
}

/** Deletes so many of the oldest revisions that nothing uses any more. */
export async function deleteOldest(
  client: Client,
  revisions: readonly ControllerRevision[],
  live: ReadonlySet<string>,
  surplus: number,
): Promise<void> {
  const idle = byRevision(revisions).filter(({ metadata }) => !live.has(metadata.name))
  for (const { metadata } of idle.slice(0, Math.max(0, surplus))) {
    await client.delete(CONTROLLER_REVISIONS, metadata.namespace, metadata.name, { preconditions: { uid: metadata.uid } })
  }
}
