// metrics.k8s.io, as k8s.io/metrics has it. Written by hand, beside shared/apimachinery/schema/own.ts.
import type { ObjectMeta, Time } from '../meta/v1.ts'

/** Quantities by resource: cpu and memory. */
export type Use = Record<string, string>

interface Measured {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  timestamp: Time
  /** "15s" */
  window: string
}

export interface NodeMetrics extends Measured {
  usage: Use
}

export interface PodMetrics extends Measured {
  containers: { name: string; usage: Use }[]
}
