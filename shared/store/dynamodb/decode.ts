// Items of the table as objects and changes.
import type { GroupResource, KubeObject } from '../../apimachinery/types.ts'
import type { Change, ChangeType } from '../types.ts'
import { unpack, unpackPair } from './body.ts'
import { bytesOf, CHANGE_ATTRIBUTE, type Item, LOG_FIELDS, numberOf, pad, partsPartition, textOf } from './items.ts'
import type { Known } from './recent.ts'
import type { Table } from './table.ts'

export async function decodeObject(table: Table, cluster: string, collection: GroupResource, item: Item): Promise<Known> {
  const key = textOf(item, 'sk')
  const revision = numberOf(item, 'rev') ?? 0
  const parts = numberOf(item, 'parts') ?? 0
  const body = bytesOf(item, 'body')
  const object = body === undefined ? await joinParts(table, cluster, collection, key, revision, parts) : unpack(body)
  return { key, revision, object, parts }
}

/** @param item a log item with CHANGE_ATTRIBUTE */
export async function decodeChange(table: Table, cluster: string, collection: GroupResource, item: Item): Promise<Change> {
  const type = textOf(item, CHANGE_ATTRIBUTE) as ChangeType
  const key = textOf(item, 'key')
  const revision = Number(textOf(item, 'sk'))
  const body = bytesOf(item, LOG_FIELDS.body)
  if (body !== undefined) {
    const [object, previous] = unpackPair(body)
    return { type, collection, key, revision, object, previous: previous ?? undefined }
  }
  const object = await joinParts(table, cluster, collection, key, revision, numberOf(item, LOG_FIELDS.parts) ?? 0)
  const before = bytesOf(item, LOG_FIELDS.before)
  const beforeParts = numberOf(item, LOG_FIELDS.beforeParts)
  const previous =
    before !== undefined
      ? unpack(before)
      : beforeParts !== undefined
        ? await joinParts(table, cluster, collection, key, numberOf(item, LOG_FIELDS.beforeRevision) ?? 0, beforeParts)
        : undefined
  return { type, collection, key, revision, object, previous }
}

/** What a log item's partition says: "c/<cluster>/l/<group>/<resource>". Undefined for any other item. */
export function logPartition(pk: string): { readonly cluster: string; readonly collection: GroupResource } | undefined {
  const [head, cluster, kind, group, resource] = pk.split('/')
  if (head !== 'c' || kind !== 'l' || cluster === undefined || group === undefined || resource === undefined) return undefined
  return { cluster, collection: { group, resource } }
}

async function joinParts(
  table: Table,
  cluster: string,
  collection: GroupResource,
  key: string,
  revision: number,
  count: number,
): Promise<KubeObject> {
  const bodies: Uint8Array[] = []
  for await (const page of table.query(partsPartition(cluster, collection, key), { prefix: `${pad(revision)}/` })) {
    for (const part of page) bodies.push(bytesOf(part, 'body') ?? new Uint8Array())
  }
  if (bodies.length !== count) {
    throw new Error(`${collection.resource} ${key} at revision ${revision} has ${bodies.length} parts of ${count}: its time is over`)
  }
  return unpack(Buffer.concat(bodies))
}
