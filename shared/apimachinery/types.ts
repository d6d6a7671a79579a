// The words that every part of the API machinery shares. Types only, and the few functions that belong to them.
import type { ObjectMeta } from '../api/meta/v1.ts'

export type { LabelSelector, ManagedFieldsEntry, ObjectMeta, OwnerReference } from '../api/meta/v1.ts'

/**
 * Any Kubernetes object as JSON. Values handed out by the store, an informer or a client are shared and must not be changed:
 * take a structuredClone first.
 */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
}

/** An object of a kind that is not known at compile time: its other members are looked at with care. */
export interface UnknownObject extends KubeObject {
  [member: string]: unknown
}

/** A resource collection as it is stored: group ("" is core) and plural name. Versions do not matter here. */
export interface GroupResource {
  readonly group: string
  readonly resource: string
}

export interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

/** "apps/v1", or "v1" in the core group. */
export function groupVersion(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`
}

/** "deployments.apps", or "pods" in the core group: how error messages name a resource. */
export function groupResourceName({ group, resource }: GroupResource): string {
  return group === '' ? resource : `${resource}.${group}`
}

/** The key of an object inside its collection: "<namespace>/<name>", and "/<name>" for a cluster-scoped one. */
export function objectKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`
}

/** The two parts of an object key. A cluster-scoped object has the namespace "". */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}
