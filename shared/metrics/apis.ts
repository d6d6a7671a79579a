// The metrics APIs that somebody has brought: custom.metrics.k8s.io, external.metrics.k8s.io, and metrics.k8s.io where it is not ours. They
// are asked as upstream's autoscaler asks them, of the server that an APIService names.
import { groupVersionOf, isAvailable, type Remotes } from '../aggregation/remote.ts'
import type { APIService } from '../api/apiregistration/v1.ts'
import type { PodMetrics } from '../api/metrics/v1beta1.ts'
import { formatSelector, fromLabelSelector } from '../apimachinery/label-selector.ts'
import { quantityMilliValue } from '../apimachinery/quantity.ts'
import type { LabelSelector } from '../apimachinery/types.ts'
import {
  CUSTOM_API,
  EXTERNAL_API,
  type MetricsSource,
  type ObjectReference,
  type PodMetric,
  RESOURCE_API,
} from '../controllers/hpa/metrics.ts'
import { messageOf } from '../controllers/replicas.ts'

const AUTOSCALER = {
  name: 'system:serviceaccount:kube-system:horizontal-pod-autoscaler',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
}
const CUSTOM = { group: 'custom.metrics.k8s.io', versions: ['v1beta2', 'v1beta1'] }
const EXTERNAL = { group: 'external.metrics.k8s.io', versions: ['v1beta1'] }
const RESOURCE = { group: 'metrics.k8s.io', versions: ['v1beta1'] }
const PATIENCE_MS = 10_000
/** What a custom metric that says nothing of its window was measured over. */
const USUAL_WINDOW_S = 60

interface MetricValue {
  readonly describedObject: ObjectReference
  readonly timestamp: string
  readonly windowSeconds?: number
  readonly value: string
}

interface Answer<T> {
  readonly items?: readonly T[]
}

/** `own` answers for metrics.k8s.io while nobody else does. */
export function apiSource(remotes: Remotes, own: Pick<MetricsSource, 'resource'>): MetricsSource {
  const find = async ({ group, versions }: typeof CUSTOM): Promise<APIService | undefined> => {
    for (const version of versions) {
      const found = await remotes.find(group, version)
      if (found !== undefined) return found
    }
    return undefined
  }

  const ask = async <T>(service: APIService, path: string, query: Record<string, string>): Promise<readonly T[]> => {
    const { group, version } = groupVersionOf(service)
    const unable = `the server is currently unable to handle the request (get ${path.split('/')[2]}.${group})`
    if (!isAvailable(service)) throw new Error(unable)
    const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''))
    const url = `/apis/${group}/${version}${path}${search.size > 0 ? `?${search}` : ''}`
    let answer: Response
    try {
      answer = await remotes.ask(service, url, { method: 'GET', headers: { accept: 'application/json' } }, AUTOSCALER, PATIENCE_MS)
    } catch (error) {
      throw new Error(`${unable}: ${messageOf(error)}`)
    }
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(messageIn(text) ?? unable)
    return (JSON.parse(text) as Answer<T>).items ?? []
  }

  const custom = async (path: string, query: Record<string, string>): Promise<readonly MetricValue[]> => {
    const service = await find(CUSTOM)
    if (service === undefined) throw new Error(`${CUSTOM_API}: no custom metrics API (custom.metrics.k8s.io) registered`)
    const items = await explained(CUSTOM_API, ask<MetricValue>(service, path, query))
    if (items.length === 0) throw new Error('no metrics returned from custom metrics API')
    return items
  }

  return {
    async resource(resource, pods, container) {
      const service = await find(RESOURCE)
      if (service === undefined) return own.resource(resource, pods, container)
      const path = `/namespaces/${pods.namespace}/pods`
      const items = await explained(RESOURCE_API, ask<PodMetrics>(service, path, { labelSelector: pods.selector }))
      if (items.length === 0) throw new Error('no metrics returned from resource metrics API')
      return new Map(items.flatMap(item => podMetric(item, resource, container)))
    },

    async pods(metric, { namespace, selector }, metricSelector) {
      const query = { labelSelector: selector, metricLabelSelector: text(metricSelector) }
      const items = await custom(`/namespaces/${namespace}/pods/*/${encodeURIComponent(metric)}`, query)
      return new Map(
        items.map(({ describedObject, timestamp, windowSeconds = USUAL_WINDOW_S, value }) => [
          describedObject.name,
          { value: quantityMilliValue(value), at: Date.parse(timestamp), window: windowSeconds * 1000 },
        ]),
      )
    },

    async object(metric, namespace, object, metricSelector) {
      const name = encodeURIComponent(metric)
      const path =
        object.kind === 'Namespace'
          ? `/namespaces/${object.name}/metrics/${name}`
          : `/namespaces/${namespace}/${resourceOf(object)}/${object.name}/${name}`
      const [first] = await custom(path, { metricLabelSelector: text(metricSelector) })
      return quantityMilliValue(first!.value)
    },

    async external(metric, namespace, selector) {
      const service = await find(EXTERNAL)
      if (service === undefined) {
        throw new Error(`${EXTERNAL_API}: the server could not find the requested resource (get ${metric}.external.metrics.k8s.io)`)
      }
      const path = `/namespaces/${namespace}/${encodeURIComponent(metric)}`
      const items = await explained(EXTERNAL_API, ask<MetricValue>(service, path, { labelSelector: text(selector) }))
      if (items.length === 0) throw new Error('no metrics returned from external metrics API')
      return items.map(({ value }) => quantityMilliValue(value))
    },
  }
}

const text = (selector: LabelSelector | undefined): string => formatSelector(fromLabelSelector(selector) ?? [])

function messageIn(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { message?: string }).message
  } catch {
    return undefined
  }
}

function podMetric({ metadata, timestamp, window, containers }: PodMetrics, resource: string, container?: string): [string, PodMetric][] {
  const measured = container === undefined ? containers : containers.filter(({ name }) => name === container)
  if (container !== undefined && measured.length === 0) {
    throw new Error(`container ${container} not present in metrics for pod ${metadata.namespace}/${metadata.name}`)
  }
  if (measured.length === 0 || measured.some(({ usage }) => usage[resource] === undefined)) return []
  const value = measured.reduce((sum, { usage }) => sum + quantityMilliValue(usage[resource]!), 0)
  return [[metadata.name, { value, at: Date.parse(timestamp), window: seconds(window) * 1000 }]]
}

/** "1m30s" */
function seconds(duration: string): number {
  const [, hours = 0, minutes = 0, rest = 0] = /^(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?$/.exec(duration) ?? []
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest)
}

/** "services", "ingresses.networking.k8s.io": the rule by which kinds are named after resources. */
function resourceOf({ apiVersion = 'v1', kind }: ObjectReference): string {
  const lower = kind.toLowerCase()
  const plural = lower.endsWith('s') ? `${lower}es` : lower.endsWith('y') ? `${lower.slice(0, -1)}ies` : `${lower}s`
  const [group, version] = apiVersion.split('/')
  return version === undefined ? plural : `${plural}.${group}`
}

async function explained<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw new Error(`${what}: ${messageOf(error)}`)
  }
}
