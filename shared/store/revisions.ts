// Rules about revisions that every implementation of the store shares.
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'

/**
 * The revision of a collection that was never written; the first write gets the next one. Not 0, because a client that lists an
 * empty collection watches from the revision it was told, and "0" means "whatever you have" to a Kubernetes server.
 */
export const INITIAL_REVISION = 1

/** The object as it is stored at a revision. The argument stays as it is. */
export function stamp(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
}

/** Name of a collection as a map key: "<group>/<resource>". */
export function collectionName({ group, resource }: GroupResource): string {
  return `${group}/${resource}`
}

/** Seconds that Events live after their last write, as kube-apiserver's --event-ttl has it by default. */
const EVENT_TTL_SECONDS = 3600

/** How long objects of a collection live after their last write, in seconds; undefined is for ever. */
export function timeToLive({ group, resource }: GroupResource): number | undefined {
  return resource === 'events' && (group === '' || group === 'events.k8s.io') ? EVENT_TTL_SECONDS : undefined
}
