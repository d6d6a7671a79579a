// The table's items: keys and attributes, and nothing about when they are written.
//
//   object  c/<cluster>/o/<group>/<resource>        <namespace>/<name>    rev, body | parts | gone, expires?
//   head    c/<cluster>/h/<group>/<resource>        head                  rev, at, settled?, marks
//   log     c/<cluster>/l/<group>/<resource>        <revision>            type, key, txn, at, expires, body | parts + before | beforeParts
//   part    c/<cluster>/b/<group>/<resource>/<key>  <revision>/<number>   body, expires?
//   note    c/<cluster>/n/<topic>                   <key>                 note, until, expires
//   line    c/<cluster>/k                           o/.. | n/..           of the catalogue: only clusters that may be deleted have one
//
// <cluster> is the cluster's id (shared/cluster-name.ts).
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { GroupResource } from '../../apimachinery/types.ts'
import type { ChangeType } from '../types.ts'
import { LOG_TTL_MS } from './times.ts'

export type Item = Record<string, AttributeValue>

/** Name of the attribute that DynamoDB's time to live looks at: seconds since the epoch. */
export const TTL_ATTRIBUTE = 'expires'

/** Present in log items that are changes, and in no other item: what the stream's filter asks for. */
export const CHANGE_ATTRIBUTE = 'type'

/** Where a log item keeps the object and the one before it: together in `body`, or each in parts when they are large. */
export const LOG_FIELDS = {
  body: 'body',
  /** Number of parts of the object, at the log item's own revision. */
  parts: 'parts',
  /** The object before, when it is small enough to be here. */
  before: 'before',
  beforeParts: 'beforeParts',
  beforeRevision: 'beforeRevision',
} as const

/**
 * In an object item: the object was deleted at `rev`. The item stays for as long as a creation with an older number may still be on its
 * way. Absence has no revision by which that one could be told from a new creation:
 *
 *   writer A: take 8 .................................. create(8): there is nothing, so it would succeed, after 14
 *   writer B:        take 9, create(9) .. delete(14)
 */
export const GONE_ATTRIBUTE = 'gone'

export const partition = (cluster: string, kind: 'o' | 'h' | 'l' | 'b', { group, resource }: GroupResource) =>
  `c/${cluster}/${kind}/${group}/${resource}`

/** Parts of the bodies of one object, of all its revisions. */
export const partsPartition = (cluster: string, collection: GroupResource, key: string) => `${partition(cluster, 'b', collection)}/${key}`
export const partKey = (revision: number, index: number) => `${pad(revision)}/${String(index).padStart(3, '0')}`

/** Decimal, as wide as the largest safe integer, so that text order is number order. */
export const pad = (revision: number): string => String(revision).padStart(16, '0')

export const S = (value: string): AttributeValue => ({ S: value })
export const N = (value: number): AttributeValue => ({ N: String(value) })
export const B = (value: Uint8Array): AttributeValue => ({ B: value })

export const textOf = (item: Item, name: string): string => item[name]?.S ?? ''
export const numberOf = (item: Item, name: string): number | undefined => (item[name]?.N === undefined ? undefined : Number(item[name].N))

/** Streams hand bytes to Lambda as base64. */
export function bytesOf(item: Item, name: string): Uint8Array | undefined {
  const value = item[name]?.B as Uint8Array | string | undefined
  return typeof value === 'string' ? Buffer.from(value, 'base64') : value
}

export const seconds = (milliseconds: number): number => Math.ceil(milliseconds / 1000)

/** Fills a slot for good without a change. */
export function skipItem(pk: string, revision: number, now: number): Item {
  return { pk: S(pk), sk: S(pad(revision)), at: N(now), [TTL_ATTRIBUTE]: N(seconds(now + LOG_TTL_MS)) }
}

export interface LogEntry {
  readonly type: ChangeType
  readonly key: string
  /** Which attempt to write filled the slot. */
  readonly txn: string
}

export function logItem(pk: string, revision: number, now: number, { type, key, txn }: LogEntry, content: Item): Item {
  return { ...skipItem(pk, revision, now), [CHANGE_ATTRIBUTE]: S(type), key: S(key), txn: S(txn), ...content }
}

/** A revision that the head had, when the last number up to it was taken, and when the first after it: ms since the epoch. */
export interface Mark {
  readonly revision: number
  readonly last: number
  readonly next: number
}

export const marksOf = (item: Item): Mark[] =>
  textOf(item, 'marks')
    .split(',')
    .filter(text => text !== '')
    .map(text => {
      const [revision = 0, last = 0, next = 0] = text.split(':').map(Number)
      return { revision, last, next }
    })

export const marksText = (marks: readonly Mark[]): string =>
  marks.map(({ revision, last, next }) => `${revision}:${last}:${next}`).join(',')
