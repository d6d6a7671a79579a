// The API function without Lambda: everything it depends on is passed in, and what comes out is Request -> Response.
import type { Machinery } from '../../shared/apimachinery/machinery.ts'
import type { ResourceDefinition } from '../../shared/apimachinery/resource.ts'
import { createServer, type DocumentRoute, type ExtraRoute, type Handler } from '../../shared/apimachinery/server/server.ts'
import { refuseUnknownTokens, type StaticToken, staticTokens } from '../../shared/auth/static-tokens.ts'
import type { Authenticator, Authorizer } from '../../shared/auth/types.ts'
import { openCluster } from '../../shared/cluster.ts'
import type { Store } from '../../shared/store/types.ts'
import { bootstrap } from './bootstrap.ts'
import { VERSION } from './version.ts'

export interface ApiDependencies {
  readonly store: Store
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  readonly tokens?: readonly StaticToken[]
  /** Tried before the static tokens. */
  readonly authenticators?: readonly Authenticator[]
  /** Range of cluster IPs. */
  readonly serviceCidr?: string
  /** "host:port" under which clients reach the API. */
  readonly serverAddress?: string
  readonly extraRoutes?: readonly ExtraRoute[]
  readonly resources?: readonly ResourceDefinition[]
  /** Longest watch in milliseconds. Default 30 minutes. */
  readonly maxWatch?: number
  onError?(error: unknown, request: Request): void
}

export interface Api {
  readonly handle: Handler
  readonly machinery: Machinery
}

const MAX_WATCH = 30 * 60 * 1000

/** Starts the API on a store: the built-in objects are there when this returns. */
export async function createApi(dependencies: ApiDependencies): Promise<Api> {
  const { store, now, maxWatch = MAX_WATCH } = dependencies
  const machinery = openCluster({ store, now, resources: dependencies.resources })
  await bootstrap(machinery)
  const authorizer: Authorizer = { authorize: async () => ({ allowed: false }) }
  const documents: DocumentRoute[] = []
  const handle = createServer({
    machinery,
    authenticators: [...(dependencies.authenticators ?? []), staticTokens(dependencies.tokens ?? []), refuseUnknownTokens],
    authorizer,
    version: VERSION,
    serverAddress: dependencies.serverAddress ?? 'localhost:6443',
    extraRoutes: dependencies.extraRoutes,
    documents,
    maxWatch,
    onError: dependencies.onError,
  })
  return { handle, machinery }
}
