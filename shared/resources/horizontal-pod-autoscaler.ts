import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../api/autoscaling/v2.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { defaultAutoscaler } from './horizontal-pod-autoscaler/defaults.ts'
import { fromV1, toV1, withoutCarried } from './horizontal-pod-autoscaler/v1.ts'
import { validateAutoscaler, validateAutoscalerStatus } from './horizontal-pod-autoscaler/validate.ts'
import { age, columns, NONE, UNKNOWN, UNSET } from './printers/text.ts'
import { collect, keep, statusPart } from './strategy.ts'

const SHOWN = 2

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  const { type, external, pods, object, resource, containerResource } = spec
  if (type === 'External' || type === 'Object') {
    const { averageValue, value } = (type === 'External' ? external : object)?.target ?? {}
    const found = type === 'External' ? status?.external : status?.object
    return averageValue === undefined
      ? `${found === undefined ? UNKNOWN : (found.current?.value ?? '<nil>')}/${value ?? '<nil>'}`
      : `${found?.current?.averageValue ?? UNKNOWN}/${averageValue} (avg)`
  }
  if (type === 'Pods') return `${status?.pods?.current?.averageValue ?? UNKNOWN}/${pods?.target?.averageValue ?? '<nil>'}`
  if (type !== 'Resource' && type !== 'ContainerResource') return '<unknown type>'
  const { name, target } = (type === 'Resource' ? resource : containerResource) ?? {}
  const current = (type === 'Resource' ? status?.resource : status?.containerResource)?.current
  if (target?.averageValue !== undefined) return `${name}: ${current?.averageValue ?? UNKNOWN}/${target.averageValue}`
  const percent = (value: number | undefined, otherwise: string) => (value === undefined ? otherwise : `${value}%`)
  return `${name}: ${percent(current?.averageUtilization, UNKNOWN)}/${percent(target?.averageUtilization, '<auto>')}`
}

function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const metrics = spec?.metrics ?? []
  if (metrics.length === 0) return NONE
  const texts = metrics.map((metric, i) => metricText(metric, status?.currentMetrics?.[i]))
  const shown = texts.slice(0, SHOWN).join(', ')
  return texts.length > SHOWN ? `${shown} + ${texts.length - SHOWN} more...` : shown
}

export default defineResource<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  resource: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  kind: 'HorizontalPodAutoscaler',
  namespaced: true,
  shortNames: ['hpa'],
  categories: ['all'],
  versions: [
    {
      version: 'v2',
      storage: true,
      schema: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
      defaults(object, emptied) {
        const autoscaler = object as HorizontalPodAutoscaler
        autoscaler.metadata = withoutCarried(autoscaler).metadata
        defaultAutoscaler(autoscaler, emptied)
      },
    },
    {
      version: 'v1',
      schema: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
      defaults(object) {
        const { spec } = object as HorizontalPodAutoscaler
        if (spec !== undefined) spec.minReplicas ??= 1
      },
      toStorage: fromV1,
      fromStorage: toV1,
    },
  ],
  prepareForCreate(autoscaler) {
    autoscaler.status = { desiredReplicas: 0, currentMetrics: null as never }
  },
  prepareForUpdate: (autoscaler, old) => keep(autoscaler, old, 'status'),
  validate: autoscaler => collect(errors => validateAutoscaler(autoscaler, undefined, errors)),
  validateUpdate: (autoscaler, old) => collect(errors => validateAutoscaler(autoscaler, old, errors)),
  parts: {
    status: statusPart<HorizontalPodAutoscaler>({ check: (autoscaler, _, errors) => validateAutoscalerStatus(autoscaler, errors) }),
  },
  columns: columns('Name, Reference, Targets, MinPods, MaxPods, Replicas, Age'),
  cells: (autoscaler, now) => {
    const { metadata, spec, status } = autoscaler
    return [
      metadata.name,
      `${spec?.scaleTargetRef?.kind ?? ''}/${spec?.scaleTargetRef?.name ?? ''}`,
      targetsText(autoscaler),
      spec?.minReplicas === undefined ? UNSET : String(spec.minReplicas),
      spec?.maxReplicas ?? 0,
      status?.currentReplicas ?? 0,
      age(autoscaler, now),
    ]
  },
})
