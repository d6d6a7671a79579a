// What the verbs work with.

import type { Store } from '../store/types.ts'
import type { AdmissionChain } from './admission.ts'
import type { Client } from './client.ts'
import type { Reader, RequestContext } from './context.ts'
import type { Engines } from './engines.ts'
import { isPathSegmentName } from './names.ts'
import { clone } from './objects.ts'
import type { Endpoint, Registry } from './registry.ts'
import { badRequest } from './status-error.ts'
import { type GroupResource, groupVersion, type KubeObject, objectKey } from './types.ts'

export interface Machinery {
  readonly store: Store
  readonly registry: Registry
  readonly engines: Engines
  readonly admission: AdmissionChain
  /** Milliseconds since the epoch. */
  now(): number
  /** The server itself, with all rights. */
  readonly client: Client
}

export function createReader(store: Store): Reader {
  return {
    async get<T extends KubeObject>(resource: GroupResource, namespace: string | undefined, name: string) {
      return (await store.get(resource, objectKey(namespace, name)))?.object as T | undefined
    },
    async list<T extends KubeObject>(resource: GroupResource, namespace?: string) {
      const { items } = await store.list(resource, namespace === undefined ? {} : { prefix: `${namespace}/` })
      return items.map(item => item.object as T)
    },
  }
}

/** One object of a collection, and the version in which it is talked about. */
export interface Target {
  readonly endpoint: Endpoint
  /** "" for cluster-scoped kinds. */
  readonly namespace: string
  readonly name: string
}

/** @throws StatusError 400 for what can be no name, whatever the kind */
export function keyOf({ namespace, name }: Target): string {
  const wrong = isPathSegmentName(name)
  if (wrong.length > 0) throw badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${wrong.join(';')}`)
  return objectKey(namespace, name)
}

/** The object in the endpoint's version. The argument is not changed; the answer may be the argument itself. */
export function toVersion(object: KubeObject, { version, storage, definition, apiVersion, kind }: Endpoint): KubeObject {
  if (version === storage && definition.decorate === undefined && version.fromStorage === undefined) return object
  const other = version.fromStorage?.(object) ?? (version === storage ? clone(object) : object)
  const converted = other === object ? { ...object } : other
  if (version !== storage) {
    converted.apiVersion = apiVersion
    converted.kind = kind
  }
  definition.decorate?.(converted)
  return converted
}

/** The object in storage version. Takes its argument over. */
export async function toStorage(object: KubeObject, endpoint: Endpoint, engines: Engines): Promise<KubeObject> {
  const { version, storage, definition, storageApiVersion } = endpoint
  if (version === storage) return object
  const converted = (await version.toStorage?.(object)) ?? object
  converted.apiVersion = storageApiVersion
  converted.kind = storage.kind ?? definition.kind
  if (definition.custom) return converted
  // What the other version does not know gets its defaults as if it had been left out.
  engines.applyDefaults(converted, storage.schema)
  storage.defaults?.(converted)
  return converted
}

export const apiVersionOf = (endpoint: Endpoint) => groupVersion(endpoint.group, endpoint.version.version)

export type { RequestContext }
