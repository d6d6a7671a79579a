// How controllers, the launcher and admission write and read: the API's own verbs, without HTTP between. Defaults, validation,
// admission and managed fields apply exactly as they do to a user's request.
import type { GroupResource, KubeObject } from './types.ts'

export interface WriteOptions {
  readonly dryRun?: boolean
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

export type PatchType = 'merge' | 'strategic' | 'json' | 'apply'

/** Objects are in the storage version of their kind. Every failure is a StatusError (status-error.ts) with upstream's reason. */
export interface Client {
  /** The newest state, or undefined when there is none. */
  get<T extends KubeObject>(resource: GroupResource, namespace: string | undefined, name: string): Promise<T | undefined>
  create<T extends KubeObject>(resource: GroupResource, object: T, options?: WriteOptions): Promise<T>
  /** With metadata.resourceVersion set it is a compare-and-swap; a lost one is a StatusError with reason Conflict. */
  update<T extends KubeObject>(resource: GroupResource, object: T, options?: WriteOptions): Promise<T>
  /** PUT on /status: takes status (and what else the kind's status strategy takes), leaves spec. */
  updateStatus<T extends KubeObject>(resource: GroupResource, object: T, options?: WriteOptions): Promise<T>
  patch<T extends KubeObject>(
    resource: GroupResource,
    namespace: string | undefined,
    name: string,
    patch: { readonly type: PatchType; readonly body: unknown; readonly subresource?: string },
  ): Promise<T>
  /** POST below an object: pods/binding, pods/eviction, serviceaccounts/token. Answers what the subresource answers. */
  act<T extends KubeObject>(
    resource: GroupResource,
    namespace: string | undefined,
    name: string,
    subresource: string,
    body: KubeObject,
  ): Promise<T>
  /** GET of a part: scale. */
  getPart<T extends KubeObject>(resource: GroupResource, namespace: string | undefined, name: string, subresource: string): Promise<T>
  /** PUT of a part other than status: namespaces/finalize, scale. `object` carries namespace and name. */
  updatePart<T extends KubeObject>(resource: GroupResource, subresource: string, object: KubeObject): Promise<T>
  /** Answers the last state, or undefined when there was no such object. */
  delete(resource: GroupResource, namespace: string | undefined, name: string, options?: DeleteOptions): Promise<KubeObject | undefined>
}
