import type { LambdaFunctionURLEvent } from 'aws-lambda'
import { MASTERS } from '../../shared/auth/types.ts'
import { readEnvironment } from '../../shared/aws/environment.ts'
import { iamAuthenticator } from '../../shared/aws/iam-authenticator.ts'
import { cloudWatchLogReader } from '../../shared/aws/log-reader.ts'
import { observed, telemetry } from '../../shared/aws/observed.ts'
import { ecsOf } from '../../shared/aws/pods.ts'
import { forgetCluster, notesOf, storeOf } from '../../shared/aws/providers.ts'
import { systemClock } from '../../shared/clock.ts'
import { openCluster } from '../../shared/cluster.ts'
import { clusterName, clusterPath, isMade, splitClusterPath } from '../../shared/cluster-name.ts'
import { Clusters } from '../../shared/clusters.ts'
import { UsageBook } from '../../shared/metrics/usage.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import type { ClusterKindOptions } from '../../shared/resources/cluster.ts'
import { builtInResources } from '../../shared/resources/index.ts'
import { agentRoute } from './agents.ts'
import { type Api, createApi } from './app.ts'
import { clusterTokenAction } from './cluster-token.ts'
import { ServedClusters } from './clusters.ts'
import { cameThrough, goRound, withHeartbeat } from './edge.ts'
import { requestOf, type StreamedResponse, streamedOf } from './function-url.ts'
import { podLogStream } from './pod-logs.ts'
import { elsewhere } from './streams-elsewhere.ts'

const log = jsonLog('api')
const {
  CLUSTER_NAME,
  SERVICE_CIDR,
  LEGACY_APIS,
  POD_METRICS,
  ADMIN_TOKEN,
  ADMIN_PRINCIPALS,
  AGENT_HOLD_SECONDS,
  GATEWAY_URL,
  POD_LOG_GROUP,
  ORIGIN_SECRET,
  HEARTBEAT_SECONDS,
  EFS_FILE_SYSTEM,
} = readEnvironment([
  'CLUSTER_NAME',
  'SERVICE_CIDR',
  'LEGACY_APIS',
  'POD_METRICS',
  'ADMIN_TOKEN',
  'ADMIN_PRINCIPALS',
  'AGENT_HOLD_SECONDS',
  'GATEWAY_URL',
  'POD_LOG_GROUP',
  'EFS_FILE_SYSTEM',
  'ORIGIN_SECRET',
  'HEARTBEAT_SECONDS',
])

/** Lambda ends a request after 15 minutes; a watch ends itself before, so that its client sees a proper end. */
const MAX_WATCH = 14 * 60 * 1000

const reader = cloudWatchLogReader(POD_LOG_GROUP)

/** The API of one cluster of the deployment: all but the store, and who is let in, is the same for each. */
function open(cluster: string, own: { readonly clusters: ClusterKindOptions | null; readonly isNew?: boolean }): Promise<Api> {
  const store = storeOf(cluster)
  const usage = new UsageBook(notesOf(cluster), Date.now)
  const path = clusterPath(cluster)
  const gateway = GATEWAY_URL === '' ? '' : `${GATEWAY_URL}${path}`
  const streams = { log: podLogStream({ reader: () => reader, now: Date.now, longest: MAX_WATCH }), ...elsewhere(gateway) }
  return createApi({
    store,
    path,
    isNew: own.isNew,
    resources: builtInResources({ serviceCidr: SERVICE_CIDR, streams, legacy: LEGACY_APIS === 'true', clusters: own.clusters }),
    legacyApis: LEGACY_APIS === 'true',
    serviceCidr: SERVICE_CIDR,
    hasFileSystem: EFS_FILE_SYSTEM !== '',
    // The secret is the default cluster's; an IAM token names the cluster that it is for.
    tokens: ADMIN_TOKEN === '' || isMade(cluster) ? [] : [{ token: ADMIN_TOKEN, user: { name: 'kubernetes-admin', groups: [MASTERS] } }],
    authenticators: [iamAuthenticator(clusterName(cluster), ADMIN_PRINCIPALS)],
    maxWatch: MAX_WATCH,
    metrics: POD_METRICS === 'true' ? { book: usage, clock: systemClock } : undefined,
    extraRoutes: [
      agentRoute({ machinery: openCluster({ store }), ecs: ecsOf, holdSeconds: Number(AGENT_HOLD_SECONDS), usage, gateway, log }),
    ],
    onServed({ verb }, code, milliseconds) {
      const Verb = verb.toUpperCase()
      telemetry.add({ name: 'Requests', unit: 'Count', value: 1, by: { Verb, Code: String(code) } })
      telemetry.add({ name: 'RequestTime', unit: 'Milliseconds', value: milliseconds, by: { Verb } })
    },
    onError: (error, request) => log.error({ error, cluster, method: request.method, url: request.url }, 'a request failed'),
  })
}

const directory = new Clusters(storeOf(CLUSTER_NAME))
const others = new ServedClusters({
  find: name => directory.find(name),
  open: (id, isNew) => open(id, { clusters: null, isNew }),
  closed: forgetCluster,
})
const token = clusterTokenAction(async name => (await others.api(name)).api.machinery)
const api = open(CLUSTER_NAME, { clusters: { taken: CLUSTER_NAME, token } })

export const handler = observed<LambdaFunctionURLEvent, StreamedResponse>(
  async event => {
    const { handle } = await api
    if (!cameThrough(ORIGIN_SECRET, event.headers)) return streamedOf(goRound())
    const { name, path } = splitClusterPath(event.rawPath)
    const request = requestOf(name === undefined ? event : { ...event, rawPath: path })
    const response = name === undefined || name === CLUSTER_NAME ? handle(request) : others.handle(name, request)
    return streamedOf(withHeartbeat(request, await response, Number(HEARTBEAT_SECONDS)))
  },
  { streamifyResponse: true },
)
