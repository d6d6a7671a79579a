// The API function without Lambda: everything it depends on is passed in, and what comes out is Request -> Response.
import type { Machinery } from '../../shared/apimachinery/machinery.ts'
import type { OpenApi } from '../../shared/apimachinery/openapi/route.ts'
import type { RequestInfo } from '../../shared/apimachinery/request/request-info.ts'
import type { ResourceDefinition } from '../../shared/apimachinery/resource.ts'
import { createServer, type ExtraRoute, type Handler } from '../../shared/apimachinery/server/server.ts'
import { BearerAuthenticator, type StaticToken, staticTokens } from '../../shared/auth/bearer.ts'
import { RbacAuthorizer } from '../../shared/auth/rbac.ts'
import { reviewResources } from '../../shared/auth/reviews.ts'
import { DEFAULT_ISSUER, ServiceAccountTokens } from '../../shared/auth/service-account-tokens.ts'
import { loadSigningKey } from '../../shared/auth/signing-key.ts'
import type { Authenticator } from '../../shared/auth/types.ts'
import { openCluster } from '../../shared/cluster.ts'
import { METRICS_READER, type MetricsOptions, metricsResources } from '../../shared/metrics/resources.ts'
import { builtInResources, DEFAULT_SERVICE_CIDR } from '../../shared/resources/index.ts'
import { withLegacyVersions } from '../../shared/resources/legacy/index.ts'
import type { Store } from '../../shared/store/types.ts'
import { aggregation } from './aggregation.ts'
import { bootstrap } from './bootstrap.ts'
import { issuerRoutes } from './issuer-routes.ts'
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
  /** Volumes can be made for claims that ask for nothing in particular. */
  readonly hasFileSystem?: boolean
  /** "host:port" under which clients reach the API. */
  readonly serverAddress?: string
  /** What clients' paths begin with before those of the API: "/clusters/pr-12". */
  readonly path?: string
  /** False: nothing is made that every cluster begins with, because this one is at its end. */
  readonly isNew?: boolean
  /** What pods use: with it, metrics.k8s.io is served. */
  readonly metrics?: MetricsOptions
  readonly extraRoutes?: readonly ExtraRoute[]
  readonly resources?: readonly ResourceDefinition[]
  /** Reviews are served in their versions of 2018, too. */
  readonly legacyApis?: boolean
  /** Longest watch in milliseconds. Default 30 minutes. */
  readonly maxWatch?: number
  /** Told of every request for a resource that is served: until the head of the answer was there. */
  onServed?(info: RequestInfo, code: number, milliseconds: number): void
  onError?(error: unknown, request: Request): void
}

export interface Api {
  readonly handle: Handler
  readonly machinery: Machinery
}

const MAX_WATCH = 30 * 60 * 1000

/** Starts the API on a store: the built-in objects are there when this returns. */
export async function createApi(dependencies: ApiDependencies): Promise<Api> {
  const { store, now, metrics, serviceCidr = DEFAULT_SERVICE_CIDR, maxWatch = MAX_WATCH } = dependencies
  const machinery = openCluster({ store, now, resources: dependencies.resources ?? builtInResources({ serviceCidr }) })
  const { registry } = machinery
  const serverAddress = dependencies.serverAddress ?? 'localhost:6443'
  const key = await loadSigningKey(store)
  const tokens = new ServiceAccountTokens(store, key, DEFAULT_ISSUER, machinery.now)
  const bearer = new BearerAuthenticator([staticTokens(dependencies.tokens ?? []), tokens], [DEFAULT_ISSUER])
  const authorizer = new RbacAuthorizer(store)
  const reviews = reviewResources(bearer, authorizer, authorizer)
  for (const review of dependencies.legacyApis ? withLegacyVersions(reviews) : reviews) registry.register(review)
  if (metrics !== undefined) for (const resource of metricsResources(metrics)) registry.register(resource)
  if (dependencies.isNew !== false) {
    const options = { serviceCidr, hasFileSystem: dependencies.hasFileSystem ?? false }
    await bootstrap(machinery, options, metrics === undefined ? [] : [METRICS_READER])
  }
  let openApi: Promise<OpenApi> | undefined
  /** Documents about types: loaded for the first who asks. */
  const documents = () => {
    openApi ??= import('../../shared/apimachinery/openapi/route.ts').then(
      ({ OpenApi }) => new OpenApi({ registry, version: VERSION.gitVersion }),
    )
    return openApi
  }
  const handle = createServer({
    machinery,
    authenticators: [...(dependencies.authenticators ?? []), bearer],
    authorizer,
    version: VERSION,
    serverAddress,
    extraRoutes: dependencies.extraRoutes,
    documents: [
      ...issuerRoutes(DEFAULT_ISSUER, `${serverAddress}${dependencies.path ?? ''}`, key),
      { prefix: '/openapi', handle: async (request, url) => (await documents()).respond(request, url, machinery.now()) },
    ],
    elsewhere: aggregation(machinery),
    maxWatch,
    onServed: dependencies.onServed,
    onError: dependencies.onError,
  })
  return { handle, machinery }
}
