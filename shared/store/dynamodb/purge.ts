// The end of a cluster in the table. A module of its own: hardly any process ever deletes a cluster.
import type { GroupResource } from '../../apimachinery/types.ts'
import { cataloguePlace } from './catalogue.ts'
import { partition, partsPartition, textOf } from './items.ts'
import type { Table } from './table.ts'

/** How many deletions are on their way at once. */
const WIDTH = 32

/**
 * Deletes what the cluster has in the table; its watches and caches in whatever process are not told. Can be repeated after it died on the way:
 * what leads to other items goes after them. The catalogue itself goes with the call that finds nothing else: a process that has written a line
 * does not write it again, and may have been about to write an item.
 * @returns how many items there were; 0: nothing of the cluster is left.
 */
export async function purge(table: Table, cluster: string): Promise<number> {
  const lines: string[] = []
  for await (const page of table.query(cataloguePlace(cluster))) lines.push(...page.map(line => textOf(line, 'sk')))
  let count = 0
  for (const line of lines) {
    const [kind, group = '', resource = ''] = line.split('/')
    count += kind === 'o' ? await purgeCollection(table, cluster, { group, resource }) : await empty(table, `c/${cluster}/${line}`)
  }
  if (count === 0) for (const line of lines) await table.delete(cataloguePlace(cluster), line)
  return count
}

async function purgeCollection(table: Table, cluster: string, collection: GroupResource): Promise<number> {
  const [objects, log] = [partition(cluster, 'o', collection), partition(cluster, 'l', collection)]
  const inParts = new Set<string>()
  // Whatever has parts is named by its object or, for as long as the parts live, by the log.
  for (const [pk, key] of [
    [objects, 'sk'],
    [log, 'key'],
  ] as const) {
    for await (const page of table.query(pk)) {
      for (const item of page) if ('parts' in item || 'beforeParts' in item) inParts.add(textOf(item, key))
    }
  }
  let count = 0
  for (const key of inParts) count += await empty(table, partsPartition(cluster, collection, key))
  for (const pk of [objects, log, partition(cluster, 'h', collection)]) count += await empty(table, pk)
  return count
}

async function empty(table: Table, pk: string): Promise<number> {
  let count = 0
  for await (const page of table.query(pk)) {
    const keys = page.map(item => textOf(item, 'sk'))
    for (let at = 0; at < keys.length; at += WIDTH) await Promise.all(keys.slice(at, at + WIDTH).map(sk => table.delete(pk, sk)))
    count += keys.length
  }
  return count
}
