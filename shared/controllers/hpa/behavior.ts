// How fast a recommendation may be followed: limits, stabilisation and policies. Pure.
import type { HorizontalPodAutoscaler, HPAScalingPolicy, HPAScalingRules } from '../../api/autoscaling/v2.ts'

export interface Timed {
  readonly at: number
  readonly replicas: number
}

/** What was recommended and done lately. */
export interface Memory {
  recommendations: Timed[]
  /** Changes of scale: by how many. */
  ups: Timed[]
  downs: Timed[]
}

export const newMemory = (): Memory => ({ recommendations: [], ups: [], downs: [] })

const DEFAULT_UP: Required<Pick<HPAScalingRules, 'policies' | 'selectPolicy' | 'stabilizationWindowSeconds'>> = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
}
const DEFAULT_DOWN: typeof DEFAULT_UP = {
  stabilizationWindowSeconds: 300,
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
}

const rulesOf = (rules: HPAScalingRules | undefined, defaults: typeof DEFAULT_UP): typeof DEFAULT_UP => ({
  stabilizationWindowSeconds: rules?.stabilizationWindowSeconds ?? defaults.stabilizationWindowSeconds,
  selectPolicy: rules?.selectPolicy ?? defaults.selectPolicy,
  policies: rules?.policies?.length ? rules.policies : defaults.policies,
})

export interface Limited {
  readonly replicas: number
  readonly able: { readonly reason: string; readonly message: string }
  readonly limited: { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string }
}

/** Follows a recommendation as far as the autoscaler's rules let it; notes it in the memory. */
export function limit({ spec }: HorizontalPodAutoscaler, current: number, recommended: number, memory: Memory, now: number): Limited {
  const up = rulesOf(spec?.behavior?.scaleUp, DEFAULT_UP)
  const down = rulesOf(spec?.behavior?.scaleDown, DEFAULT_DOWN)
  const stable = stabilise(current, recommended, up.stabilizationWindowSeconds, down.stabilizationWindowSeconds, memory, now)
  const able =
    stable === recommended
      ? { reason: 'ReadyForNewScale', message: 'recommended size matches current size' }
      : stable > recommended
        ? {
            reason: 'ScaleDownStabilized',
            message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
          }
        : {
            reason: 'ScaleUpStabilized',
            message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
          }
  return { ...clamp(spec!, current, stable, { up, down }, memory, now), able }
}

function stabilise(current: number, recommended: number, upWindow: number, downWindow: number, memory: Memory, now: number): number {
  const longest = Math.max(upWindow, downWindow) * 1000
  memory.recommendations = memory.recommendations.filter(({ at }) => at > now - longest)
  const within = (seconds: number) => memory.recommendations.filter(({ at }) => at > now - seconds * 1000).map(({ replicas }) => replicas)
  const least = Math.min(recommended, ...within(upWindow))
  const most = Math.max(recommended, ...within(downWindow))
  memory.recommendations.push({ at: now, replicas: recommended })
  if (current < least) return least
  return Math.min(current, most)
}

const NEVER: Limited['limited'] = {
  status: 'False',
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
}

function clamp(
  { minReplicas = 1, maxReplicas }: NonNullable<HorizontalPodAutoscaler['spec']>,
  current: number,
  wanted: number,
  { up, down }: { readonly up: typeof DEFAULT_UP; readonly down: typeof DEFAULT_UP },
  memory: Memory,
  now: number,
): Omit<Limited, 'able'> {
  const says = (reason: string, message: string): Limited['limited'] => ({ status: 'True', reason, message })
  if (wanted > current) {
    const fastest = Math.max(upLimit(current, up, memory, now), current)
    const most = Math.min(fastest, maxReplicas)
    if (wanted > most) {
      return fastest < maxReplicas
        ? { replicas: most, limited: says('ScaleUpLimit', 'the desired replica count is increasing faster than the maximum scale rate') }
        : { replicas: most, limited: says('TooManyReplicas', 'the desired replica count is more than the maximum replica count') }
    }
    return wanted < minReplicas ? { replicas: minReplicas, limited: tooFew(says) } : { replicas: wanted, limited: NEVER }
  }
  if (wanted < current) {
    const fastest = Math.min(downLimit(current, down, memory, now), current)
    const least = Math.max(fastest, minReplicas)
    if (wanted < least) {
      return fastest > minReplicas
        ? { replicas: least, limited: says('ScaleDownLimit', 'the desired replica count is decreasing faster than the maximum scale rate') }
        : { replicas: least, limited: tooFew(says) }
    }
  }
  if (wanted > maxReplicas) {
    return { replicas: maxReplicas, limited: says('TooManyReplicas', 'the desired replica count is more than the maximum replica count') }
  }
  return wanted < minReplicas ? { replicas: minReplicas, limited: tooFew(says) } : { replicas: wanted, limited: NEVER }
}

const tooFew = (says: (reason: string, message: string) => Limited['limited']) =>
  says('TooFewReplicas', 'the desired replica count is less than the minimum replica count')

const changedSince = (changes: readonly Timed[], { periodSeconds }: HPAScalingPolicy, now: number): number =>
  changes.filter(({ at }) => at > now - periodSeconds * 1000).reduce((sum, { replicas }) => sum + replicas, 0)

function upLimit(current: number, { policies, selectPolicy }: typeof DEFAULT_UP, { ups, downs }: Memory, now: number): number {
  if (selectPolicy === 'Disabled') return current
  const limits = policies.map(policy => {
    const start = current - changedSince(ups, policy, now) + changedSince(downs, policy, now)
    return policy.type === 'Pods' ? start + policy.value : Math.ceil(start * (1 + policy.value / 100))
  })
  return selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits)
}

function downLimit(current: number, { policies, selectPolicy }: typeof DEFAULT_UP, { ups, downs }: Memory, now: number): number {
  if (selectPolicy === 'Disabled') return current
  const limits = policies.map(policy => {
    const start = current - changedSince(ups, policy, now) + changedSince(downs, policy, now)
    return policy.type === 'Pods' ? start - policy.value : Math.trunc(start * (1 - policy.value / 100))
  })
  return selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits)
}
