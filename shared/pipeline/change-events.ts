// Object changes as events for the cluster's owner. docs/events.md is their schema. Pure.
import type { KubeObject } from '../apimachinery/types.ts'
import type { Change } from '../store/types.ts'

export interface ChangeDetail {
  readonly cluster: string
  /** "" is core. */
  readonly group: string
  readonly version: string
  readonly kind: string
  /** Plural name: "pods". */
  readonly resource: string
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string
  readonly name: string
  readonly uid: string
  /** Grows with every change of a collection; with the UID it tells repeated deliveries apart from new changes. */
  readonly resourceVersion: string
  readonly change: 'created' | 'updated' | 'deleted'
  /** As it is after the change; for a deletion, as it was. Without managedFields. Absent when it is too large. */
  readonly object?: KubeObject
  /** Present when the object is left out: its size in bytes. */
  readonly objectOmitted?: number
}

export interface ChangeEvent {
  /** "Pod Created" */
  readonly detailType: string
  readonly detail: ChangeDetail
}

/** Where events go. */
export interface ChangeBus {
  /** Answers the events that were not taken, though they were offered several times. */
  publish(events: readonly ChangeEvent[]): Promise<readonly ChangeEvent[]>
  /** Has dispatch offer them again in about a minute. */
  postpone(events: readonly ChangeEvent[]): Promise<void>
}

/** EventBridge takes 256 KiB for an entry, and SQS as much for a message in which a postponed event waits; the rest is for the envelopes. */
export const MOST_DETAIL_BYTES = 240 * 1024

const WORDS = { created: 'Created', updated: 'Updated', deleted: 'Deleted' } as const

export function eventOf(cluster: string, { type, collection, object }: Change): ChangeEvent {
  const { apiVersion, kind, metadata } = object
  const about: ChangeDetail = {
    cluster,
    group: collection.group,
    version: apiVersion.slice(apiVersion.indexOf('/') + 1),
    kind,
    resource: collection.resource,
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
    name: metadata.name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    change: type,
  }
  const whole: ChangeDetail = { ...about, object: publishable(collection.group, object) }
  const size = Buffer.byteLength(JSON.stringify(whole))
  const detail = size <= MOST_DETAIL_BYTES ? whole : { ...about, objectOmitted: Buffer.byteLength(JSON.stringify(whole.object)) }
  return { detailType: `${kind} ${WORDS[type]}`, detail }
}

/** What kubectl apply notes of the manifest: it repeats a Secret's data. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** Nobody asked for managedFields, which are often half of an object. The data of Secrets leave the store for nobody but the API's callers. */
function publishable(group: string, object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata
  if (group !== '' || object.kind !== 'Secret') return { ...object, metadata }
  const { data: _data, stringData: _text, ...rest } = object as KubeObject & { data?: unknown; stringData?: unknown }
  const { [LAST_APPLIED]: _applied, ...annotations } = metadata.annotations ?? {}
  return { ...rest, metadata: { ...metadata, annotations } }
}

/** The message in which a postponed event waits. */
export const messageOfEvent = (event: ChangeEvent): string => JSON.stringify({ event })

/** Undefined: some other message. */
export function parseEvent(body: string): ChangeEvent | undefined {
  const message = JSON.parse(body) as { event?: ChangeEvent } | null
  return message?.event
}
