// The clusters of one deployment behind one address: /clusters/<name>/... is the cluster of that name, everything else the default one.
import type { Cluster } from '../../shared/api/zeroplane/v1alpha1.ts'
import { asStatusError, forbidden, notFound, type StatusError } from '../../shared/apimachinery/status-error.ts'
import { CLUSTERS, clusterId, clusterName } from '../../shared/cluster-name.ts'
import { SYNC_PATH } from '../../shared/pods/agent-protocol.ts'
import { RecentlyUsed } from '../../shared/recently-used.ts'
import type { Api } from './app.ts'

export interface ServedClustersOptions {
  /** The cluster of a name, as it is now. */
  readonly find: (name: string) => Promise<Cluster | undefined>
  /** Starts the API of a cluster. One that is being deleted gets nothing new, not what every cluster begins with either. */
  readonly open: (id: string, isNew: boolean) => Promise<Api>
  /** The cluster will not be served again. */
  readonly closed?: (id: string) => void
}

/** An environment keeps so many clusters open. */
const MOST_OPEN = 50

export class ServedClusters {
  readonly #options: ServedClustersOptions
  readonly #open: RecentlyUsed<Promise<Api>>

  constructor(options: ServedClustersOptions) {
    this.#options = options
    this.#open = new RecentlyUsed(MOST_OPEN, id => options.closed?.(id))
  }

  /** The API of a cluster. @throws StatusError 404 when there is none of that name. */
  async api(name: string): Promise<{ readonly api: Api; readonly cluster: Cluster }> {
    const cluster = await this.#options.find(name)
    const id = cluster && clusterId(cluster.metadata)
    // An earlier one of that name.
    for (const other of this.#open.keys()) if (clusterName(other) === name && other !== id) this.#open.delete(other)
    if (cluster === undefined || id === undefined) throw notFound(CLUSTERS, name)
    const api = this.#open.use(id, () => this.#options.open(id, cluster.metadata.deletionTimestamp === undefined))
    api.catch(() => this.#open.delete(id))
    return { api: await api, cluster }
  }

  /** @param request with the path inside the cluster */
  async handle(name: string, request: Request): Promise<Response> {
    try {
      const { api, cluster } = await this.api(name)
      checkCreation(cluster, request)
      return await api.handle(request)
    } catch (error) {
      const { status, code } = asStatusError(error)
      return Response.json(status, { status: code })
    }
  }
}

/** As a namespace that is being deleted: what is there can be looked at, changed and deleted, and its agents still report. */
function checkCreation({ metadata }: Cluster, { method, url }: Request): void {
  if (metadata.deletionTimestamp === undefined || method !== 'POST' || new URL(url).pathname === SYNC_PATH) return
  throw terminating(metadata.name)
}

const terminating = (name: string): StatusError =>
  forbidden(CLUSTERS, name, `unable to create new content in cluster ${name} because it is being terminated`)
