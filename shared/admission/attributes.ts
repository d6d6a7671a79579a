// Questions that plugins ask of what is about to be written.

import type { Namespace } from '../api/core/v1.ts'
import type { Attributes, Operation } from '../apimachinery/admission.ts'
import type { RequestContext } from '../apimachinery/context.ts'
import type { KubeObject } from '../apimachinery/types.ts'

/** The object itself (not a subresource) of this collection, in one of these operations. */
export function concerns(attributes: Attributes, group: string, resource: string, ...operations: Operation[]): boolean {
  const { collection } = attributes.endpoint
  return (
    collection.resource === resource &&
    collection.group === group &&
    attributes.subresource === '' &&
    operations.includes(attributes.operation)
  )
}

export const objectOf = <T extends KubeObject>({ object }: Attributes): T => object as T
export const oldOf = <T extends KubeObject>({ old }: Attributes): T => old as T

/** Without a spec there is nothing to admit; validation says what is missing. */
export const isPodCreation = (attributes: Attributes) =>
  concerns(attributes, '', 'pods', 'CREATE') && objectOf<KubeObject & { spec?: unknown }>(attributes).spec !== undefined

const NAMESPACES = { group: '', resource: 'namespaces' }
const namespaces = new WeakMap<RequestContext, Map<string, Promise<Namespace | undefined>>>()

/** The namespace that is written into, read once per request. */
export function namespaceOf({ namespace, context }: Attributes): Promise<Namespace | undefined> {
  const known = namespaces.get(context) ?? new Map<string, Promise<Namespace | undefined>>()
  namespaces.set(context, known)
  const found = known.get(namespace) ?? context.read.get<Namespace>(NAMESPACES, undefined, namespace)
  known.set(namespace, found)
  return found
}
