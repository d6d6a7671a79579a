// A list at one revision, made of reads that happen one after another while others write. The objects are read after a revision B
// that was settled before; then the log is read to its end, R. What changed between is in the log, so the log repairs what the
// reads saw at different times:
//
//   settled B | read objects a..m | (writes to b and p) | read objects n..z | read log B..R | list = objects with b and p as of R
//
// For an older revision the same changes are taken back instead.
import { OrderedItems } from '../ordered-items.ts'
import { redo, undo } from '../replay.ts'
import type { Change, ListOptions, ListResult, Stored } from '../types.ts'
import { FutureError } from '../types.ts'
import type { CollectionLog } from './collection-log.ts'
import { GONE_ATTRIBUTE, type Item } from './items.ts'
import type { Table } from './table.ts'

export interface ListSource {
  readonly table: Table
  /** Partition of the objects. */
  readonly objects: string
  readonly log: CollectionLog
  /** Undefined for an item that is no object any more. */
  readonly decode: (item: Item) => Promise<Stored | undefined>
}

/** Fewer items than this are not worth a call. */
const LEAST_READ = 20

export async function listPage(source: ListSource, { prefix, limit, after, at }: ListOptions): Promise<ListResult> {
  const { table, objects, log, decode } = source
  const bounded = limit !== undefined && limit > 0
  const before = await log.settled()
  const read: Stored[] = []
  let last: string | undefined = after
  // One more than asked for tells whether there is another page.
  let want = bounded ? limit + 1 : undefined
  for (;;) {
    let scanned = 0
    for await (const page of table.query(objects, { prefix, after: last }, want)) {
      for (const item of page) {
        scanned++
        last = item.sk?.S
        const stored = await decode(item)
        if (stored !== undefined) read.push(stored)
      }
    }
    const isAll = want === undefined || scanned < want
    const now = await log.sync()
    const revision = at ?? now
    if (revision > now) throw new FutureError(revision, now)

    const inRange = ({ key }: { readonly key: string }) =>
      (prefix === undefined || key.startsWith(prefix)) && (after === undefined || key > after) && (isAll || key <= last!)
    const items = new OrderedItems()
    for (const item of read) items.set(item)
    // Forward to now, and from there back.
    for (const change of (await log.after(before)).changes) if (change.revision <= now && inRange(change)) redo(items, change)
    const since = revision < now ? (await log.after(revision)).changes.filter(change => change.revision <= now) : []
    for (const change of since.toReversed()) if (inRange(change)) undo(items, change)

    const found = items.list()
    if (!bounded || (found.length <= limit && isAll)) return { items: found, revision }
    if (found.length <= limit) {
      // Some of those read are no part of the list.
      want = Math.max(limit + 1 - found.length, LEAST_READ)
      continue
    }
    const cut = found.slice(0, limit)
    const next = cut.at(-1)!.key
    const count = await table.countWithout(GONE_ATTRIBUTE, objects, { prefix, after: next })
    const rest = since.filter(({ key }) => key > next && (prefix === undefined || key.startsWith(prefix)))
    return { items: cut, revision, next, remaining: count === undefined ? undefined : count - growth(rest) }
  }
}

/** By how many objects the changes made a collection larger. */
function growth(changes: readonly Change[]): number {
  return changes.reduce((sum, { type }) => sum + (type === 'created' ? 1 : type === 'deleted' ? -1 : 0), 0)
}
