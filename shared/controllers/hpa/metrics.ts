// Where an autoscaler gets its numbers from: a port. Without a source every question is answered as by a cluster without a metrics API.
import type { LabelSelector } from '../../apimachinery/types.ts'

/** Use of one pod, in thousandths of a core, bytes or the metric's own thousandths. */
export interface PodMetric {
  readonly value: number
  /** End of the window that was measured (ms since the epoch). */
  readonly at: number
  /** Its length in milliseconds. */
  readonly window: number
}

export interface MetricsSource {
  /** By pod name; of one container if it is named, otherwise of all together. CPU in thousandths, memory in bytes. @throws when there are none */
  resource(resource: string, namespace: string, selector: LabelSelector, container?: string): Promise<ReadonlyMap<string, PodMetric>>
  /** A custom metric of each pod, in thousandths. */
  pods(metric: string, namespace: string, selector: LabelSelector): Promise<ReadonlyMap<string, PodMetric>>
  /** A custom metric of one object, in thousandths. */
  object(
    metric: string,
    namespace: string,
    object: { readonly apiVersion?: string; readonly kind: string; readonly name: string },
  ): Promise<number>
  /** Values of an external metric, in thousandths. */
  external(metric: string, namespace: string, selector: LabelSelector | undefined): Promise<readonly number[]>
}

const NOT_SERVED = 'the server could not find the requested resource'

export const noMetrics: MetricsSource = {
  resource: async resource => {
    throw new Error(
      `unable to get metrics for resource ${resource}: unable to fetch metrics from resource metrics API: ${NOT_SERVED} (get pods.metrics.k8s.io)`,
    )
  },
  pods: async metric => {
    throw new Error(`unable to get metric ${metric}: unable to fetch metrics from custom metrics API: ${NOT_SERVED}`)
  },
  object: async (metric, _, { kind, name }) => {
    throw new Error(`unable to get metric ${metric}: ${kind} on ${name}: unable to fetch metrics from custom metrics API: ${NOT_SERVED}`)
  },
  external: async (metric, namespace) => {
    throw new Error(
      `unable to get external metric ${namespace}/${metric}: unable to fetch metrics from external metrics API: ${NOT_SERVED}`,
    )
  },
}
