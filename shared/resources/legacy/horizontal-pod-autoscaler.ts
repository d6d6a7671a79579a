// autoscaling/v2beta1, whose metrics are flat, and v2beta2, which became v2 as it was (pkg/apis/autoscaling/v2beta1/conversion.go).
import type { HorizontalPodAutoscaler } from '../../api/autoscaling/v2.ts'
import type { ResourceDefinition, VersionDefinition } from '../../apimachinery/resource.ts'
import type { KubeObject } from '../../apimachinery/types.ts'
import { cpuMetric, DEFAULT_UTILIZATION } from '../horizontal-pod-autoscaler/defaults.ts'
import {
  BEHAVIOR,
  carriedBy,
  compact,
  flatMetric,
  goBehavior,
  type Json,
  membersOf,
  readBehavior,
  readMetric,
  readStatus,
  withoutCarried,
} from '../horizontal-pod-autoscaler/v1.ts'
import { deprecated } from './deprecated.ts'

interface Flat extends KubeObject {
  spec?: Json & { minReplicas?: number; metrics?: unknown[] }
  status?: Json & { currentMetrics?: unknown[] }
}

function defaults(object: KubeObject): void {
  const { spec } = object as Flat
  if (spec === undefined) return
  spec.minReplicas ??= 1
  if ((spec.metrics ?? []).length === 0) spec.metrics = [flatMetric(cpuMetric(DEFAULT_UTILIZATION), 'target')]
}

function toStorage(object: KubeObject): KubeObject {
  const { spec, status, metadata } = object as Flat
  return withoutCarried({
    ...object,
    ...(spec && {
      spec: compact({
        ...spec,
        metrics: membersOf(spec.metrics ?? []).map(readMetric),
        behavior: carriedBy(metadata.annotations, BEHAVIOR, readBehavior),
      }),
    }),
    ...(status && {
      status: compact({ ...status, currentMetrics: status.currentMetrics ? membersOf(status.currentMetrics).map(readStatus) : null }),
    }),
  } as KubeObject)
}

/** How it behaves travels in an annotation: this version has no word for it. */
function fromStorage(object: KubeObject): KubeObject {
  const { spec, status, metadata, ...type } = object as HorizontalPodAutoscaler
  const { behavior, metrics, ...rest } = spec ?? ({} as NonNullable<HorizontalPodAutoscaler['spec']>)
  const annotations = { ...metadata.annotations, ...(behavior === undefined ? {} : { [BEHAVIOR]: goBehavior(behavior) }) }
  return {
    ...type,
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    ...(spec && { spec: compact({ ...rest, metrics: metrics?.map(one => flatMetric(one, 'target')) }) }),
    ...(status && {
      status: compact({ currentReplicas: 0, ...status, currentMetrics: status.currentMetrics?.map(one => flatMetric(one, 'current')) }),
    }),
  } as unknown as KubeObject
}

const KIND = 'HorizontalPodAutoscaler'

export function autoscalers({ versions }: ResourceDefinition): readonly VersionDefinition[] {
  const { schema, defaults: latest } = versions.find(({ storage }) => storage) as VersionDefinition
  return [
    {
      version: 'v2beta2',
      schema,
      ...(latest && { defaults: latest }),
      deprecation: deprecated('autoscaling/v2beta2', KIND, '1.23', '1.26', 'autoscaling/v2'),
    },
    {
      version: 'v2beta1',
      schema: `io.k8s.api.autoscaling.v2beta1.${KIND}`,
      defaults,
      toStorage,
      fromStorage,
      deprecation: deprecated('autoscaling/v2beta1', KIND, '1.22', '1.25', 'autoscaling/v2'),
    },
  ]
}
