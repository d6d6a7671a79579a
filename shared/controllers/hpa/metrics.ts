// Where an autoscaler gets its numbers from: a port. Numbers are thousandths: of a core, of a byte, of a metric's own unit.
import type { Pod } from '../../api/core/v1.ts'
import type { LabelSelector } from '../../apimachinery/types.ts'

/** A number of one pod. */
export interface PodMetric {
  readonly value: number
  /** End of the window that was measured (ms since the epoch). */
  readonly at: number
  /** Its length in milliseconds. */
  readonly window: number
}

/** The pods of a scale. */
export interface PodsOfScale {
  readonly namespace: string
  /** As the scale says it: "app=web". */
  readonly selector: string
  readonly pods: readonly Pod[]
}

export interface ObjectReference {
  readonly apiVersion?: string
  readonly kind: string
  readonly name: string
}

/** Everything throws what upstream's metrics client would say. */
export interface MetricsSource {
  /** By pod name; of one container if it is named, otherwise of all together. */
  resource(resource: string, pods: PodsOfScale, container?: string): Promise<ReadonlyMap<string, PodMetric>>
  /** A custom metric of each pod. */
  pods(metric: string, pods: PodsOfScale, selector: LabelSelector | undefined): Promise<ReadonlyMap<string, PodMetric>>
  /** A custom metric of one object. */
  object(metric: string, namespace: string, object: ObjectReference, selector: LabelSelector | undefined): Promise<number>
  /** Values of an external metric. */
  external(metric: string, namespace: string, selector: LabelSelector | undefined): Promise<readonly number[]>
}

const NOT_SERVED = 'the server could not find the requested resource'

export const CUSTOM_API = 'unable to fetch metrics from custom metrics API'
export const EXTERNAL_API = 'unable to fetch metrics from external metrics API'
export const RESOURCE_API = 'unable to fetch metrics from resource metrics API'

/** A cluster without any metrics API. */
export const noMetrics: MetricsSource = {
  resource: async () => {
    throw new Error(`${RESOURCE_API}: ${NOT_SERVED} (get pods.metrics.k8s.io)`)
  },
  pods: async () => {
    throw new Error(`${CUSTOM_API}: no custom metrics API (custom.metrics.k8s.io) registered`)
  },
  object: async () => {
    throw new Error(`${CUSTOM_API}: no custom metrics API (custom.metrics.k8s.io) registered`)
  },
  external: async metric => {
    throw new Error(`${EXTERNAL_API}: ${NOT_SERVED} (get ${metric}.external.metrics.k8s.io)`)
  },
}
