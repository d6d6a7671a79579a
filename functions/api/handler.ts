import type { LambdaFunctionURLEvent } from 'aws-lambda'
import { MASTERS } from '../../shared/auth/types.ts'
import { readEnvironment } from '../../shared/aws/environment.ts'
import { iamAuthenticator } from '../../shared/aws/iam-authenticator.ts'
import { cloudWatchLogReader } from '../../shared/aws/log-reader.ts'
import { observed, telemetry } from '../../shared/aws/observed.ts'
import { ecsOf } from '../../shared/aws/pods.ts'
import { notesOf, storeOf } from '../../shared/aws/providers.ts'
import { systemClock } from '../../shared/clock.ts'
import { openCluster } from '../../shared/cluster.ts'
import { UsageBook } from '../../shared/metrics/usage.ts'
import { jsonLog } from '../../shared/pipeline/json-log.ts'
import { builtInResources } from '../../shared/resources/index.ts'
import { agentRoute } from './agents.ts'
import { createApi } from './app.ts'
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

const store = storeOf(CLUSTER_NAME)

const usage = new UsageBook(notesOf(CLUSTER_NAME), Date.now)

const reader = cloudWatchLogReader(POD_LOG_GROUP)
const streams = { log: podLogStream({ reader: () => reader, now: Date.now, longest: MAX_WATCH }), ...elsewhere(GATEWAY_URL) }

const api = createApi({
  store,
  resources: builtInResources({ serviceCidr: SERVICE_CIDR, streams, legacy: LEGACY_APIS === 'true' }),
  legacyApis: LEGACY_APIS === 'true',
  serviceCidr: SERVICE_CIDR,
  hasFileSystem: EFS_FILE_SYSTEM !== '',
  tokens: ADMIN_TOKEN === '' ? [] : [{ token: ADMIN_TOKEN, user: { name: 'kubernetes-admin', groups: [MASTERS] } }],
  authenticators: [iamAuthenticator(CLUSTER_NAME, ADMIN_PRINCIPALS)],
  maxWatch: MAX_WATCH,
  metrics: POD_METRICS === 'true' ? { book: usage, clock: systemClock } : undefined,
  extraRoutes: [
    agentRoute({
      machinery: openCluster({ store }),
      ecs: ecsOf,
      holdSeconds: Number(AGENT_HOLD_SECONDS),
      usage,
      gateway: GATEWAY_URL,
      log,
    }),
  ],
  onServed({ verb }, code, milliseconds) {
    const Verb = verb.toUpperCase()
    telemetry.add({ name: 'Requests', unit: 'Count', value: 1, by: { Verb, Code: String(code) } })
    telemetry.add({ name: 'RequestTime', unit: 'Milliseconds', value: milliseconds, by: { Verb } })
  },
  onError: (error, request) => log.error({ error, method: request.method, url: request.url }, 'a request failed'),
})

export const handler = observed<LambdaFunctionURLEvent, StreamedResponse>(
  async event => {
    const { handle } = await api
    if (!cameThrough(ORIGIN_SECRET, event.headers)) return streamedOf(goRound())
    const request = requestOf(event)
    return streamedOf(withHeartbeat(request, await handle(request), Number(HEARTBEAT_SECONDS)))
  },
  { streamifyResponse: true },
)
