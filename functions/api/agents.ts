// The agents' sync call, served beside the Kubernetes API: agents have tokens of their own.
import type { Client } from '../../shared/apimachinery/client.ts'
import { clientFor } from '../../shared/apimachinery/create-machinery.ts'
import { createReader, type Machinery } from '../../shared/apimachinery/machinery.ts'
import type { ExtraRoute } from '../../shared/apimachinery/server/server.ts'
import { findInClusterCertificate, type InClusterCertificate } from '../../shared/auth/in-cluster-certificate.ts'
import { SYSTEM } from '../../shared/auth/types.ts'
import type { UsageBook } from '../../shared/metrics/usage.ts'
import { EventLog } from '../../shared/pipeline/event-recorder.ts'
import type { Log } from '../../shared/pipeline/log.ts'
import { SYNC_PATH } from '../../shared/pods/agent-protocol.ts'
import { agentKey } from '../../shared/pods/agent-token.ts'
import type { Ecs } from '../../shared/pods/ecs.ts'
import { usageSink } from '../../shared/pods/report-usage.ts'
import { createAgentSync, type Services } from '../../shared/pods/sync.ts'

export interface AgentRouteOptions {
  readonly machinery: Machinery
  readonly ecs: () => Ecs
  readonly holdSeconds: number
  /** Where figures of use are kept while somebody wants them. */
  readonly usage?: UsageBook
  /** Base URL of the gateway; empty or absent: there is none. */
  readonly gateway?: string
  readonly log: Log
}

export function agentRoute({ machinery, ecs, holdSeconds, usage, gateway, log }: AgentRouteOptions): ExtraRoute {
  const { store, now } = machinery
  const client = clientFor(machinery, SYSTEM, 'kubelet')
  let key: Promise<Buffer> | undefined
  const handle = createAgentSync({
    client,
    read: createReader(store),
    store,
    now,
    holdSeconds,
    gateway: gateway || undefined,
    events: new EventLog({ client, now, log }).recorder('kubelet'),
    key: () => {
      key ??= agentKey(client)
      key.catch(() => {
        key = undefined
      })
      return key
    },
    usage: usage && usageSink(usage, error => log.warn({ error }, 'usage could not be kept')),
    // Of two nobody knows which one asks.
    async findTask(uid) {
      const [task, ...more] = await ecs().listTasks({ startedBy: uid })
      return more.length > 0 ? undefined : task
    },
    services: lazyCatalog(machinery),
    apiCertificate: inClusterCertificate(client, now),
  })
  return { prefix: SYNC_PATH, handle }
}

/** Loaded when the first agent asks: no business of a cold start for kubectl. */
function lazyCatalog({ store, now }: Machinery): Services {
  let catalog: Promise<Services> | undefined
  const load = () => {
    catalog ??= import('../../shared/pods/services/catalog.ts').then(({ ServiceCatalog }) => new ServiceCatalog(store, now))
    return catalog
  }
  return {
    news: async (...asked) => (await load()).news(...asked),
    nextNews: async (...asked) => (await load()).nextNews(...asked),
  }
}

/** How long "there is none" is believed: it is made with the first namespace, if at all. Milliseconds. */
const ASK_AGAIN_MS = 60_000

function inClusterCertificate(client: Client, now: () => number): () => Promise<InClusterCertificate | undefined> {
  let known: InClusterCertificate | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  return async () => {
    if (known || now() - askedAt < ASK_AGAIN_MS) return known
    askedAt = now()
    known = await findInClusterCertificate(client)
    return known
  }
}
