// The use of pods for autoscalers, from what the agents report.
import type { MetricsSource, PodMetric, PodsOfScale } from '../controllers/hpa/metrics.ts'
import { RESOURCE_API } from '../controllers/hpa/metrics.ts'
import type { ContainerUse, UsageBook } from './usage.ts'

export function usageSource(book: UsageBook): Pick<MetricsSource, 'resource'> {
  return {
    async resource(resource, pods, container) {
      await book.want(pods.namespace)
      const usages = new Map((await book.list(pods.namespace)).map(usage => [usage.uid, usage]))
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
