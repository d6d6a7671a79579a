// Who depends on whom, over every kind that is served: informers indexed by owner are the graph, so nothing has to be built or kept.
import type { Endpoint } from '../../apimachinery/registry.ts'
import type { KubeObject, OwnerReference } from '../../apimachinery/types.ts'
import { objectKey } from '../../apimachinery/types.ts'
import type { Informer } from '../../store/types.ts'
import type { ControllerContext } from '../types.ts'

export interface Dependent {
  readonly object: KubeObject
  readonly endpoint: Endpoint
}

const BY_OWNER = 'owner'
const BY_OWNER_KIND = 'owner-kind'
const BY_UID = 'uid'

/** Kinds that own nothing, are owned by nothing, and come in large numbers. */
export const hasOwners = ({ group, resource }: { readonly group: string; readonly resource: string }): boolean =>
  resource !== 'events' || (group !== '' && group !== 'events.k8s.io')

export const groupOf = (apiVersion: string): string => {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

const kindValue = (namespace: string, group: string, kind: string) => `${namespace}|${group}/${kind}`

function addIndexes(informer: Informer): void {
  informer.addIndex(BY_OWNER, ({ metadata }) => metadata.ownerReferences?.map(reference => reference.uid) ?? [])
  informer.addIndex(BY_OWNER_KIND, ({ metadata }) => {
    const values = new Set<string>()
    for (const { apiVersion, kind } of metadata.ownerReferences ?? []) {
      values.add(kindValue('', groupOf(apiVersion), kind))
      if (metadata.namespace !== undefined) values.add(kindValue(metadata.namespace, groupOf(apiVersion), kind))
    }
    return [...values]
  })
}

async function collect({ registry, informer }: ControllerContext, index: string, value: string): Promise<Dependent[]> {
  const endpoints = registry.definitions
    .filter(definition => definition.virtual === undefined && definition.virtualList === undefined && hasOwners(definition))
    .map(definition => registry.storage(definition))
    .filter(endpoint => endpoint !== undefined)
  const found = await Promise.all(
    endpoints.map(async endpoint => {
      const objects = await informer(endpoint.collection)
      addIndexes(objects)
      return objects.byIndex(index, value).map(({ object }) => ({ object, endpoint }))
    }),
  )
  return found.flat()
}

/** Everything, in whatever namespace, that names this owner. */
export const dependentsOf = (context: ControllerContext, uid: string): Promise<Dependent[]> => collect(context, BY_OWNER, uid)

/** Everything in the namespace ("" for all) that names an owner of this kind. */
export const dependentsOfKind = (context: ControllerContext, namespace: string, group: string, kind: string): Promise<Dependent[]> =>
  collect(context, BY_OWNER_KIND, kindValue(namespace, group, kind))

/** The kind that a reference names, if somebody serves it. */
export async function ownerKind({ registry }: ControllerContext, { apiVersion, kind }: OwnerReference): Promise<Endpoint | undefined> {
  const known = registry.findKind(apiVersion, kind)
  if (known !== undefined) return known
  // Before anything is left alone for good: it may be a kind that came a moment ago.
  await registry.refresh()
  return registry.findKind(apiVersion, kind)
}

/** The owner that a reference in this namespace names; undefined when there is none of that name and UID. */
export async function findOwner(
  { client, informer }: ControllerContext,
  endpoint: Endpoint,
  namespace: string | undefined,
  { name, uid }: OwnerReference,
): Promise<KubeObject | undefined> {
  const where = endpoint.definition.namespaced ? namespace : undefined
  const known = (await informer(endpoint.collection)).get(objectKey(where, name))?.object
  if (known?.metadata.uid === uid) return known
  // The informers of owner and dependent are not of one moment: before anything is deleted the owner is looked for strongly.
  const now = await client.get(endpoint.collection, where, name)
  return now?.metadata.uid === uid ? now : undefined
}

/** Whether the owner exists after all, but in a namespace where the dependent's reference cannot reach it. */
export async function livesElsewhere({ informer }: ControllerContext, endpoint: Endpoint, uid: string): Promise<boolean> {
  const objects = await informer(endpoint.collection)
  objects.addIndex(BY_UID, ({ metadata }) => [metadata.uid ?? ''])
  return objects.byIndex(BY_UID, uid).length > 0
}
