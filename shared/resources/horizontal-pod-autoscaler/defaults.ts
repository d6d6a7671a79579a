// Defaults of autoscaling/v2 (pkg/apis/autoscaling/v2/defaults.go). In place.
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, HPAScalingRules, MetricSpec } from '../../api/autoscaling/v2.ts'

const PERIOD = 15
const UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: PERIOD },
    { type: 'Percent', value: 100, periodSeconds: PERIOD },
  ],
}
const DOWN: HPAScalingRules = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: PERIOD }] }

const rules = (given: HPAScalingRules | undefined, usual: HPAScalingRules, hasNoPolicies: boolean): HPAScalingRules => ({
  ...structuredClone(usual),
  ...(hasNoPolicies ? { policies: [] } : {}),
  ...given,
})

export const cpuMetric = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
})

export const DEFAULT_UTILIZATION = 80

/** No policies at all are not the usual ones: `emptied` knows of lists that were sent empty. */
export function defaultAutoscaler(autoscaler: HorizontalPodAutoscaler, emptied?: ReadonlyMap<string, string>): void {
  autoscaler.spec ??= {} as HorizontalPodAutoscalerSpec
  const { spec } = autoscaler
  spec.minReplicas ??= 1
  if (!spec.metrics?.length) spec.metrics = [cpuMetric(DEFAULT_UTILIZATION)]
  if (spec.behavior === undefined) return
  spec.behavior.scaleUp = rules(spec.behavior.scaleUp, UP, emptied?.has('spec.behavior.scaleUp.policies') === true)
  spec.behavior.scaleDown = rules(spec.behavior.scaleDown, DOWN, emptied?.has('spec.behavior.scaleDown.policies') === true)
}
