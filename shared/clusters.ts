// Which clusters there are: objects of the default one. Asked before each request and each batch of work of another cluster, so it is one read.
import type { Cluster } from './api/zeroplane/v1alpha1.ts'
import { objectKey } from './apimachinery/types.ts'
import { CLUSTERS, clusterId, clusterName, isMade } from './cluster-name.ts'
import type { Store } from './store/types.ts'

/** The condition of a cluster that is being deleted, and of which nothing is left but items in the store. */
export const CONTENT_REMOVED = 'ContentRemoved'

/** Nobody is let in any more: not to be served, not to be worked on. */
export const isClosed = ({ metadata, status }: Cluster): boolean =>
  metadata.deletionTimestamp !== undefined &&
  (status?.conditions ?? []).some(({ type, status }) => type === CONTENT_REMOVED && status === 'True')

/** Anything may stand in a path. */
const NAME = /^[a-z0-9-]{1,63}$/

export class Clusters {
  readonly #store: Pick<Store, 'get'>

  /** @param store of the default cluster */
  constructor(store: Pick<Store, 'get'>) {
    this.#store = store
  }

  /** Undefined: there is none, or it is about to go. */
  async find(name: string): Promise<Cluster | undefined> {
    if (!NAME.test(name)) return undefined
    const cluster = (await this.#store.get(CLUSTERS, objectKey(undefined, name)))?.object as Cluster | undefined
    return cluster === undefined || isClosed(cluster) ? undefined : cluster
  }

  /** The default cluster is always there; another one by its id, which is not that of an earlier one of its name. */
  async isThere(id: string): Promise<boolean> {
    if (!isMade(id)) return true
    const cluster = await this.find(clusterName(id))
    return cluster !== undefined && clusterId(cluster.metadata) === id
  }
}
