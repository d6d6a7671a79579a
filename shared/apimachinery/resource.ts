// What the API must know of one kind. Everything that is true of every kind is in this folder; one file in shared/resources per
// kind holds the rest, as a ResourceDefinition. A custom resource is the same thing, made from its definition.
//
// What happens to an object that is written, in order:
//
//   body -> decode by schema -> schema defaults -> version.defaults -> version.toStorage -> managed fields -> mutating admission
//        -> metadata is filled in -> begin -> prepareForCreate | prepareForUpdate -> validate | validateUpdate
//        -> validating admission -> store -> version.fromStorage -> answer
//
// Hooks see objects of the storage version. The object they are given belongs to the request and may be changed in place; `old` is
// shared with everybody and must not be.
import type { RequestContext } from './context.ts'
import type { FieldError } from './field-error.ts'
import type { Selector } from './label-selector.ts'
import type { GroupVersionKind, KubeObject } from './types.ts'

export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  /** "" is core. */
  readonly group: string
  /** Plural name, as in paths: "deployments". */
  readonly resource: string
  /** "deployment" */
  readonly singular: string
  readonly kind: string
  /** Default: kind + "List". */
  readonly listKind?: string
  readonly namespaced: boolean
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  /** Every served version; exactly one has `storage`. Discovery orders them by Kubernetes' version priority. */
  readonly versions: readonly VersionDefinition[]
  /** "group/version" that upstream keeps in its store where it is another than ours: discovery's storageVersionHash tells it. */
  readonly storedUpstreamAs?: string
  /** Default: create, delete, deletecollection, get, list, patch, update, watch. */
  readonly verbs?: readonly Verb[]
  /** Made from a CustomResourceDefinition: looked up anew for every request, and answered in a few ways of its own. */
  readonly custom?: boolean
  /** Awaited before a write: rules that few clusters need are no part of a cold start. */
  load?(): Promise<void>

  /** Default: RFC 1123 subdomain. Answers what is wrong with a name (upstream's wording), nothing when it is fine. */
  validateName?(name: string): readonly string[]
  /** Whether metadata.generation is kept: 1 at creation, +1 whenever this says so. Absent: the kind has none, and a client's stays. */
  generation?: (object: T, old: T) => boolean
  /** Finalizers need no domain of their own in their names. */
  readonly plainFinalizers?: boolean
  /** What the kind's own rules look at in metadata of an update, besides what is looked at for every kind. Default: what changed. */
  readonly metadataOnUpdate?: 'change' | 'whole' | 'both' | 'none'
  /** PUT (and apply is always able to) creates what is absent. */
  readonly allowCreateOnUpdate?: boolean
  /** PUT without resourceVersion overwrites whatever is there. Default true. */
  readonly allowUnconditionalUpdate?: boolean
  /** An object that the kind does not store: POST answers what this answers (TokenReview, SubjectAccessReview ...). */
  virtual?(object: T, context: RequestContext): Promise<KubeObject>
  /**
   * A read-only collection that is made up when asked for (ComponentStatus): of a namespace, or of all ("" then), and of one name if only
   * that is asked for. Selectors are applied to the answer. May throw a StatusError.
   */
  virtualList?(context: RequestContext, namespace: string, name?: string): Promise<readonly T[]>
  /**
   * A collection that is read as one document in a form of its own, by the label selector of the request (external metrics). Has
   * `virtualList`, too, which answers nothing: there are no single objects.
   */
  document?(context: RequestContext, namespace: string, labels: Selector): Promise<object>

  prepareForCreate?(object: T, context: RequestContext): void
  prepareForUpdate?(object: T, old: T, context: RequestContext): void
  validate?(object: T, context: RequestContext): readonly FieldError[]
  /** Called instead of validate; call validate from here when what holds at creation must hold always. Metadata is checked by the core. */
  validateUpdate?(object: T, old: T, context: RequestContext): readonly FieldError[]
  warnings?(object: T, old: T | undefined, context: RequestContext): readonly string[]
  /** Takes what must be taken before the object can be stored (cluster IPs, node ports). Never called with a dry run's side effects: look at context.dryRun. */
  begin?(object: T, old: T | undefined, context: RequestContext): Promise<Begun | undefined>
  /** Before a request for the kind is answered: makes what every cluster has of it, unless it is there. Keeps in mind that it did. */
  firstObjects?(context: RequestContext): Promise<void>
  /** After the object is gone from the store: gives back what begin took. */
  afterDelete?(object: T, context: RequestContext): Promise<void>
  /** Shapes what readers see, in place, on a copy (events without a count ...). */
  decorate?(object: T): void

  readonly deletion?: DeletionStrategy<T>
  /** GET, PUT and PATCH of a part of the object, by subresource name: status, ephemeralcontainers, resize, approval, finalize. */
  readonly parts?: Readonly<Record<string, PartStrategy<T>>>
  readonly scale?: ScaleStrategy<T>
  /** Everything else below an object, by name: eviction, binding, token, log, exec, proxy ... */
  readonly actions?: Readonly<Record<string, Action>>

  /** Default columns: Name, Created At. */
  readonly columns?: readonly Column[]
  /** One cell per column: string, number or boolean. `now` in milliseconds since the epoch; ages are made with it. */
  cells?(object: T, now: number): readonly unknown[]
  /** Conditions of a Table row (a finished Pod has one). */
  rowConditions?(object: T): readonly RowCondition[]
  /** Field selectors besides metadata.name and metadata.namespace: label -> value as text. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>
  /** Other names of such fields, e.g. { "spec.host": "spec.nodeName" }. */
  readonly selectorAliases?: Readonly<Record<string, string>>

  /** Top-level paths that a writer through the main endpoint never owns, e.g. [["status"]]. Default: status when there is such a part. */
  readonly resetFields?: readonly (readonly string[])[]
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch'

export interface VersionDefinition {
  /** The group that serves this version where it is not the definition's own: extensions/v1beta1 Deployments are apps/deployments. */
  readonly group?: string
  readonly version: string
  /** The kind in this version, where it differs. */
  readonly kind?: string
  /** Default true. */
  readonly served?: boolean
  readonly storage?: boolean
  /** Not listed in discovery, though served. */
  readonly hidden?: boolean
  /** Name in the schema: "io.k8s.api.apps.v1.Deployment". */
  readonly schema: string
  /** What is otherwise in this version than in the definition (custom resources: columns, subresources, validation ...). */
  readonly own?: Partial<ResourceDefinition>
  /** Defaults that the schema does not say, in place; the object is of this version. Run after the schema's own. */
  defaults?(object: KubeObject, emptied?: ReadonlyMap<string, string>): void
  /** Warning on every use, e.g. "extensions/v1beta1 Deployment is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 Deployment". */
  readonly deprecation?: string
  /** To the storage version and back. Absent for the storage version; apiVersion and kind are set by the core. May change and answer its argument. */
  toStorage?(object: KubeObject): KubeObject | Promise<KubeObject>
  /** Awaited for stored objects before fromStorage is asked for them: where somebody else converts. */
  prepare?(objects: readonly KubeObject[]): Promise<void>
  /** The argument is shared: must not be changed. For the storage version of custom resources: what is stored, as its schema is now. */
  fromStorage?(object: KubeObject): KubeObject
  /** Where this version names fields differently in field selectors: its names -> those of selectableFields; no others are known then. */
  readonly fieldLabels?: Readonly<Record<string, string>>
  /** What DELETE does with dependents when the request does not say, when asked through this version. Default: the definition's. */
  readonly defaultPropagation?: 'Background' | 'Orphan'
}

/** Undone when the write fails, or confirmed when it is stored. */
export interface Begun {
  commit?(): Promise<void>
  rollback?(): Promise<void>
}

export interface DeletionStrategy<T extends KubeObject = KubeObject> {
  /** The answer to DELETE of an object that is gone at once: the object, or (default) a Status. */
  readonly returnsObject?: boolean
  /** Default Background. None: dependents are not looked at whatever the request says (Event). */
  readonly defaultPropagation?: 'Background' | 'Orphan' | 'None'
  /** Warning to who deletes without saying what shall become of the dependents (Job). */
  readonly orphanWarning?: string
  /** Kinds that end gracefully (Pod) answer how many seconds the object gets; `requested` is what the client said, at least 0. Absent: at once. */
  gracePeriod?(object: T, requested: number | undefined, context: RequestContext): number
  /** The object gets its deletionTimestamp: what else changes (Namespace: status.phase). */
  prepare?(object: T, context: RequestContext): void
  /** The first DELETE only marks the object, and it waits while this says so, also without metadata.finalizers (Namespace: spec.finalizers). */
  pending?(object: T): boolean
  /** Throws a StatusError when it may not be deleted at all. */
  check?(object: T, context: RequestContext): void
}

/**
 * A write to a part. Unless `prepare` is given, "status" takes status, labels, annotations, finalizers and owner references from the
 * new object and everything else from the old one; other parts take everything.
 */
export interface PartStrategy<T extends KubeObject = KubeObject> {
  /** Default: get, patch, update. */
  readonly verbs?: readonly ('get' | 'patch' | 'update')[]
  /** For writes of the server itself, through its client: no path and no managed field names this part. */
  readonly internal?: boolean
  /** Called with the object as sent; takes back, in place, what this part may not change. */
  prepare?(object: T, old: T, context: RequestContext): void
  /** Default: the definition's validateUpdate is not called for status. */
  validate?(object: T, old: T, context: RequestContext): readonly FieldError[]
  warnings?(object: T, old: T, context: RequestContext): readonly string[]
  /** Paths that a writer through this part never owns. Default for status: [["spec"]]. */
  readonly resetFields?: readonly (readonly string[])[]
}

export interface ScaleStrategy<T extends KubeObject = KubeObject> {
  /** Version of autoscaling's Scale. Default v1. */
  readonly specReplicas: (object: T) => number
  readonly statusReplicas: (object: T) => number
  /** status.selector as text: "app=web,tier in (a,b)" */
  readonly selector: (object: T) => string
  /** In place. */
  setReplicas(object: T, replicas: number): void
  /** Where the number lives, for managed fields. Default ["spec", "replicas"]. */
  readonly path?: readonly string[]
}

/** Something done to an object through a path below it. */
export interface Action {
  /** As discovery names it; the group is "" in the parent's own group version. Default: the parent's kind. */
  readonly kind?: GroupVersionKind
  /** The versions of the parent below which it is served, e.g. ["extensions/v1beta1"]. Default: all. */
  readonly servedIn?: readonly string[]
  /** Verbs as discovery lists them. */
  readonly verbs: readonly string[]
  /** The path goes on after the subresource (proxy/some/path). */
  readonly anyPath?: boolean
  /** The answer is the object that was sent, owned by its sender. */
  readonly answersBody?: boolean
  /** Schema of the object that POST takes, with which it is decoded: e.g. "io.k8s.api.policy.v1.Eviction". */
  readonly accepts?: readonly AcceptedBody[]
  /** POST with an object. The answer is sent with 201. */
  create?(call: ActionCall, body: KubeObject, context: RequestContext): Promise<KubeObject>
  /** Anything else: the answer is sent as it is. Errors may be thrown as StatusError. */
  connect?(call: ActionCall, request: Request, context: RequestContext): Promise<Response>
}

export interface AcceptedBody extends GroupVersionKind {
  readonly schema: string
  /** In place. */
  defaults?(body: KubeObject): void
}

export interface ActionCall {
  /** "" for cluster-scoped kinds. */
  readonly namespace: string
  readonly name: string
  readonly query: URLSearchParams
  /** What follows the subresource in the path, with its slash: "/healthz", or "". */
  readonly path: string
}

export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  /** "name" for the first column. */
  readonly format?: string
  readonly description?: string
  /** 0 (default) is always shown, 1 only with -o wide. */
  readonly priority?: number
}

export interface RowCondition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
}

/** For definitions written with a kind's own type: `export default defineResource<Pod>({ ... })`. */
export function defineResource<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceDefinition {
  // The registry pairs objects with their definition, so each definition only ever sees its own kind.
  return definition as unknown as ResourceDefinition
}

export const ALL_VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
