// metrics.k8s.io/v1beta1: what metrics-server serves, from what the agents report. Listed and got, never stored. And the one metric of
// external.metrics.k8s.io that needs no adapter.
import type { Node, Pod } from '../api/core/v1.ts'
import type { NodeMetrics, PodMetrics, Use } from '../api/metrics/v1beta1.ts'
import type { ClusterRole } from '../api/rbac/v1.ts'
import type { RequestContext } from '../apimachinery/context.ts'
import { addQuantities, formatQuantity, parseQuantity } from '../apimachinery/quantity.ts'
import { type Column, defineResource, type ResourceDefinition } from '../apimachinery/resource.ts'
import { notFound } from '../apimachinery/status-error.ts'
import { type Clock, sleep } from '../clock.ts'
import { type ContainerUse, EVERYWHERE, type PodUsage, type UsageBook } from './usage.ts'

const GROUP = 'metrics.k8s.io'
const API_VERSION = `${GROUP}/v1beta1`
export const EXTERNAL_GROUP = 'external.metrics.k8s.io'
const WORK_QUEUE_MESSAGES = 'workqueue_messages'
const PODS = { group: '', resource: 'pods' }
const NODES = { group: '', resource: 'nodes' }

/** A pod that runs for so long has been measured, and its agent has been told that figures are wanted. */
const MEASURED_AFTER_MS = 30_000
/** The first to ask waits for the agents' next reports, which are at most 30 s apart. */
const PATIENCE_MS = 35_000
const LOOK_MS = 1_000

/** Who may read objects may read what they use: metrics-server's role of the same name. */
export const METRICS_READER: ClusterRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: {
    name: 'system:aggregated-metrics-reader',
    labels: Object.fromEntries(['admin', 'edit', 'view'].map(role => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true'])),
  },
  rules: [
    { apiGroups: [GROUP], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] },
    { apiGroups: [EXTERNAL_GROUP], resources: [WORK_QUEUE_MESSAGES], verbs: ['get', 'list'] },
  ],
}

export interface MetricsOptions {
  readonly book: UsageBook
  readonly clock: Clock
}

export function metricsResources(options: MetricsOptions): readonly ResourceDefinition[] {
  const figures = (context: RequestContext, namespace: string) => figuresOf(options, context, namespace)
  return [podMetrics(options.book, figures), nodeMetrics(figures), workQueueMessages]
}

/** Who asks is rare: what answers is loaded then. */
const workQueueMessages: ResourceDefinition = {
  group: EXTERNAL_GROUP,
  resource: WORK_QUEUE_MESSAGES,
  singular: '',
  kind: 'ExternalMetricValueList',
  listKind: 'ExternalMetricValueList',
  namespaced: true,
  verbs: ['get'],
  versions: [{ version: 'v1beta1', storage: true, schema: 'io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValueList' }],
  virtualList: async () => [],
  document: async (context, namespace, labels) => (await import('./external.ts')).messagesDocument(context, namespace, labels),
}

type Figures = (context: RequestContext, namespace: string) => Promise<ReadonlyMap<string, PodUsage>>

/** By UID of the pod. The first to ask after a while waits until the agents have been told, instead of being told that there is nothing. */
async function figuresOf({ book, clock }: MetricsOptions, { read }: RequestContext, namespace: string): Promise<Map<string, PodUsage>> {
  const place = namespace === '' ? EVERYWHERE : namespace
  const begin = clock.now()
  const wasWanted = await book.want(place)
  for (;;) {
    const found = new Map((await book.list(place)).map(usage => [usage.uid, usage]))
    if (wasWanted || clock.now() - begin >= PATIENCE_MS) return found
    const pods = await read.list<Pod>(PODS, namespace === '' ? undefined : namespace)
    if (pods.every(pod => !isMeasured(pod, begin) || found.has(pod.metadata.uid ?? ''))) return found
    await sleep(clock, LOOK_MS)
  }
}

const isMeasured = ({ metadata, status }: Pod, now: number): boolean =>
  status?.phase === 'Running' && metadata.deletionTimestamp === undefined && Date.parse(status.startTime ?? '') + MEASURED_AFTER_MS < now

const columns: readonly Column[] = [
  { name: 'Name', type: 'string', format: 'name', description: 'Name of the resource' },
  { name: 'cpu', type: 'string', format: 'quantity' },
  { name: 'memory', type: 'string', format: 'quantity' },
  { name: 'Window', type: 'string', format: 'duration' },
]

const useOf = ({ nanoCores, memoryBytes }: Omit<ContainerUse, 'name'>): Use => ({
  cpu: formatQuantity(parseQuantity(`${nanoCores}n`)),
  memory: formatQuantity({ unscaled: BigInt(memoryBytes), scale: 0, format: 'binary' }),
})

const time = (milliseconds: number) => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z')
const seconds = (milliseconds: number) => `${Math.round(milliseconds / 1000)}s`

function podMetrics(book: UsageBook, figures: Figures): ResourceDefinition {
  return defineResource<PodMetrics>({
    group: GROUP,
    resource: 'pods',
    singular: 'pod',
    kind: 'PodMetrics',
    namespaced: true,
    verbs: ['get', 'list'],
    versions: [{ version: 'v1beta1', storage: true, schema: 'io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics' }],
    async virtualList(context, namespace, name) {
      if (name === undefined) {
        const found = await figures(context, namespace)
        const pods = await context.read.list<Pod>(PODS, namespace === '' ? undefined : namespace)
        return pods.flatMap(pod => metricsOf(pod, found.get(pod.metadata.uid ?? ''), context.now))
      }
      await book.want(namespace)
      const [pod, usage] = await Promise.all([context.read.get<Pod>(PODS, namespace, name), book.get(namespace, name)])
      const made = pod === undefined || usage?.uid !== pod.metadata.uid ? [] : metricsOf(pod, usage, context.now)
      if (made.length === 0) throw notFound({ group: GROUP, resource: 'podmetrics' }, `${namespace}/${name}`)
      return made
    },
    columns,
    cells: ({ metadata, containers, window }) => [metadata.name, total(containers, 'cpu'), total(containers, 'memory'), window],
  })
}

const total = (containers: PodMetrics['containers'], resource: 'cpu' | 'memory'): string =>
  formatQuantity(containers.map(({ usage }) => parseQuantity(usage[resource] ?? '0')).reduce((a, b) => addQuantities(a, b)))

function metricsOf({ metadata, status }: Pod, usage: PodUsage | undefined, now: number): PodMetrics[] {
  if (usage === undefined || status?.phase !== 'Running') return []
  const { name, namespace, labels } = metadata
  return [
    {
      kind: 'PodMetrics',
      apiVersion: API_VERSION,
      metadata: { name, namespace, creationTimestamp: time(now), ...(labels === undefined ? {} : { labels }) },
      timestamp: time(usage.at),
      window: seconds(usage.window),
      containers: usage.containers.map(container => ({ name: container.name, usage: useOf(container) })),
    },
  ]
}

function nodeMetrics(figures: Figures): ResourceDefinition {
  return defineResource<NodeMetrics>({
    group: GROUP,
    resource: 'nodes',
    singular: 'node',
    kind: 'NodeMetrics',
    namespaced: false,
    verbs: ['get', 'list'],
    versions: [{ version: 'v1beta1', storage: true, schema: 'io.k8s.metrics.pkg.apis.metrics.v1beta1.NodeMetrics' }],
    async virtualList(context, _namespace, name) {
      const nodes =
        name === undefined
          ? await context.read.list<Node>(NODES)
          : [await context.read.get<Node>(NODES, undefined, name)].filter(node => node !== undefined)
      if (nodes.length === 0 && name !== undefined) throw notFound({ group: GROUP, resource: 'nodemetrics' }, name)
      const byNode = Map.groupBy((await figures(context, '')).values(), ({ node }) => node)
      return nodes.map(node => sumOf(node, byNode.get(node.metadata.name) ?? [], context.now))
    },
    columns,
    cells: ({ metadata, usage, window }) => [metadata.name, usage.cpu, usage.memory, window],
  })
}

/** A node uses what its pods use: there is nothing else on it that would be ours to count. */
function sumOf({ metadata }: Node, pods: readonly PodUsage[], now: number): NodeMetrics {
  const { name, labels } = metadata
  const containers = pods.flatMap(pod => pod.containers)
  const sum = { nanoCores: 0, memoryBytes: 0 }
  for (const { nanoCores, memoryBytes } of containers) {
    sum.nanoCores += nanoCores
    sum.memoryBytes += memoryBytes
  }
  return {
    kind: 'NodeMetrics',
    apiVersion: API_VERSION,
    metadata: { name, creationTimestamp: time(now), ...(labels === undefined ? {} : { labels }) },
    timestamp: time(Math.max(...pods.map(({ at }) => at), pods.length === 0 ? now : 0)),
    window: seconds(Math.max(...pods.map(({ window }) => window), 15_000)),
    usage: useOf(sum),
  }
}
