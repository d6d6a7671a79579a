// The verbs called inside the process (client.ts): the same defaults, admission, validation and managed fields as over HTTP, without
// bytes between. Objects are of the storage version.

import type { Client, DeleteOptions, PatchType, WriteOptions } from './client.ts'
import type { RequestContext, UserInfo } from './context.ts'
import { createReader, keyOf, type Machinery, type Target } from './machinery.ts'
import { clone, member } from './objects.ts'
import * as status from './status-error.ts'
import type { GroupResource, KubeObject } from './types.ts'
import { actOn } from './verbs/action.ts'
import { createObject } from './verbs/create.ts'
import { deleteObject } from './verbs/delete.ts'
import { patchObject } from './verbs/patch.ts'
import type { Scale } from './verbs/scale.ts'
import { updateObject } from './verbs/update.ts'

/** Names the writer in managed fields. Default: the user's name. */
export function createClient(machinery: () => Machinery, user: UserInfo, fieldManager = managerOf(user.name)): Client {
  return new InProcessClient(machinery, user, fieldManager)
}

/** "system:serviceaccount:kube-system:deployment-controller" writes as "deployment-controller". */
const managerOf = (name: string) => name.split(':').at(-1) || name

class InProcessClient implements Client {
  readonly #machinery: () => Machinery
  readonly #user: UserInfo
  readonly #fieldManager: string

  constructor(machinery: () => Machinery, user: UserInfo, fieldManager: string) {
    this.#machinery = machinery
    this.#user = user
    this.#fieldManager = fieldManager
  }

  async get<T extends KubeObject>(resource: GroupResource, namespace: string | undefined, name: string): Promise<T | undefined> {
    const stored = await this.#machinery().store.get(resource, keyOf(this.#target(resource, namespace, name)))
    return stored?.object as T | undefined
  }

  async create<T extends KubeObject>(resource: GroupResource, object: T, options: WriteOptions = {}): Promise<T> {
    const target = this.#target(resource, object.metadata.namespace, object.metadata.name)
    return (await createObject(this.#machinery(), target, this.#own(object, target), this.#context(options))) as T
  }

  async update<T extends KubeObject>(resource: GroupResource, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#put(resource, object, undefined, options)
  }

  async updateStatus<T extends KubeObject>(resource: GroupResource, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#put(resource, object, 'status', options)
  }

  async #put<T extends KubeObject>(resource: GroupResource, object: T, part: string | undefined, options: WriteOptions): Promise<T> {
    const target = this.#target(resource, object.metadata.namespace, object.metadata.name)
    const request = { part, uid: object.metadata.uid, desired: () => this.#own(object, target) }
    return (await updateObject(this.#machinery(), target, request, this.#context(options))).object as T
  }

  async patch<T extends KubeObject>(
    resource: GroupResource,
    namespace: string | undefined,
    name: string,
    patch: { readonly type: PatchType; readonly body: unknown; readonly subresource?: string },
  ): Promise<T> {
    const machinery = this.#machinery()
    const target = this.#target(resource, namespace, name)
    const context = this.#context({})
    const parsed = { type: patch.type, body: patch.body, duplicates: [], force: patch.type === 'apply' }
    const { scale } = target.endpoint.definition
    if (patch.subresource !== 'scale' || scale === undefined) {
      return (await patchObject(machinery, target, patch.subresource, parsed, context)).object as T
    }
    const { patchScale, scaleOf } = await import('./verbs/scale.ts')
    return scaleOf((await patchScale(machinery, target, scale, parsed, context)).object, scale) as KubeObject as T
  }

  async act<T extends KubeObject>(
    resource: GroupResource,
    namespace: string | undefined,
    name: string,
    subresource: string,
    body: KubeObject,
  ): Promise<T> {
    const target = this.#target(resource, namespace, name)
    const action = member(target.endpoint.definition.actions, subresource)
    if (action === undefined) throw status.unknownPath()
    const call = { namespace: target.namespace, name, query: new URLSearchParams(), path: '' }
    return (await actOn(this.#machinery(), target, subresource, action, clone(body), call, this.#context({}))) as T
  }

  async getPart<T extends KubeObject>(
    resource: GroupResource,
    namespace: string | undefined,
    name: string,
    subresource: string,
  ): Promise<T> {
    const target = this.#target(resource, namespace, name)
    const stored = await this.#machinery().store.get(resource, keyOf(target))
    if (stored === undefined) throw status.notFound(resource, name)
    const { scale } = target.endpoint.definition
    if (subresource !== 'scale' || scale === undefined) return stored.object as T
    const { scaleOf } = await import('./verbs/scale.ts')
    return scaleOf(stored.object, scale) as KubeObject as T
  }

  async updatePart<T extends KubeObject>(resource: GroupResource, subresource: string, object: KubeObject): Promise<T> {
    const target = this.#target(resource, object.metadata.namespace, object.metadata.name)
    const { scale } = target.endpoint.definition
    if (subresource !== 'scale' || scale === undefined)
      return this.#put(resource, object, subresource, {}) as Promise<KubeObject> as Promise<T>
    const { scaleOf, updateScale } = await import('./verbs/scale.ts')
    const request = { retries: 0, desired: () => clone(object) as Scale }
    return scaleOf((await updateScale(this.#machinery(), target, scale, request, this.#context({}))).object, scale) as KubeObject as T
  }

  async delete(
    resource: GroupResource,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): Promise<KubeObject | undefined> {
    try {
      const target = this.#target(resource, namespace, name)
      return (await deleteObject(this.#machinery(), target, { ...options, dryRun: [] }, this.#context({}))).last
    } catch (error) {
      if (status.isStatus(error, 'NotFound')) return undefined
      throw error
    }
  }

  #target(resource: GroupResource, namespace: string | undefined, name = ''): Target {
    const endpoint = this.#machinery().registry.storage(resource)
    if (endpoint === undefined) throw status.unknownPath()
    return { endpoint, namespace: endpoint.definition.namespaced ? (namespace ?? '') : '', name }
  }

  /** A copy that belongs to the request, complete as a decoded body would be. */
  #own(object: KubeObject, { endpoint }: Target): KubeObject {
    const own = clone(object)
    own.apiVersion ||= endpoint.apiVersion
    own.kind ||= endpoint.kind
    this.#machinery().engines.applyDefaults(own, endpoint.version.schema)
    endpoint.version.defaults?.(own)
    // As on the wire: an empty list is none.
    for (const list of ['ownerReferences', 'finalizers'] as const) if (own.metadata[list]?.length === 0) delete own.metadata[list]
    return own
  }

  #context({ dryRun = false }: WriteOptions): RequestContext {
    const machinery = this.#machinery()
    return {
      user: this.#user,
      now: machinery.now(),
      dryRun,
      fieldManager: this.#fieldManager,
      fieldValidation: 'Ignore',
      read: createReader(machinery.store),
      client: machinery.client,
      warn() {},
    }
  }
}
