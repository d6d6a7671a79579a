// How fast a recommendation may be followed: limits, stabilisation and policies. Pure.
import type { HorizontalPodAutoscaler, HPAScalingPolicy, HPAScalingRules } from '../../api/autoscaling/v2.ts'
import type { History, Timed } from './history.ts'

type Rules = Required<Pick<HPAScalingRules, 'policies' | 'selectPolicy' | 'stabilizationWindowSeconds'>>

const DEFAULT_UP: Rules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
}
const DEFAULT_DOWN: Rules = {
  stabilizationWindowSeconds: 300,
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
}

const rulesOf = (rules: HPAScalingRules | undefined, defaults: Rules): Rules => ({
  stabilizationWindowSeconds: rules?.stabilizationWindowSeconds ?? defaults.stabilizationWindowSeconds,
  selectPolicy: rules?.selectPolicy ?? defaults.selectPolicy,
  policies: rules?.policies?.length ? rules.policies : defaults.policies,
})

interface Reason {
  readonly reason: string
  readonly message: string
}

export interface Limited {
  readonly replicas: number
  /** For the condition AbleToScale. */
  readonly able: Reason
  /** For ScalingLimited. */
  readonly limited: Reason & { readonly status: 'True' | 'False' }
}

const READY: Reason = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' }
const DOWN_STABILIZED: Reason = {
  reason: 'ScaleDownStabilized',
  message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
}
const UP_STABILIZED: Reason = {
  reason: 'ScaleUpStabilized',
  message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
}

/** Follows a recommendation as far as the autoscaler's rules let it. `history` is that of the looks before this one. */
export function limit({ spec }: HorizontalPodAutoscaler, current: number, recommended: number, history: History, now: number): Limited {
  const { minReplicas = 1, maxReplicas, behavior } = spec!
  const bounds = { least: minReplicas, most: maxReplicas }
  if (behavior === undefined) {
    const stable = Math.max(recommended, ...within(history.recommendations, DEFAULT_DOWN.stabilizationWindowSeconds, now))
    return { able: stable === recommended ? READY : DOWN_STABILIZED, ...clamp(current, stable, bounds) }
  }
  const up = rulesOf(behavior.scaleUp, DEFAULT_UP)
  const down = rulesOf(behavior.scaleDown, DEFAULT_DOWN)
  const least = Math.min(recommended, ...within(history.recommendations, up.stabilizationWindowSeconds, now))
  const most = Math.max(recommended, ...within(history.recommendations, down.stabilizationWindowSeconds, now))
  const stable = Math.min(Math.max(current, least), most)
  const able = stable === recommended ? READY : recommended >= current ? UP_STABILIZED : DOWN_STABILIZED
  return { able, ...clampByRules(current, stable, bounds, { up, down }, history, now) }
}

const within = (timed: readonly Timed[], seconds: number, now: number): number[] =>
  timed.filter(({ at }) => at > now - seconds * 1000).map(({ replicas }) => replicas)

interface Bounds {
  readonly least: number
  readonly most: number
}

const FREE: Limited['limited'] = {
  status: 'False',
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
}
const bound = (reason: string, message: string): Limited['limited'] => ({ status: 'True', reason, message })
const TOO_MANY = bound('TooManyReplicas', 'the desired replica count is more than the maximum replica count')
const TOO_FEW = bound('TooFewReplicas', 'the desired replica count is less than the minimum replica count')
const TOO_FAST_UP = bound('ScaleUpLimit', 'the desired replica count is increasing faster than the maximum scale rate')
const TOO_FAST_DOWN = bound('ScaleDownLimit', 'the desired replica count is decreasing faster than the maximum scale rate')

/** Without rules of its own an autoscaler doubles at most, or goes to four. */
function clamp(current: number, wanted: number, { least, most }: Bounds): Omit<Limited, 'able'> {
  const fastest = Math.max(2 * current, 4)
  if (wanted < least) return { replicas: least, limited: TOO_FEW }
  if (wanted > Math.min(fastest, most)) {
    return most > fastest ? { replicas: fastest, limited: TOO_FAST_UP } : { replicas: most, limited: TOO_MANY }
  }
  return { replicas: wanted, limited: FREE }
}

function clampByRules(
  current: number,
  wanted: number,
  { least, most }: Bounds,
  { up, down }: { readonly up: Rules; readonly down: Rules },
  history: History,
  now: number,
): Omit<Limited, 'able'> {
  if (wanted > current) {
    const fastest = Math.max(upLimit(current, up, history, now), current)
    if (wanted > Math.min(fastest, most)) {
      return most > fastest ? { replicas: fastest, limited: TOO_FAST_UP } : { replicas: most, limited: TOO_MANY }
    }
  }
  if (wanted < current) {
    const fastest = Math.min(downLimit(current, down, history, now), current)
    if (wanted < Math.max(fastest, least)) {
      return least < fastest ? { replicas: fastest, limited: TOO_FAST_DOWN } : { replicas: least, limited: TOO_FEW }
    }
  }
  return { replicas: wanted, limited: FREE }
}

const changedSince = (changes: readonly Timed[], { periodSeconds }: HPAScalingPolicy, now: number): number =>
  within(changes, periodSeconds, now).reduce((sum, replicas) => sum + replicas, 0)

const atStart = (current: number, { ups, downs }: History, policy: HPAScalingPolicy, now: number): number =>
  current - changedSince(ups, policy, now) + changedSince(downs, policy, now)

function upLimit(current: number, { policies, selectPolicy }: Rules, history: History, now: number): number {
  if (selectPolicy === 'Disabled') return current
  const limits = policies.map(policy => {
    const start = atStart(current, history, policy, now)
    // Rounded up, so that a small percentage of a few still is one.
    return policy.type === 'Pods' ? start + policy.value : Math.ceil(start * (1 + policy.value / 100))
  })
  return selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits)
}

function downLimit(current: number, { policies, selectPolicy }: Rules, history: History, now: number): number {
  if (selectPolicy === 'Disabled') return current
  const limits = policies.map(policy => {
    const start = atStart(current, history, policy, now)
    return policy.type === 'Pods' ? start - policy.value : Math.trunc(start * (1 - policy.value / 100))
  })
  return selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits)
}
