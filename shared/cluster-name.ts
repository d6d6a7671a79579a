// What a cluster is called. People know it by its name; keys in the store, messages, tasks and schedules carry its id.
//
//   default cluster   name "default"   id "default"          https://host/
//   any other         name "pr-12"     id "pr-12.1f0c2a9b"   https://host/clusters/pr-12/
//
// The id has a part of the UID of the object that made the cluster (kind Cluster, in the default cluster). So one that is made again under
// an old name is another cluster for everything that remembers the old one: warm caches, messages on their way, agents, revisions.
import type { ObjectMeta } from './api/meta/v1.ts'
import type { GroupResource } from './apimachinery/types.ts'

export const CLUSTERS: GroupResource = { group: 'zeroplane.dev', resource: 'clusters' }

const PREFIX = '/clusters/'
const UID_PART = 8

export const clusterId = ({ name, uid = '' }: Pick<ObjectMeta, 'name' | 'uid'>): string => `${name}.${uid.slice(0, UID_PART)}`

/** "pr-12.1f0c2a9b" -> "pr-12" */
export const clusterName = (id: string): string => id.split('.', 1)[0]!

/** False for the default cluster, which no object stands for: names have no dots. */
export const isMade = (id: string): boolean => id.includes('.')

/** What paths of the cluster begin with: "/clusters/pr-12", and nothing for the default one. */
export const clusterPath = (id: string): string => (isMade(id) ? `${PREFIX}${clusterName(id)}` : '')

/** "/clusters/pr-12/api/v1" -> pr-12 and "/api/v1". Without a cluster's name it is the default one's, as it is. */
export function splitClusterPath(path: string): { readonly name: string | undefined; readonly path: string } {
  if (!path.startsWith(PREFIX)) return { name: undefined, path }
  const end = path.indexOf('/', PREFIX.length)
  const name = path.slice(PREFIX.length, end < 0 ? undefined : end)
  if (name === '') return { name: undefined, path }
  return { name, path: end < 0 ? '/' : path.slice(end) }
}
