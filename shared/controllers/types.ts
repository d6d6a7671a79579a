// A controller in controller-runtime's shape: it names what it watches and how that maps to keys, and reconciles one key.
// A key is only a name: reconcile is level-based, idempotent, and safe to run twice.
import type { Client } from '../apimachinery/client.ts'
import type { Registry } from '../apimachinery/registry.ts'
import type { GroupResource, KubeObject } from '../apimachinery/types.ts'
import type { Change, Informer } from '../store/types.ts'

/** Which keys of the controller a change concerns. Pure; sees the state before and after, so that both old and new owners are told. */
export interface Watch {
  /** "*" is every collection there is, those of custom resources too (garbage collection). */
  readonly resource: GroupResource | '*'
  keys(change: Change): Iterable<string>
}

/** Come back after this many seconds even if nothing changes (fractions allowed). Nothing: only when something changes. */
export interface Outcome {
  readonly requeueAfter?: number
  /** Other keys of the same controller that this one turned out to concern; they are reconciled as if something of theirs had changed. */
  readonly also?: readonly string[]
}

/** Throw to be tried again with back-off; throw TerminalError when trying again cannot help. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError'
}

/** Failures that the controller has told in an event of its own: they need no second one when they go on. */
export const told = new WeakSet<object>()

export interface EventRecorder {
  /**
   * Records a core/v1 Event about the object; repeated ones are counted, not added. Never throws: an event is not worth failing for.
   * `action` makes it an event of the newer kind (reportingComponent, action, eventTime), as the scheduler writes them.
   * `fieldPath` is the part of the object that it is about, e.g. "spec.containers{web}".
   */
  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, action?: string, fieldPath?: string): Promise<void>
}

export interface ControllerContext {
  readonly client: Client
  /**
   * The collection as of now: brought up to date on first use within one reconcile. Informers are shared, so while a reconcile waits for
   * something else they may move forward (never back): what must be one view is read without an await in between.
   */
  informer(resource: GroupResource): Promise<Informer>
  readonly events: EventRecorder
  /** Every kind that is served now, custom resources included. */
  readonly registry: Registry
  /** Milliseconds since the epoch; tests turn this clock by hand. */
  now(): number
}

export interface Controller {
  /** Standard name, as in upstream's --controllers list where there is one: "deployment", "replicaset", "garbagecollector" ... */
  readonly name: string
  /** Source of its events, as `kubectl describe` shows it. Default: "<name>-controller". */
  readonly component?: string
  /** The first one is of the kind that the keys name: what goes wrong with a key is told in an Event about that object. */
  readonly watches: readonly Watch[]
  reconcile(key: string, context: ControllerContext): Promise<Outcome | undefined>
}
