// How changes map to keys. A key is "<namespace>/<name>" of the object that a controller is for; one with a colon in its second
// part names something else in that namespace, about which the controller has yet to find out whom it concerns.
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'
import { objectKey } from '../apimachinery/types.ts'
import type { Change } from '../store/types.ts'
import { equal } from './equality.ts'
import { controllerOf } from './owners.ts'
import type { Watch } from './types.ts'

export const keyOf = ({ metadata }: KubeObject): string => objectKey(metadata.namespace, metadata.name)

/** The object itself. */
export const own = (resource: GroupResource): Watch => ({ resource, keys: change => [change.key] })

export interface OwnerKind {
  readonly group: string
  readonly kind: string
}

/**
 * The controllers, of one kind, of the object as it was and as it is. With `orphans`, an object that has no controller and is new
 * (or has other labels than before) asks for the key "<namespace>/<orphans>:<name>".
 */
export function owned(resource: GroupResource, owner: OwnerKind, orphans?: string): Watch {
  return {
    resource,
    keys(change) {
      const keys = new Set<string>()
      for (const state of [change.previous, change.object]) {
        const name = state === undefined ? undefined : controllerName(state, owner)
        if (name !== undefined) keys.add(objectKey(state!.metadata.namespace, name))
      }
      if (orphans !== undefined && mayBeAdopted(change))
        keys.add(objectKey(change.object.metadata.namespace, `${orphans}:${change.object.metadata.name}`))
      return keys
    },
  }
}

export function controllerName(object: KubeObject, { group, kind }: OwnerKind): string | undefined {
  const controller = controllerOf(object)
  if (controller === undefined || controller.kind !== kind) return undefined
  const slash = controller.apiVersion.indexOf('/')
  return (slash < 0 ? '' : controller.apiVersion.slice(0, slash)) === group ? controller.name : undefined
}

function mayBeAdopted({ type, object, previous }: Change): boolean {
  if (type === 'deleted' || object.metadata.deletionTimestamp !== undefined || controllerOf(object) !== undefined) return false
  return previous === undefined || controllerOf(previous) !== undefined || !equal(previous.metadata.labels, object.metadata.labels)
}

/** "pod:web-1" -> ["pod", "web-1"]; a plain name has no kind. */
export function splitName(name: string): { readonly about?: string; readonly name: string } {
  const colon = name.indexOf(':')
  return colon < 0 ? { name } : { about: name.slice(0, colon), name: name.slice(colon + 1) }
}

/**
 * "<namespace>/labels:<labels as JSON>": whoever selects such an object is concerned. Objects with the same labels, as pods of one
 * template, ask for one key.
 */
export const labelsKey = ({ metadata }: KubeObject): string =>
  `${metadata.namespace}/labels:${JSON.stringify(Object.entries(metadata.labels ?? {}).sort())}`

/** The labels in such a key's name. */
export const labelsIn = (name: string): Record<string, string> => Object.fromEntries(JSON.parse(name) as [string, string][])
