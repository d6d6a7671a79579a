// The use of pods for autoscalers, from what the agents report.
import type { MetricsSource, PodMetric, PodsOfScale } from '../controllers/hpa/metrics.ts'
import { RESOURCE_API } from '../controllers/hpa/metrics.ts'
import type { ContainerUse, PodUsage, UsageBook } from './usage.ts'

/** The autoscalers of a namespace look at the same time: so long (ms) they share what one of them has read. */
const SHARED_MS = 2_000

export function usageSource(book: UsageBook, now: () => number): Pick<MetricsSource, 'resource'> {
  const lists = new Map<string, { readonly at: number; readonly usages: Promise<ReadonlyMap<string, PodUsage>> }>()
  const usagesOf = (namespace: string): Promise<ReadonlyMap<string, PodUsage>> => {
    const known = lists.get(namespace)
    if (known !== undefined && now() - known.at < SHARED_MS) return known.usages
    const usages = book.list(namespace).then(list => new Map(list.map(usage => [usage.uid, usage])))
    usages.catch(() => lists.delete(namespace))
    if (lists.size >= 1000) lists.clear()
    lists.set(namespace, { at: now(), usages })
    return usages
  }
  return {
    async resource(resource, pods, container) {
      await book.want(pods.namespace)
      const usages = await usagesOf(pods.namespace)
      const found = new Map<string, PodMetric>()
      for (const { metadata } of pods.pods) {
        const usage = usages.get(metadata.uid ?? '')
        if (usage === undefined) continue
        const measured = container === undefined ? usage.containers : usage.containers.filter(({ name }) => name === container)
        if (measured.length === 0) throw new Error(absent(pods, container ?? '', metadata.name))
        const value = measured.reduce((sum, use) => sum + thousandths(resource, use), 0)
        found.set(metadata.name, { value, at: usage.at, window: usage.window })
      }
      if (found.size === 0) throw new Error('no metrics returned from resource metrics API')
      return found
    },
  }
}

const absent = ({ namespace }: PodsOfScale, container: string, pod: string) =>
  `container ${container} not present in metrics for pod ${namespace}/${pod}`

/** Rounded up, as a quantity's thousandths are. */
function thousandths(resource: string, { nanoCores, memoryBytes }: ContainerUse): number {
  if (resource === 'cpu') return Math.ceil(nanoCores / 1e6)
  if (resource === 'memory') return memoryBytes * 1000
  throw new Error(`${RESOURCE_API}: ${resource} is not measured`)
}
